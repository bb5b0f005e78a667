"""Verbs over customers: reach, bans, search, staff access."""

import pytest
from django.db import IntegrityError, transaction

from accounts import services
from accounts.errors import NoSuchCustomer
from accounts.models import AuditEvent, User
from tests.factories import make_customer, make_staff

pytestmark = pytest.mark.django_db


def found(text: str) -> list[User]:
    return list(User.objects.filter(services.find_customers(text)).order_by("pk"))


def test_user_has_a_name_or_a_telegram_account():
    with pytest.raises(IntegrityError), transaction.atomic():
        User.objects.create(first_name="Nobody")


def test_lock_of_nobody_is_an_error_of_its_own():
    with pytest.raises(NoSuchCustomer), transaction.atomic():
        services.lock_customer(999_999)


def test_reach_is_noted_with_the_time_it_changed():
    customer = make_customer()
    services.note_reach(telegram_id=customer.telegram_id, reach=User.Reach.BLOCKED)
    blocked = User.objects.get(pk=customer.pk)
    services.note_reach(telegram_id=customer.telegram_id, reach=User.Reach.BLOCKED)
    again = User.objects.get(pk=customer.pk)
    assert blocked.reach == User.Reach.BLOCKED
    assert blocked.reach_changed_at == again.reach_changed_at > customer.reach_changed_at


def test_reach_of_a_stranger_is_no_error():
    services.note_reach(telegram_id=1, reach=User.Reach.GONE)
    assert not User.objects.exists()


def test_ban_is_kept_with_reason_and_author():
    customer = make_customer()
    assert services.set_banned(customer.pk, reason="spam", actor="olga")
    customer.refresh_from_db()
    event = AuditEvent.objects.get(action="customer.banned")
    assert (customer.is_banned, customer.ban_reason) == (True, "spam")
    assert (event.customer, event.actor, event.data) == (customer, "olga", {"reason": "spam"})


def test_second_ban_keeps_the_first():
    customer = make_customer()
    services.set_banned(customer.pk, reason="spam", actor="olga")
    assert not services.set_banned(customer.pk, reason="other", actor="ivan")
    customer.refresh_from_db()
    assert customer.ban_reason == "spam"


def test_lifted_ban_leaves_no_trace_but_the_trail():
    customer = make_customer()
    services.set_banned(customer.pk, reason="spam", actor="olga")
    assert services.set_banned(customer.pk, reason=None, actor="olga")
    assert not services.set_banned(customer.pk, reason=None, actor="olga")
    customer.refresh_from_db()
    assert (customer.is_banned, customer.ban_reason) == (False, "")
    assert AuditEvent.objects.filter(action="customer.unbanned").count() == 1


@pytest.mark.parametrize("text", ["700123", "@ANNA_vpn", "anna_vpn", " ann ", "ivan"])
def test_customer_is_found_by_id_name_and_handle(text):
    anna = make_customer(telegram_id=700123)
    User.objects.filter(pk=anna.pk).update(telegram_username="anna_vpn", last_name="Ivanova")
    make_customer(first_name="Boris")
    assert found(text) == [anna]


@pytest.mark.parametrize("text", ["²", "9" * 40, "%", "@", "ann_", "\x00"])
def test_odd_search_finds_nobody_and_breaks_nothing(text):
    make_customer()
    assert found(text) == []


def test_staff_access_can_be_given_again_with_another_password():
    services.give_staff_access("olga", password="first password")
    user = services.give_staff_access("olga", password="second password")
    assert user.check_password("second password") and not user.check_password("first password")
    assert (user.is_staff, user.is_superuser, User.objects.count()) == (True, False, 1)


def test_superuser_stays_one():
    make_staff("olga")
    assert services.give_staff_access("olga", password="another password").is_superuser


def test_name_of_a_user_is_what_there_is():
    assert [str(make_customer(first_name="Anna")), str(make_staff("olga"))] == ["Anna", "olga"]
