"""Verbs of invitations: a customer's code, and the arrival of somebody who used one."""

import secrets

from accounts import services as accounts
from accounts.models import User
from referrals.models import InviteCode, Referral

PREFIX = "r_"
ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"


def code_of(customer: User) -> str:
    """Return the customer's invite code, made on first use. Safe to repeat."""
    found = InviteCode.objects.filter(user=customer).first()
    if found is None:
        fresh = "".join(secrets.choice(ALPHABET) for _ in range(10))
        InviteCode.objects.bulk_create([InviteCode(user=customer, code=fresh)], ignore_conflicts=True)
        found = InviteCode.objects.get(user=customer)
    return found.code


def arrive(
    *,
    telegram_id: int,
    first_name: str,
    last_name: str,
    telegram_username: str,
    language_code: str,
    start_payload: str,
) -> User:
    """Return the customer behind a Telegram account; remember who invited them when they are new.

    Safe to repeat. Needs an open transaction.
    """
    customer, is_new = accounts.arrive(
        telegram_id=telegram_id,
        first_name=first_name,
        last_name=last_name,
        telegram_username=telegram_username,
        language_code=language_code,
        start_payload=start_payload,
    )
    if is_new and start_payload.startswith(PREFIX):
        _remember_inviter(customer, start_payload.removeprefix(PREFIX))
    return customer


def _remember_inviter(customer: User, code: str) -> None:
    invite = InviteCode.objects.filter(code=code).exclude(user=customer).first()
    if invite is not None:
        Referral.objects.bulk_create(
            [Referral(invited=customer, inviter_id=invite.user_id)], ignore_conflicts=True
        )
