"""A stand-in for the Marzban 0.8.4 panel."""

from sandbox.marzban.standin import MarzbanStandIn

__all__ = ["MarzbanStandIn"]
