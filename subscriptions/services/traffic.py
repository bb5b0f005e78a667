"""Traffic over time: new starts that are due, telling how much is used, limits that staff set."""

from datetime import date

from django.db import transaction
from django.db.models import Case, F, OuterRef, QuerySet, Subquery, Sum, When
from django.db.models.functions import Coalesce, Least

from accounts import services as accounts
from accounts.models import User
from core import clock
from notifications.services import tell
from subscriptions.models import Subscription
from subscriptions.services.allowances import Allowance
from subscriptions.services.expiry import sweep
from subscriptions.services.state import lock
from vpnpanel import services as vpnpanel
from vpnpanel.models import PanelAccount

NEARLY, ALL = 80, 100


def begin_due() -> int:
    """Start traffic anew where it is time, and return how many that was.

    Safe to repeat and to run in several processes at once: each customer is one short transaction. A start
    that was missed for long is made up for once.
    """
    return sweep(_to_begin(), _begin)


def tell_near_limit() -> int:
    """Tell customers that 80 %, or all, of their traffic is used; return how many were told.

    Once for each start of traffic, and again where more was added. Whoever has used everything up, and
    bought more for later, gets that now instead. Safe to repeat. Held back ones hear nothing.
    """
    return sweep(_near_limit(), _tell)


@transaction.atomic
def change_limit(subscription_id: int, *, limit: int | None, reason: str, actor: str) -> Subscription:
    """Let a limit of staff's own (bytes, 0: none) count from now on in place of the plan's, and tell the
    customer; None lets the plan's count again.

    It counts for what has flowed since traffic last started anew, and for each time after it; renewals keep
    it. Safe to repeat. Raises NoSuchSubscription, and ValueError for no reason or a negative limit.
    """
    if not reason.strip():
        raise ValueError("a reason is needed")
    if limit is not None and limit < 0:
        raise ValueError("a limit is not negative")
    subscription, customer = lock(subscription_id)
    if subscription.own_limit == limit:
        return subscription
    before = subscription.own_limit
    now = clock.database_now()
    allowance = Allowance(subscription, now=now)
    allowance.set_own(limit)
    allowance.settle(subscription.expires_at)
    _apply(subscription, allowance)
    subject = subscription.subject
    data = {"own_limit": limit, "before": before, "reason": reason.strip()[:300]}
    accounts.note(customer, "subscription.limit", actor=actor, subject=subject, data=data)
    tell(
        customer,
        "limit_changed",
        dedupe_key=f"limit_changed:{subscription.pk}:{now:%Y%m%d%H%M%S%f}",
        context={"subscription_id": subscription.pk, "limit": subscription.access.traffic_limit},
    )
    return subscription


def traffic_by_day(subscription_id: int, *, days: int) -> list[tuple[date, int]]:
    """Return the bytes of each of the last `days`, today the last one, 0 where none flowed. Two queries."""
    access_id = Subscription.objects.values_list("access_id", flat=True).get(pk=subscription_id)
    return vpnpanel.traffic_by_day([access_id], days=days)[access_id]


def _to_begin() -> "QuerySet[Subscription]":
    now = clock.database_now()
    return Subscription.objects.filter(
        state=Subscription.State.ACTIVE, resets_at__lte=now, expires_at__gt=now
    )


@transaction.atomic
def _begin(subscription_id: int, user_id: int) -> bool:
    subscription, customer = lock(subscription_id)
    if not _to_begin().filter(pk=subscription_id).exists():  # another process was faster
        return False
    allowance = Allowance(subscription, now=clock.database_now())
    allowance.settle(subscription.expires_at)
    _apply(subscription, allowance)
    _note_start(subscription, customer, allowance)
    return True


def _near_limit() -> "QuerySet[Subscription]":
    """Those who are to hear that they used four fifths, or all, since traffic last started anew."""
    of_access = PanelAccount.objects.filter(access=OuterRef("access_id")).order_by().values("access")
    used = Coalesce(Subquery(of_access.annotate(total=Sum("used_bytes")).values("total")), 0)
    limited = Subscription.objects.filter(
        state=Subscription.State.ACTIVE,
        expires_at__gt=clock.database_now(),
        is_disabled=False,
        user__banned_at__isnull=True,
        access__traffic_limit__gt=0,
        told_percent__lt=ALL,
    )
    # In fifths of a byte. The sum over the accounts stands there once, as the database works it out as often.
    everything = 5 * F("access__traffic_limit")
    nearly = Least(everything, 4 * F("access__traffic_limit") + F("allowance_from"))
    bound = Case(When(told_percent__lt=NEARLY, then=nearly), default=everything)
    return limited.annotate(fifths=5 * used).filter(fifths__gte=bound)


@transaction.atomic
def _tell(subscription_id: int, user_id: int) -> bool:
    subscription, customer = lock(subscription_id)
    if not _near_limit().filter(pk=subscription_id).exists():
        return False
    allowance = Allowance(subscription, now=clock.database_now())
    percent = ALL if allowance.is_used_up else NEARLY
    if percent == ALL and allowance.finds_more(subscription.expires_at):
        _apply(subscription, allowance)
        _note_start(subscription, customer, allowance)
        return False
    subscription.told_percent = percent
    subscription.save(update_fields=["told_percent"])
    limit = subscription.access.traffic_limit
    tell(
        customer,
        f"traffic_{percent}",
        dedupe_key=f"traffic_{percent}:{subscription.pk}:{subscription.allowance_from}:{limit}",
        context={"subscription_id": subscription.pk, "limit": limit},
    )
    return True


def _apply(subscription: Subscription, allowance: Allowance) -> None:
    limits = allowance.limits()
    subscription.save(update_fields=subscription.ALLOWANCE)
    if limits["traffic_limit"] != subscription.access.traffic_limit:
        vpnpanel.change_access(subscription.access_id, **limits)
        subscription.access.traffic_limit = limits["traffic_limit"]


def _note_start(subscription: Subscription, customer: User, allowance: Allowance) -> None:
    data = {"bytes": subscription.period_limit, "kept": allowance.pool.extra}
    accounts.note(
        customer, "subscription.traffic_began", actor="schedule", subject=subscription.subject, data=data
    )
