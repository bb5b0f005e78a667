"""What is unused of a grant, taken back in parts or whole, and given back."""

import pytest

from accounts.models import AuditEvent
from core import clock
from notifications.models import OutboxMessage
from subscriptions import services
from subscriptions.errors import NoSuchGrant, NoSuchTakeBack, SourceTaken
from subscriptions.models import Grant, Subscription, TakeBack
from tests.factories import let_pass, make_subscription, serve
from vpnpanel.models import Access, PanelAccount

pytestmark = pytest.mark.django_db
DAY = 86_400
GIB = 2**30


def give(subscription, source="order:1", seconds=30 * DAY, **more) -> Grant:
    return services.give(subscription.pk, source=source, seconds=seconds, actor="test", **more)


def take(seconds: int | None = None, *, source="order:1", by="refund:1", reason="refund") -> TakeBack:
    return services.take_back(source=source, by=by, seconds=seconds, actor="olga", reason=reason)


def give_back(by="refund:1") -> TakeBack:
    return services.give_back(by=by, actor="olga", reason="refund failed")


def end_of(subscription):
    return Subscription.objects.get(pk=subscription.pk).expires_at


def access_of(subscription) -> Access:
    return Access.objects.get(pk=subscription.access_id)


def added(subscription) -> float:
    return (end_of(subscription) - subscription.expires_at).total_seconds() / DAY


def test_trail_says_what_was_given_taken_and_given_back():
    subscription = make_subscription()
    give(subscription)
    take()
    give_back()
    events = AuditEvent.objects.filter(subject=subscription.subject).order_by("id")
    assert [event.action for event in events] == [
        "trial.taken",
        "grant.given",
        "grant.taken_back",
        "grant.given_back",
    ]
    assert [event.data.get("seconds") for event in events][1:] == [30 * DAY] * 3
    assert events[2].data["for"] == "refund:1"


def test_all_is_taken_of_what_has_not_begun():
    subscription = make_subscription()
    give(subscription)
    row = take()
    assert (row.seconds, row.is_whole, added(subscription)) == (30 * DAY, True, 0)
    assert (row.ends_before, row.ends_after) == (
        Grant.objects.get(source="order:1").ends_after,
        subscription.expires_at,
    )


def test_used_time_stays_used():
    subscription = make_subscription()
    give(subscription)
    let_pass(subscription, days=17)
    row = take()
    assert 20 * DAY - 30 < row.seconds <= 20 * DAY + 1
    assert end_of(subscription) <= clock.now()


def test_used_up_grant_leaves_later_ones_alone():
    subscription = make_subscription()
    give(subscription)
    let_pass(subscription, days=8)
    trial = subscription.grants.get(source__startswith="trial:")
    assert take(source=trial.source).seconds == 0
    assert end_of(subscription) == subscription.expires_at


def test_f27_several_parts_take_no_more_than_was_given():
    subscription = make_subscription()
    give(subscription)
    parts = [take(12 * DAY, by=f"refund:{number}") for number in range(3)]
    assert [part.seconds for part in parts] == [12 * DAY, 12 * DAY, 6 * DAY]
    assert [part.is_whole for part in parts] == [False, False, True]
    assert added(subscription) == 0


def test_f32_refund_among_several_purchases_takes_its_own_interval():
    subscription = make_subscription()
    for number in range(3):
        give(subscription, source=f"order:{number}", seconds=(number + 1) * 10 * DAY)
    take(source="order:1")
    assert added(subscription) == 40
    assert take(source="order:2", by="refund:2").seconds == 30 * DAY
    assert take(source="order:0", by="refund:0").seconds == 10 * DAY


def test_same_reason_takes_once_also_after_it_was_given_back():
    subscription = make_subscription()
    give(subscription)
    first = take(5 * DAY)
    assert take(5 * DAY) == first
    assert added(subscription) == 25
    give_back()
    assert take(5 * DAY) == first
    assert added(subscription) == 30


def test_reason_that_took_from_another_grant_is_refused():
    subscription = make_subscription()
    give(subscription)
    give(subscription, source="order:2")
    take()
    with pytest.raises(SourceTaken):
        take(source="order:2")


def test_what_ends_access_says_so_once():
    subscription = make_subscription()
    take(source=subscription.grants.get().source)
    services.expire_due()
    subscription.refresh_from_db()
    assert subscription.state == Subscription.State.EXPIRED
    assert not access_of(subscription).is_wanted(clock.now())
    assert OutboxMessage.objects.filter(kind="subscription_expired").count() == 1


def test_limit_stays_a_limit():
    subscription = make_subscription()
    Grant.objects.update(traffic=GIB, devices=1)
    Access.objects.update(traffic_limit=GIB, devices=1)
    take(source=Grant.objects.get().source)
    access = access_of(subscription)
    assert (access.traffic_limit, access.devices) == (1, 1)


def test_traffic_that_flowed_stays_used():
    subscription = make_subscription(traffic_limit=GIB)
    account = serve(subscription)
    give(subscription, traffic=10 * GIB)
    PanelAccount.objects.filter(pk=account.pk).update(used_bytes=3 * GIB)
    assert (take().traffic, access_of(subscription).traffic_limit) == (8 * GIB, 3 * GIB)


def test_part_takes_its_share_of_the_traffic_and_leaves_devices():
    subscription = make_subscription(traffic_limit=GIB, devices=1)
    give(subscription, traffic=30 * GIB, devices=2)
    take(10 * DAY)
    access = access_of(subscription)
    assert (access.traffic_limit, access.devices) == (21 * GIB, 3)
    rest = take(by="refund:2")
    assert (rest.seconds, rest.traffic, rest.devices) == (20 * DAY, 20 * GIB, 2)
    assert access_of(subscription).traffic_limit == GIB


def test_given_back_is_exactly_what_was_taken():
    subscription = make_subscription(traffic_limit=GIB, devices=1)
    give(subscription, traffic=GIB, devices=2)
    take()
    give_back()
    access = access_of(subscription)
    assert (added(subscription), access.traffic_limit, access.devices) == (30, 2 * GIB, 3)


def test_given_back_twice_gives_once():
    subscription = make_subscription()
    give(subscription)
    take(7 * DAY)
    give_back()
    assert give_back().state == TakeBack.State.GIVEN_BACK
    assert added(subscription) == 30


def test_one_of_two_parts_given_back_leaves_the_other_taken():
    subscription = make_subscription()
    give(subscription)
    take(4 * DAY, by="refund:1")
    take(5 * DAY, by="refund:2")
    give_back("refund:1")
    assert added(subscription) == 25
    assert take(by="refund:3").seconds == 25 * DAY


def test_given_back_after_the_end_starts_now_and_brings_access_back():
    subscription = make_subscription()
    take(source=subscription.grants.get().source)
    give_back()
    subscription.refresh_from_db()
    assert subscription.state == Subscription.State.ACTIVE
    assert access_of(subscription).announce


@pytest.mark.parametrize("seconds", [None, 5 * DAY, 99 * DAY])
def test_preview_says_what_taking_back_then_does(seconds):
    subscription = make_subscription()
    give(subscription)
    let_pass(subscription, days=9)
    seen = services.preview_take_back(source="order:1", seconds=seconds)
    row = take(seconds)
    assert seen.total_seconds == 30 * DAY
    assert abs(seen.seconds - row.seconds) <= 1
    assert (seen.ends_before, seen.ends_after - row.ends_after) == (
        row.ends_before,
        seen.ends_after - row.ends_after,
    )
    assert abs((seen.ends_after - row.ends_after).total_seconds()) <= 1


def test_preview_changes_nothing(django_assert_num_queries):
    give(make_subscription())
    before = list(Grant.objects.values()), list(Access.objects.values())
    services.preview_take_back(source="order:1")
    assert (list(Grant.objects.values()), list(Access.objects.values())) == before


@pytest.mark.parametrize("verb", [take, lambda source: services.preview_take_back(source=source)])
def test_unknown_source_is_an_error(verb):
    with pytest.raises(NoSuchGrant):
        verb(source="order:404")


def test_unknown_reason_gives_nothing_back():
    with pytest.raises(NoSuchTakeBack):
        give_back("refund:404")


def test_taking_back_cannot_give():
    give(make_subscription())
    with pytest.raises(ValueError, match="gives nothing"):
        take(-1)


def test_cost_of_taking_and_giving_back_is_pinned(django_assert_max_num_queries):
    give(make_subscription(traffic_limit=GIB, devices=1), traffic=GIB, devices=1)
    with django_assert_max_num_queries(20):
        take()
    with django_assert_max_num_queries(20):
        give_back()
