"""A stand-in for YooKassa's API v3: payments, refunds, receipts, notifications and a page to pay on."""

from sandbox.yookassa.standin import YooKassaStandIn

__all__ = ["YooKassaStandIn"]
