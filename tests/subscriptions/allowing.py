"""Holding, using and renewing amounts of traffic, and what the customer is shown of it."""

from dataclasses import replace

from core import clock
from notifications.models import OutboxMessage
from subscriptions import services, status, tasks
from subscriptions.models import Grant, Plan, Subscription
from subscriptions.services import Terms
from tests.factories import let_pass, make_customer, serve
from vpnpanel.models import PanelAccount

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


def left(subscription) -> float:
    used, limit = shown(subscription)
    return limit - used
