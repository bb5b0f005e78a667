"""The documents VPN apps fetch under a customer's link: from the database alone, with nothing written."""

from subscriptions.feeds.answers import Document, Found, find, make
from subscriptions.feeds.asking import app_of, device_of, is_preview
from subscriptions.feeds.formats import Format, Wanted, takes_pages, wanted_by

__all__ = [
    "Document",
    "Format",
    "Found",
    "Wanted",
    "app_of",
    "device_of",
    "find",
    "is_preview",
    "make",
    "takes_pages",
    "wanted_by",
]
