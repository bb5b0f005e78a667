"""How a Telegram account becomes a customer, and what of it changes later."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection, transaction

from accounts import services
from accounts.models import AuditEvent, User
from tests.factories import make_customer


def arrive(**changed) -> tuple[User, bool]:
    report = {
        "telegram_id": 700,
        "first_name": "Anna",
        "last_name": "Ivanova",
        "telegram_username": "anna",
        "language_code": "ru",
        "start_payload": "",
    }
    with transaction.atomic():
        return services.arrive(**report | changed)


@pytest.mark.django_db
class TestArrival:
    def test_newcomer_is_remembered_with_all_telegram_says(self):
        customer, is_new = arrive(start_payload="ad_1")
        assert is_new
        assert (customer.full_name, customer.telegram_username, customer.language) == (
            "Anna Ivanova",
            "anna",
            "ru",
        )
        assert (customer.start_payload, customer.reach, customer.is_staff) == ("ad_1", User.Reach.OK, False)

    def test_customer_cannot_sign_in_with_a_password(self):
        assert not arrive()[0].check_password("!")
        assert not arrive()[0].has_usable_password()

    def test_newcomer_stands_in_the_trail_once(self):
        arrive(start_payload="ad_1")
        arrive(start_payload="ad_2")
        assert [event.data for event in AuditEvent.objects.filter(action="customer.arrived")] == [
            {"payload": "ad_1"}
        ]

    def test_second_arrival_is_the_same_customer(self):
        first, _ = arrive()
        assert arrive() == (first, False)

    def test_names_follow_telegram(self):
        arrive()
        customer, _ = arrive(first_name="Anya", telegram_username="")
        customer.refresh_from_db()
        assert (customer.first_name, customer.telegram_username) == ("Anya", "")

    def test_first_payload_counts(self):
        arrive(start_payload="r_first")
        assert arrive(start_payload="r_second")[0].start_payload == "r_first"

    def test_chosen_language_outlives_what_telegram_reports(self):
        customer, _ = arrive(language_code="ru")
        services.choose_language(customer.pk, "en")
        assert arrive(language_code="ru")[0].language == "en"

    def test_overlong_values_are_cut_to_what_rows_hold(self):
        customer, _ = arrive(first_name="A" * 500, telegram_username="b" * 500, start_payload="c" * 500)
        assert (len(customer.first_name), len(customer.telegram_username), len(customer.start_payload)) == (
            128,
            64,
            64,
        )

    def test_who_unblocked_the_bot_is_reachable_again(self):
        customer, _ = arrive()
        services.note_reach(telegram_id=700, reach=User.Reach.BLOCKED)
        arrive()
        customer.refresh_from_db()
        assert customer.reach == User.Reach.OK

    def test_update_of_a_known_customer_reads_once_and_writes_nothing(self, django_assert_num_queries):
        arrive()
        with transaction.atomic(), django_assert_num_queries(3):  # a savepoint, its release, the customer
            arrive()

    def test_seen_time_is_written_every_five_minutes_only(self):
        customer, _ = arrive()
        earlier = customer.seen_at - timedelta(seconds=301)
        User.objects.filter(pk=customer.pk).update(seen_at=earlier)
        seen = arrive()[0].seen_at
        assert seen > earlier
        assert arrive()[0].seen_at == seen


@pytest.mark.django_db(transaction=True)
def test_first_two_taps_at_once_make_one_customer():
    def tap(_: int) -> tuple[User, bool]:
        try:
            return arrive()
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as threads:
        results = list(threads.map(tap, range(4)))
    assert len({customer.pk for customer, _ in results}) == 1
    assert [is_new for _, is_new in results].count(True) == 1


@pytest.mark.parametrize(
    ("code", "language"),
    [
        ("ru", "ru"),
        ("ru-RU", "ru"),
        ("RU", "ru"),
        ("uk", "ru"),
        ("en", "en"),
        ("de", "en"),
        ("", "en"),
        ("rub", "en"),
    ],
)
def test_language_to_start_in(code, language):
    assert services.language_for(code) == language


@pytest.mark.django_db
def test_unknown_language_is_refused():
    customer = make_customer()
    with pytest.raises(ValueError, match="xx"):
        services.choose_language(customer.pk, "xx")
    customer.refresh_from_db()
    assert (customer.language, customer.is_language_chosen) == ("en", False)
