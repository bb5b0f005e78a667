"""How much traffic there is, and when it starts anew: by the conditions of what was bought, in its order."""

from datetime import UTC, datetime, timedelta

import pytest

from accounts.models import AuditEvent
from subscriptions import services, tasks
from subscriptions.models import Plan, Subscription
from subscriptions.months import month_after, next_month
from tests.factories import let_pass, make_customer, make_subscription, serve
from tests.subscriptions.allowing import (
    DAY,
    GIB,
    left,
    renew,
    resets_in,
    shown,
    start,
    take,
    terms,
    told,
    use,
    wait,
)

pytestmark = pytest.mark.django_db


def at(month: int, day: int, year=2026) -> datetime:
    return datetime(year, month, day, 15, 30, tzinfo=UTC)


def test_months_are_counted_from_the_anchor_and_clipped():
    assert [month_after(at(1, 31), n) for n in (1, 2, 3)] == [at(2, 28), at(3, 31), at(4, 30)]
    assert month_after(at(1, 31, 2028), 1) == at(2, 29, 2028)
    assert month_after(at(12, 5), 1) == at(1, 5, 2027)


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        (at(1, 31), at(2, 28)),
        (at(2, 28) - timedelta(seconds=1), at(2, 28)),
        (at(2, 28), at(3, 31)),
        (at(3, 30), at(3, 31)),
        (at(12, 31), at(1, 31, 2027)),
    ],
)
def test_next_month_is_the_first_later_one(after, expected):
    assert next_month(at(1, 31), after) == expected


def test_month_gives_the_amount_anew_and_what_is_left_lapses():
    subscription = start(terms(100, reset="monthly", days=365))
    use(subscription, 30)
    assert 28 <= resets_in(subscription) <= 31
    wait(subscription, 27)
    assert shown(subscription) == (30, 100)
    wait(subscription, 5)
    assert shown(subscription) == (0, 100)
    assert AuditEvent.objects.filter(action="subscription.traffic_began").count() == 1


def test_month_that_keeps_adds_what_is_left():
    subscription = start(terms(100, reset="monthly", carries=True, days=365))
    use(subscription, 30)
    wait(subscription, 32)
    assert shown(subscription) == (0, 170)


def test_month_starts_once_however_often_the_schedule_comes():
    subscription = start(terms(100, reset="monthly", days=365))
    wait(subscription, 32)
    use(subscription, 10)
    assert [services.begin_due() for _ in range(3)] == [0, 0, 0]
    assert shown(subscription) == (10, 100)


def test_months_that_were_missed_are_made_up_for_once():
    subscription = start(terms(100, reset="monthly", carries=True, days=365))
    wait(subscription, 100)
    assert shown(subscription) == (0, 200)
    assert 0 < resets_in(subscription) < 31


def test_no_month_starts_after_the_end():
    subscription = start(terms(100, reset="monthly", days=30))
    assert resets_in(subscription) is None or Subscription.objects.get().expires_at.month == 3
    services.give(subscription.pk, source="staff:1", seconds=10 * DAY, actor="olga")
    assert resets_in(subscription) is not None
    use(subscription, 10)
    wait(subscription, 41)
    services.expire_due()
    assert (services.begin_due(), shown(subscription)) == (0, (10, 100))


def test_what_is_given_after_the_end_starts_no_month():
    subscription = start(terms(100, reset="monthly", carries=True, days=8))
    wait(subscription, 60)
    services.expire_due()
    services.give(subscription.pk, source="staff:1", seconds=0, traffic=GIB, actor="olga")
    assert shown(subscription) == (0, 101)


@pytest.mark.parametrize("carries", [True, False])
def test_what_panels_let_through_beyond_the_limit_takes_nothing_of_a_gift_or_a_purchase(carries):
    subscription = start(terms(10, carries=carries))
    use(subscription, 12)
    services.give(subscription.pk, source="staff:1", seconds=0, traffic=5 * GIB, actor="olga")
    assert left(subscription) == 5
    use(subscription, 7)
    renew(subscription, terms(10, carries=carries))
    assert left(subscription) == 10


def test_traffic_used_up_comes_back_with_the_month_and_is_announced():
    subscription = start(terms(1, reset="monthly", days=365))
    use(subscription, 2)
    subscription.access.__class__.objects.update(announce=False)
    wait(subscription, 32)
    subscription.access.refresh_from_db()
    assert shown(subscription) == (0, 1) and subscription.access.announce


@pytest.mark.parametrize("reset", ["renewal", "monthly"])
def test_bought_early_without_keeping_starts_when_its_time_comes(reset):
    subscription = start(terms(100, reset=reset))
    use(subscription, 30)
    renew(subscription, terms(50, reset=reset))
    assert shown(subscription) == (30, 100)
    wait(subscription, 27.9)
    assert shown(subscription) == (30, 100)
    wait(subscription, 2.2)
    assert shown(subscription) == (0, 50)


def test_bought_early_with_keeping_adds_at_once():
    subscription = start(terms(100, carries=True))
    use(subscription, 30)
    renew(subscription, terms(50, carries=True))
    assert (shown(subscription), resets_in(subscription)) == ((0, 120), None)
    wait(subscription, 31)
    assert shown(subscription) == (0, 120)


def test_amounts_that_never_start_anew_add_up():
    subscription = start(terms(100, reset="never"))
    use(subscription, 30)
    renew(subscription, terms(50, reset="never"))
    wait(subscription, 31)
    assert (shown(subscription), resets_in(subscription)) == ((30, 150), None)


def test_bought_after_the_end_starts_at_once_and_what_lapses_is_left_behind():
    subscription = start(terms(100))
    use(subscription, 30)
    wait(subscription, 31)
    services.expire_due()
    renew(subscription, terms(50))
    assert shown(subscription) == (0, 50)


def test_bought_in_a_trial_starts_at_once():
    subscription = make_subscription(traffic_limit=5 * GIB)
    serve(subscription, used_bytes=GIB)
    renew(subscription, terms(100))
    assert shown(subscription) == (0, 104)
    wait(subscription, 8)
    assert shown(subscription) == (0, 104)
    use(subscription, 20)
    renew(subscription, terms(50), "order:3")
    wait(subscription, 30)
    assert shown(subscription) == (0, 54)  # of the plan's own nothing is kept, of what was there before it is


def test_used_up_traffic_gets_what_was_bought_at_once():
    subscription = start(terms(10))
    use(subscription, 10)
    renew(subscription, terms(50))
    assert shown(subscription) == (0, 50)
    use(subscription, 20)
    wait(subscription, 31)
    assert shown(subscription) == (20, 50)


def test_what_was_bought_early_comes_when_everything_is_used_up_and_does_not_lapse_before_its_end():
    subscription = start(terms(10, reset="monthly", days=90))
    renew(subscription, terms(500, reset="monthly"))
    use(subscription, 10)
    tasks.follow_traffic()
    assert shown(subscription) == (0, 500) and told() == []
    use(subscription, 100)
    wait(subscription, 32)
    assert shown(subscription) == (0, 410)


def test_traffic_given_on_top_is_used_last_and_stays():
    subscription = start(terms(100, reset="monthly", days=365))
    services.give(subscription.pk, source="staff:1", seconds=0, traffic=20 * GIB, actor="olga")
    use(subscription, 110)
    wait(subscription, 32)
    assert shown(subscription) == (0, 110)


def test_unlimited_time_is_not_cut_short_by_what_waits():
    subscription = start(terms(0))
    renew(subscription, terms(100))
    assert shown(subscription)[1] == 0
    wait(subscription, 31)
    assert shown(subscription) == (0, 100)


def test_unlimited_bought_early_counts_at_once_and_for_what_waited():
    subscription = start(terms(100))
    renew(subscription, terms(100))
    renew(subscription, terms(0), "order:3")
    wait(subscription, 31)
    assert (shown(subscription)[1], resets_in(subscription)) == (0, None)


def test_refund_of_what_waits_takes_only_that_and_puts_it_back():
    subscription = start(terms(100))
    renew(subscription, terms(50))
    use(subscription, 30)
    assert take("order:2").traffic == 50 * GIB
    assert (shown(subscription), resets_in(subscription)) == ((30, 100), None)
    services.give_back(by="refund:1", actor="olga", reason="failed")
    assert shown(subscription) == (30, 100)
    wait(subscription, 31)
    assert shown(subscription) == (0, 50)


def test_partial_refund_of_what_waits_leaves_the_rest_for_its_time():
    subscription = start(terms(100))
    renew(subscription, terms(60))
    take("order:2", seconds=10 * DAY)
    wait(subscription, 31)
    assert shown(subscription) == (0, 40)


def test_refund_of_what_runs_starts_what_waits():
    subscription = start(terms(100))
    renew(subscription, terms(50))
    use(subscription, 30)
    assert take("order:1").traffic == 70 * GIB
    assert shown(subscription) == (0, 50)


def test_refund_of_what_is_over_takes_nothing_of_what_runs():
    subscription = start(terms(100))
    renew(subscription, terms(50))
    wait(subscription, 31)
    assert take("order:1").traffic == 0
    assert shown(subscription) == (0, 50)


def test_part_of_a_year_refunded_leaves_the_month_and_all_of_it_takes_what_is_left():
    subscription = start(terms(100, reset="monthly", days=365))
    use(subscription, 30)
    assert take("order:1", by="refund:1", seconds=100 * DAY).traffic == 0
    assert take("order:1", by="refund:2").traffic == 70 * GIB


def test_start_after_time_that_joined_is_not_missed():
    subscription = start(terms(100, reset="never"))
    renew(subscription, terms(100, reset="never"))
    renew(subscription, terms(60), "order:3")
    wait(subscription, 61)
    assert shown(subscription) == (0, 260)


def test_customers_hear_of_four_fifths_and_of_all_once_each():
    subscription = start(terms(100, reset="monthly", days=365))
    expected = []
    for size, kind in ((79, None), (1, "traffic_80"), (19, None), (1, "traffic_100"), (5, None)):
        use(subscription, size)
        tasks.follow_traffic()
        tasks.follow_traffic()
        expected += [kind] if kind else []
        assert told() == expected
    wait(subscription, 32)
    use(subscription, 100)
    tasks.follow_traffic()
    assert told() == [*expected, "traffic_100"]


def test_more_traffic_given_may_be_used_up_anew():
    subscription = start(terms(10))
    use(subscription, 10)
    tasks.follow_traffic()
    services.give(subscription.pk, source="staff:1", seconds=0, traffic=10 * GIB, actor="olga")
    use(subscription, 10)
    tasks.follow_traffic()
    assert told() == ["traffic_100", "traffic_100"]


@pytest.mark.parametrize("hold", ["ban", "disable", "end"])
def test_held_back_customers_hear_nothing_of_traffic(hold):
    subscription = start(terms(10))
    use(subscription, 10)
    if hold == "ban":
        services.ban_customer(subscription.user_id, reason="fraud", actor="olga")
    elif hold == "disable":
        services.disable(subscription.pk, reason="fraud", actor="olga")
    else:
        let_pass(subscription, days=31)
    services.tell_near_limit()
    assert not {"traffic_80", "traffic_100"} & set(told())


def test_editing_a_plan_changes_neither_holders_nor_what_is_to_start():
    subscription = start(terms(100, reset="monthly", days=365))
    Plan.objects.update(traffic_limit=GIB, traffic_reset="never", carries_over=True)
    wait(subscription, 32)
    assert shown(subscription) == (0, 100)


def test_idle_sweep_costs_the_same_however_many_there_are(django_assert_num_queries):
    for _ in range(3):
        services.take_trial(make_customer().pk, actor="customer")
    with django_assert_num_queries(2 + 2 * (connection_reads_clock())):
        services.begin_due()
        services.tell_near_limit()


def connection_reads_clock() -> int:
    from django.db import connection

    return int(connection.vendor == "postgresql")
