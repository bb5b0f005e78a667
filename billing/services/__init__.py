"""Verbs over money: what is bought, how it is paid, and where the money lies."""

from billing.services.quotes import Offer, offers

__all__ = ["Offer", "offers"]
