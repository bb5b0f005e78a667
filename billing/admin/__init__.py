"""The back office of money: one module for each kind of row."""

from billing.admin import journal, notices, orders, payments, plans, refunds, rules

__all__ = ["journal", "notices", "orders", "payments", "plans", "refunds", "rules"]
