"""The back office of money: one module for each kind of row."""

from billing.admin import accounts, decisions, journal, notices, orders, payments, plans, refunds, rules

__all__ = ["accounts", "decisions", "journal", "notices", "orders", "payments", "plans", "refunds", "rules"]
