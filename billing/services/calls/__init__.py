"""Everything that calls a provider about payments: send them, read them back, take what is only held.

Each call is made under a lease and with no transaction open; what comes of it ends in `apply_provider_state`.
"""

from billing.services.calls.checking import alert_missing, check_due, check_payment, next_check_at, read_back
from billing.services.calls.outside import LEASE_SECONDS, LeftAlone, Tired, ask_provider
from billing.services.calls.sending import send_due, send_payment

__all__ = [
    "LEASE_SECONDS",
    "LeftAlone",
    "Tired",
    "alert_missing",
    "ask_provider",
    "check_due",
    "check_payment",
    "next_check_at",
    "read_back",
    "send_due",
    "send_payment",
]
