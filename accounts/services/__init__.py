"""Verbs over people: who they are, and what they agreed to."""

from accounts.services.customers import (
    LANGUAGES,
    arrive,
    choose_language,
    expect_customer,
    find_customers,
    give_staff_access,
    language_for,
    lock_customer,
    note,
    note_reach,
    set_banned,
    set_telegram_id,
)
from accounts.services.documents import (
    consent_of,
    current_documents,
    give_consent,
    is_sample,
    missing_documents,
    publish_document,
)

__all__ = [
    "LANGUAGES",
    "arrive",
    "choose_language",
    "consent_of",
    "current_documents",
    "expect_customer",
    "find_customers",
    "give_consent",
    "give_staff_access",
    "is_sample",
    "language_for",
    "lock_customer",
    "missing_documents",
    "note",
    "note_reach",
    "publish_document",
    "set_banned",
    "set_telegram_id",
]
