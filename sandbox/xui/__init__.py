"""A stand-in for the 3x-ui panel, of any version from 2.6.0 on: both dialects of its API."""

from sandbox.xui.standin import XuiStandIn

__all__ = ["XuiStandIn"]
