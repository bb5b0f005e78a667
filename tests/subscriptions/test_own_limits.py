"""A limit that staff set: it stands in place of what the plans allow, which goes on behind it."""

import pytest

from accounts.models import AuditEvent
from subscriptions import services
from subscriptions.messages import comes_next
from tests.factories import serve
from tests.subscriptions.allowing import DAY, GIB, left, renew, shown, start, take, terms, told, use, wait

pytestmark = pytest.mark.django_db


def own(subscription, size: float | None) -> None:
    limit = None if size is None else int(size * GIB)
    services.change_limit(subscription.pk, limit=limit, reason="abuse", actor="olga")


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


def test_traffic_without_a_limit_is_shown_whatever_else_happens_meanwhile():
    subscription = start(terms(100))
    use(subscription, 10)
    own(subscription, 0)
    use(subscription, 30)
    services.give(subscription.pk, source="staff:1", seconds=DAY, traffic=5 * GIB, actor="olga")
    assert shown(subscription) == (30, 0)
    own(subscription, None)
    assert shown(subscription) == (0, 95)


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


def test_limit_set_twice_is_set_once():
    subscription = start(terms(100))
    for _ in range(2):
        services.change_limit(subscription.pk, limit=GIB, reason="abuse", actor="olga")
    assert AuditEvent.objects.filter(action="subscription.limit").count() == 1 and told() == ["limit_changed"]


@pytest.mark.parametrize(("limit", "reason"), [(1, " "), (-1, "abuse")])
def test_limit_needs_a_reason_and_a_size(limit, reason):
    with pytest.raises(ValueError, match="reason|negative"):
        services.change_limit(start(terms(1)).pk, limit=limit, reason=reason, actor="olga")


def test_who_used_up_a_limit_of_staff_is_told_when_a_renewal_starts_traffic_anew(client):
    """Not "renew to get more": what is bought now waits until the days before it are over."""
    subscription = start(terms(100))
    own(subscription, 5)
    use(subscription, 5)
    serve(subscription)
    subscription.refresh_from_db()
    assert "starts anew on" in comes_next(subscription)
    page = client.get(f"/s/{subscription.token}", headers={"accept": "text/html"}).content.decode()
    assert "starts anew on" in page and "the same link works again" not in page
