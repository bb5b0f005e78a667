"""Verbs over customers. A verb that touches money or access locks the customer first: `lock_customer`."""

from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Q

from accounts.errors import NoSuchCustomer, TelegramIdTaken
from accounts.models import AuditEvent, User
from core import clock
from core.rows import insert_missing

LANGUAGES = ("en", "ru")
RUSSIAN_READERS = ("ru", "be", "uk", "kk", "uz", "ky", "tg", "az", "hy")


def language_for(code: str) -> str:
    """Return the language to start in, from the IETF tag a client reports (may be empty)."""
    return "ru" if code.split("-")[0].lower() in RUSSIAN_READERS else "en"


def lock_customer(user_id: int) -> User:
    """Lock the customer until the transaction ends, and return the row re-read.

    NO KEY: a plain FOR UPDATE would block every insert that refers to the customer.
    SQLite ignores the lock; there the IMMEDIATE transaction is the lock.
    Raises NoSuchCustomer.
    """
    customer = User.objects.select_for_update(no_key=True).filter(pk=user_id).first()
    if customer is None:
        raise NoSuchCustomer(f"there is no customer {user_id}")
    return customer


def arrive(
    *,
    telegram_id: int,
    first_name: str,
    last_name: str,
    telegram_username: str,
    language_code: str,
    start_payload: str,
) -> tuple[User, bool]:
    """Return the customer behind a Telegram account, and whether they are new.

    Safe to repeat, also at once from two processes. Names follow what Telegram reports; the language
    is taken from Telegram only until the customer chooses one; `start_payload` counts on first sight only.
    Needs an open transaction.
    """
    names = {
        "first_name": first_name[:128],
        "last_name": last_name[:128],
        "telegram_username": telegram_username[:64],
    }
    customer = User.objects.select_for_update(no_key=True).filter(telegram_id=telegram_id).first()
    if customer is None:
        return _welcome(telegram_id, names, language_code, start_payload)
    is_new_to_us = (
        customer.seen_at is None
    )  # they came with an operator's panel, and write for the first time
    _refresh(customer, names, first={"language": language_for(language_code)} if is_new_to_us else {})
    return customer, False


def _welcome(telegram_id: int, names: dict[str, str], language_code: str, payload: str) -> tuple[User, bool]:
    now = clock.now()
    new = User(
        telegram_id=telegram_id,
        language=language_for(language_code),
        start_payload=payload[:64],
        reach=User.Reach.OK,
        reach_changed_at=now,
        seen_at=now,
        password="!",
        **names,
    )
    if not insert_missing(new):  # another process was faster
        return User.objects.select_for_update(no_key=True).get(telegram_id=telegram_id), False
    note(new, "customer.arrived", actor="customer", data={"payload": payload} if payload else {})
    return new, True


def expect_customer(
    *, telegram_id: int | None = None, username: str | None = None, first_name: str = ""
) -> User:
    """Return the customer with this Telegram id or name, who may never have written to the bot.

    Safe to repeat, also at once from two processes. Needs an open transaction.
    """
    known = {"telegram_id": telegram_id} if telegram_id is not None else {"username": (username or "")[:150]}
    new = User(**known, first_name=first_name[:128], password="!")
    if insert_missing(new):
        note(new, "customer.expected", actor="system")
        return new
    return User.objects.get(**known)


def set_telegram_id(customer: User, *, telegram_id: int, actor: str) -> None:
    """Say which Telegram account a customer is who came without; the caller holds their lock.

    Raises TelegramIdTaken, which the caller's transaction must not outlive.
    """
    customer.telegram_id = telegram_id
    try:
        customer.save(update_fields=["telegram_id"])
    except IntegrityError as taken:
        raise TelegramIdTaken(f"Telegram id {telegram_id} is another customer's") from taken
    note(customer, "customer.linked", actor=actor, data={"telegram_id": telegram_id})


SEEN_EVERY_SECONDS = 300


def _refresh(customer: User, names: dict[str, str], first: dict[str, str]) -> None:
    """Write only what changed: most updates of a known customer cost no write here."""
    now = clock.now()
    seen = {**names, **({} if customer.is_language_chosen else first)}
    changed: dict[str, Any] = {
        name: value for name, value in seen.items() if getattr(customer, name) != value
    }
    if customer.reach != User.Reach.OK:
        changed |= {"reach": User.Reach.OK, "reach_changed_at": now}
    if customer.seen_at is None or (now - customer.seen_at).total_seconds() > SEEN_EVERY_SECONDS:
        changed["seen_at"] = now
    if not changed:
        return
    for name, value in changed.items():
        setattr(customer, name, value)
    customer.save(update_fields=list(changed))


@transaction.atomic
def choose_language(user_id: int, language: str) -> User:
    """Set the language the customer chose; it no longer follows Telegram."""
    if language not in LANGUAGES:
        raise ValueError(f"unknown language {language!r}")
    customer = lock_customer(user_id)
    customer.language, customer.is_language_chosen = language, True
    customer.save(update_fields=["language", "is_language_chosen"])
    return customer


@transaction.atomic
def note_reach(*, telegram_id: int, reach: User.Reach) -> None:
    """Write down whether the bot can write to this Telegram account. Unknown accounts are no error."""
    User.objects.filter(telegram_id=telegram_id).exclude(reach=reach).update(
        reach=reach, reach_changed_at=clock.now()
    )


@transaction.atomic
def set_banned(user_id: int, *, reason: str | None, actor: str) -> bool:
    """Ban the customer for `reason`, or lift the ban with None; tell whether that changed anything."""
    customer = lock_customer(user_id)
    if customer.is_banned == (reason is not None):
        return False
    customer.banned_at = None if reason is None else clock.now()
    customer.ban_reason = reason or ""
    customer.save(update_fields=["banned_at", "ban_reason"])
    note(
        customer,
        "customer.unbanned" if reason is None else "customer.banned",
        actor=actor,
        data={"reason": reason or ""},
    )
    return True


def note(
    customer: User | None, action: str, *, actor: str, subject: str = "", data: dict[str, Any] | None = None
) -> None:
    """Add a line to the trail, in the caller's transaction."""
    AuditEvent.objects.create(customer=customer, action=action, actor=actor, subject=subject, data=data or {})


def find_customers(text: str) -> Q:
    """Return the filter behind every search for a customer: Telegram id, @name, or a part of the name.

    Nothing to look for finds nobody. Numbers and @names are found by an index; parts of names read the table.
    """
    text = text.replace("\0", "").strip()  # PostgreSQL refuses texts with NUL
    username = text.lstrip("@")
    if not username:
        return Q(pk__in=[])
    if text.isdecimal():
        return Q(telegram_id=int(text)) | Q(pk=int(text))
    if text != username:
        return Q(telegram_username__iexact=username)
    return Q(telegram_username__iexact=text) | Q(first_name__icontains=text) | Q(last_name__icontains=text)


@transaction.atomic
def give_staff_access(username: str, *, password: str, is_superuser: bool = False) -> User:
    """Let someone sign in to the admin with this password, which replaces an earlier one.

    Safe to repeat. A superuser stays one.
    """
    user, _ = User.objects.get_or_create(username=username)
    user.is_staff = user.is_active = True
    user.is_superuser = user.is_superuser or is_superuser
    user.set_password(password)
    user.save(update_fields=["is_staff", "is_active", "is_superuser", "password"])
    note(user, "staff.access_given", actor="command line")
    return user
