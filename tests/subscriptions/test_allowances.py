"""How much traffic there is, and when it starts anew: by the conditions of what was bought, in its order."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from accounts.models import AuditEvent
from core import clock
from notifications.models import OutboxMessage
from subscriptions import services, status, tasks
from subscriptions.models import Grant, Plan, Subscription
from subscriptions.months import month_after, next_month
from subscriptions.services import Terms
from tests.factories import let_pass, make_customer, make_subscription, serve
from vpnpanel.models import PanelAccount

pytestmark = pytest.mark.django_db
DAY = 86_400
GIB = 2**30


def terms(size: float, *, reset="renewal", carries=False, days=30, **other) -> Terms:
    conditions = {"traffic_reset": reset, "carries_over": carries}
    plan = services.terms_of(Plan.objects.get(code="month"))
    conditions = plan.conditions | conditions
    return replace(plan, traffic_limit=int(size * GIB), days=days, conditions=conditions, **other)


def start(bought: Terms) -> Subscription:
    subscription = services.start(make_customer().pk, terms=bought, source="order:1", actor="shop")
    serve(subscription)
    return subscription


def renew(subscription, bought: Terms, source="order:2") -> Grant:
    return services.renew(subscription.pk, terms=bought, source=source, actor="shop")


def take(source: str, by="refund:1", seconds=None):
    return services.take_back(source=source, by=by, seconds=seconds, actor="olga", reason="refund")


def use(subscription, size: float) -> None:
    account = PanelAccount.objects.get(access=subscription.access_id)
    account.used_bytes += int(size * GIB)
    account.save()


def wait(subscription, days: float) -> None:
    """Let days pass, and the schedule do what is due."""
    let_pass(subscription, days=days)
    tasks.follow_traffic()


def shown(subscription) -> tuple[float, float]:
    """Return what is used and what is allowed since traffic last started anew, in GiB."""
    row = Subscription.objects.select_related("access").get(pk=subscription.pk)
    reading = status.read(row, row.user, now=clock.now())
    return reading.period_used / GIB, reading.period_limit / GIB


def resets_in(subscription) -> float | None:
    at = Subscription.objects.get(pk=subscription.pk).resets_at
    return None if at is None else round((at - clock.now()).total_seconds() / DAY, 2)


def told() -> list[str]:
    return list(OutboxMessage.objects.order_by("id").values_list("kind", flat=True))


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


def test_limit_of_staff_is_kept_by_renewals_and_months():
    subscription = start(terms(100, carries=True))
    use(subscription, 30)
    services.change_limit(subscription.pk, limit=40 * GIB, reason="abuse", actor="olga")
    assert shown(subscription) == (30, 40)
    renew(subscription, terms(200, reset="monthly", days=90))
    assert shown(subscription) == (30, 40)
    wait(subscription, 31)
    assert shown(subscription) == (0, 40)
    wait(subscription, 32)
    assert shown(subscription) == (0, 40)
    trail = AuditEvent.objects.filter(action="subscription.renewed").latest("id")
    assert trail.data["kept_own_limit"] == 40 * GIB


def test_limit_of_staff_may_be_none_and_be_lifted_again():
    subscription = start(terms(100))
    services.change_limit(subscription.pk, limit=0, reason="friend", actor="olga")
    renew(subscription, terms(100))
    assert shown(subscription)[1] == 0
    services.change_limit(subscription.pk, limit=None, reason="no friend", actor="olga")
    assert shown(subscription) == (0, 100)
    assert told() == ["limit_changed", "limit_changed"]


def own(subscription, size: float | None) -> None:
    limit = None if size is None else int(size * GIB)
    services.change_limit(subscription.pk, limit=limit, reason="abuse", actor="olga")


@pytest.mark.parametrize("size", [40, 0, 500])
def test_lifted_limit_of_staff_leaves_all_that_was_paid_and_given(size):
    subscription = start(terms(100, reset="never"))
    renew(subscription, terms(100, reset="never"))
    services.give(subscription.pk, source="staff:1", seconds=0, traffic=20 * GIB, actor="olga")
    use(subscription, 30)
    own(subscription, size)
    services.give(subscription.pk, source="staff:2", seconds=0, traffic=5 * GIB, actor="olga")
    renew(subscription, terms(60, reset="never"), "order:3")
    use(subscription, 5)
    own(subscription, 50)
    own(subscription, None)
    used, limit = shown(subscription)
    assert limit - used == (190 if size else 195)  # what flowed without a limit is not counted
    wait(subscription, 61)
    assert left(subscription) == limit - used + 60


def test_start_after_time_that_joined_is_not_missed():
    subscription = start(terms(100, reset="never"))
    renew(subscription, terms(100, reset="never"))
    renew(subscription, terms(60), "order:3")
    wait(subscription, 61)
    assert shown(subscription) == (0, 260)


def test_plans_go_on_under_a_limit_of_staff():
    subscription = start(terms(100, reset="monthly", days=60))
    services.give(subscription.pk, source="staff:1", seconds=0, traffic=20 * GIB, actor="olga")
    renew(subscription, terms(50, carries=True))
    own(subscription, 10)
    use(subscription, 4)
    wait(subscription, 32)
    assert shown(subscription) == (0, 10)
    wait(subscription, 32)
    own(subscription, None)
    assert left(subscription) == 50 + 20


def test_time_that_was_bought_before_the_limit_of_staff_begins_with_that_limit():
    subscription = start(terms(100, reset="never"))
    renew(subscription, terms(100, reset="never"))
    own(subscription, 40)
    use(subscription, 10)
    wait(subscription, 31)
    services.give(subscription.pk, source="staff:1", seconds=DAY, actor="olga")
    assert left(subscription) >= 30
    own(subscription, None)
    assert left(subscription) == 190


def test_what_waited_begins_when_staff_lift_their_limit_of_none():
    subscription = start(terms(100))
    renew(subscription, terms(60))
    own(subscription, 0)
    wait(subscription, 31)
    own(subscription, None)
    assert shown(subscription) == (0, 60)
    assert take("order:2").traffic == 60 * GIB - 1  # a limit never falls to 0


def test_refund_under_a_limit_of_staff_takes_what_was_paid_and_puts_it_back():
    subscription = start(terms(100, reset="never", days=90))
    renew(subscription, terms(50, reset="never"))
    own(subscription, 40)
    assert take("order:2").traffic == 50 * GIB
    assert shown(subscription) == (0, 40)
    own(subscription, None)
    assert left(subscription) == 100
    own(subscription, 40)
    services.give_back(by="refund:1", actor="olga", reason="failed")
    own(subscription, None)
    assert left(subscription) == 150


def left(subscription) -> float:
    used, limit = shown(subscription)
    return limit - used


def test_limit_set_twice_is_set_once():
    subscription = start(terms(100))
    for _ in range(2):
        services.change_limit(subscription.pk, limit=GIB, reason="abuse", actor="olga")
    assert AuditEvent.objects.filter(action="subscription.limit").count() == 1 and told() == ["limit_changed"]


@pytest.mark.parametrize(("limit", "reason"), [(1, " "), (-1, "abuse")])
def test_limit_needs_a_reason_and_a_size(limit, reason):
    with pytest.raises(ValueError, match="reason|negative"):
        services.change_limit(start(terms(1)).pk, limit=limit, reason=reason, actor="olga")


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
