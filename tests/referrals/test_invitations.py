"""Who brought whom: set once, when somebody first arrives."""

import re

import pytest
from django.db import IntegrityError, transaction

from accounts.models import User
from referrals import services
from referrals.models import InviteCode, Referral
from tests.factories import make_customer

pytestmark = pytest.mark.django_db


def arrive(telegram_id: int, payload: str) -> User:
    with transaction.atomic():
        return services.arrive(
            telegram_id=telegram_id,
            first_name="Boris",
            last_name="",
            telegram_username="",
            language_code="en",
            start_payload=payload,
        )


@pytest.fixture
def inviter() -> User:
    return make_customer()


@pytest.fixture
def link(inviter) -> str:
    return f"r_{services.code_of(inviter)}"


def test_code_is_made_once_and_fits_a_start_link(inviter):
    code = services.code_of(inviter)
    assert code == services.code_of(inviter)
    assert re.fullmatch(r"[a-z2-9]{10}", code)


def test_codes_differ():
    assert len({services.code_of(make_customer()) for _ in range(20)}) == 20


def test_newcomer_by_a_link_is_remembered_as_invited(inviter, link):
    customer = arrive(900, link)
    referral = Referral.objects.get()
    assert (referral.invited, referral.inviter) == (customer, inviter)


def test_customer_who_was_here_before_is_invited_by_nobody(link):
    arrive(900, "")
    arrive(900, link)
    assert not Referral.objects.exists()


def test_first_inviter_stays(inviter, link):
    arrive(900, link)
    arrive(900, f"r_{services.code_of(make_customer())}")
    assert Referral.objects.get().inviter == inviter


def test_nobody_invites_themselves(inviter, link):
    arrive(inviter.telegram_id, link)
    assert not Referral.objects.exists()
    with pytest.raises(IntegrityError), transaction.atomic():
        Referral.objects.create(invited=inviter, inviter=inviter)


@pytest.mark.parametrize("payload", ["", "r_", "r_unknown", "ad_1", "r_' OR 1=1"])
def test_other_payloads_invite_nobody_and_still_welcome(payload):
    assert arrive(900, payload).telegram_id == 900
    assert not Referral.objects.exists()


def test_code_is_not_the_customers_id(inviter):
    services.code_of(inviter)
    assert str(inviter.telegram_id) not in InviteCode.objects.get().code
