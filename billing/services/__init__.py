"""Verbs over money: what is bought, how it is paid, and where the money lies."""

from billing.services.accounts import (
    add_account,
    change_account,
    check_account,
    explain,
    explain_refund,
    offered_accounts,
    set_account_open,
)
from billing.services.calls import check_payment, send_payment
from billing.services.fulfilling import give_now, not_active
from billing.services.journal import balances, credit_of
from billing.services.manual import Method, book_by_hand
from billing.services.orders import close_order, pay_from_credit, place_order
from billing.services.payments import apply_provider_state, import_payment
from billing.services.quotes import Offer, Quote, offers, quote
from billing.services.refunds import preview_refund, request_refund

__all__ = [
    "Method",
    "Offer",
    "Quote",
    "add_account",
    "apply_provider_state",
    "balances",
    "book_by_hand",
    "change_account",
    "check_account",
    "check_payment",
    "close_order",
    "credit_of",
    "explain",
    "explain_refund",
    "give_now",
    "import_payment",
    "not_active",
    "offered_accounts",
    "offers",
    "pay_from_credit",
    "place_order",
    "preview_refund",
    "quote",
    "request_refund",
    "send_payment",
    "set_account_open",
]
