"""What is bought, how it is paid, and where the money lies."""

from billing.models.accounts import ProviderAccount
from billing.models.decisions import Decision
from billing.models.journal import JournalEntry
from billing.models.notices import Notice
from billing.models.orders import Order
from billing.models.payments import Payment, PaymentEvent
from billing.models.prices import Price
from billing.models.providers import OUTSIDE, Provider
from billing.models.refunds import Refund
from billing.models.rules import BillingRules

__all__ = [
    "BillingRules",
    "Decision",
    "JournalEntry",
    "Notice",
    "OUTSIDE",
    "Order",
    "Payment",
    "PaymentEvent",
    "Price",
    "Provider",
    "ProviderAccount",
    "Refund",
]
