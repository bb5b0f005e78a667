"""Traffic by day: every look at a counter adds what it grew by, once, whoever looks."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import transaction
from django.test import override_settings

from core import clock, retention
from tests.racing import at_once
from tests.vpnpanel.syncing import as_owner, run_sync
from tests.vpnpanel.test_sync import make_accounts
from tests.vpnpanel.wanted import account_of, change, want_access
from vpnpanel import reconciler
from vpnpanel.models import Access, AccessUsage
from vpnpanel.services import usage

NOON = datetime(2026, 3, 31, 12, tzinfo=UTC)


@pytest.fixture
def access(panel):
    access = want_access(announce=False)
    reconciler.reconcile_due()
    access.refresh_from_db()
    return access


def days(access: Access) -> dict[date, int]:
    return dict(access.usage.values_list("day", "bytes"))


def test_sync_and_reconciler_add_to_the_same_day(access, marzban):
    today, name = usage.day_of(clock.now()), account_of(access).name
    marzban.traffic(name, 700)
    run_sync()
    marzban.traffic(name, 50)
    change(access)
    reconciler.reconcile_due()
    run_sync()
    assert days(access) == {today: 750}
    assert account_of(access).used_bytes == 750


def test_counter_that_fell_adds_what_it_shows(access, marzban):
    name = account_of(access).name
    marzban.traffic(name, 700)
    run_sync()
    as_owner(marzban, "POST", f"{name}/reset")
    marzban.traffic(name, 20)
    run_sync()
    assert list(days(access).values()) == [720]


def test_first_traffic_is_noted_and_stays(access, marzban):
    run_sync()
    access.refresh_from_db()
    assert access.first_used_at is None and not days(access)
    marzban.traffic(account_of(access).name, 1)
    run_sync()
    first = Access.objects.get().first_used_at
    marzban.traffic(account_of(access).name, 1)
    run_sync()
    assert first is not None and Access.objects.get().first_used_at == first


@override_settings(TIME_ZONE="Asia/Vladivostok")
def test_days_are_those_of_the_installation(access):
    for at in (NOON, NOON + timedelta(hours=3)):  # 22:00 there, and 01:00 of the next day
        usage.note_growth({access.pk: 5}, at=at)
    assert days(access) == {date(2026, 3, 31): 5, date(2026, 4, 1): 5}


def test_days_without_traffic_are_shown_as_none(access):
    usage.note_growth({access.pk: 5}, at=NOON)
    (shown,) = usage.by_day([access.pk], days=3, until=date(2026, 4, 1)).values()
    assert shown == [(date(2026, 3, 30), 0), (date(2026, 3, 31), 5), (date(2026, 4, 1), 0)]


def test_cost_of_a_page_does_not_depend_on_how_many_grew(panel, marzban, django_assert_num_queries):
    make_accounts(panel, marzban, 30)
    keys = list(Access.objects.values_list("pk", flat=True))
    with django_assert_num_queries(3):
        usage.note_growth(dict.fromkeys(keys, 1), at=NOON)
    with django_assert_num_queries(2):
        usage.note_growth(dict.fromkeys(keys, 1), at=NOON)
    with django_assert_num_queries(0):
        usage.note_growth(dict.fromkeys(keys, 0), at=NOON)
    assert set(AccessUsage.objects.values_list("bytes", flat=True)) == {2}


def test_more_rows_than_a_statement_takes(panel, marzban, monkeypatch):
    monkeypatch.setattr(usage, "ROWS_A_STATEMENT", 4)
    make_accounts(panel, marzban, 9)
    usage.note_growth(dict.fromkeys(Access.objects.values_list("pk", flat=True), 3), at=NOON)
    assert AccessUsage.objects.filter(bytes=3).count() == 9


def test_old_days_go_by_the_retention_table(access):
    for age in (399, 402):
        usage.note_growth({access.pk: 1}, at=clock.now() - timedelta(days=age))
    retention.sweep_all()
    assert access.usage.get().day == usage.day_of(clock.now() - timedelta(days=399))


@pytest.mark.django_db(transaction=True)
def test_two_writers_at_once_lose_nothing():
    keys = [want_access().pk for _ in range(3)]

    def write(order: list[int]) -> None:
        for _ in range(20):
            with transaction.atomic():
                usage.note_growth(dict.fromkeys(order, 1), at=NOON)

    assert at_once(lambda: write(keys), lambda: write(keys[::-1])) == [None, None]
    assert set(AccessUsage.objects.values_list("bytes", flat=True)) == {40}
