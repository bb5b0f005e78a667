"""Verbs over money: what is bought, how it is paid, and where the money lies."""

from billing.services.journal import balances, credit_of
from billing.services.quotes import Offer, Quote, offers, quote

__all__ = ["Offer", "Quote", "balances", "credit_of", "offers", "quote"]
