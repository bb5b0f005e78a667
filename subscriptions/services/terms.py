"""The terms a subscription runs on: started by a purchase, replaced by the next one, put back by a refund."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import Sum

from accounts import services as accounts
from accounts.models import User
from core import clock
from core.clock import DAY
from subscriptions.errors import SourceTaken, TooFarAhead
from subscriptions.models import MOST_DAYS, Conditions, Grant, Plan, Subscription, TakeBack
from subscriptions.services import queue
from subscriptions.services.allowances import Allowance
from subscriptions.services.state import REMIND_BEFORE, lock, move_end, note, whole_second
from subscriptions.tokens import fresh_token, hash_of
from vpnpanel import services as vpnpanel
from vpnpanel.models import Access, PanelGroup

FURTHEST = timedelta(days=MOST_DAYS)


@dataclass(frozen=True)
class Terms:
    """What is bought, as it was when it was ordered. Traffic in bytes; 0 there or of devices: no limit.

    `conditions` are the values of `subscriptions.models.Conditions`; those left out are a new plan's.
    """

    plan_id: int
    days: int
    traffic_limit: int
    devices: int
    group_ids: tuple[int, ...]
    conditions: dict[str, Any] = field(default_factory=dict)

    @property
    def seconds(self) -> int:
        return self.days * int(DAY.total_seconds())


def terms_of(plan: Plan) -> Terms:
    """Return the plan's terms as they are now. One query."""
    groups = tuple(plan.groups.order_by("pk").values_list("pk", flat=True))
    return Terms(plan.pk, plan.days, plan.traffic_limit, plan.devices, groups, plan.conditions)


@transaction.atomic
def start(customer_id: int, *, terms: Terms, source: str, actor: str) -> Subscription:
    """Give the customer their first paid subscription; they are told as soon as it works.

    Whoever holds a subscription, running or over, has that one renewed instead: one link for ever.
    Safe to repeat: a source counts once. A banned customer gets the time, and no access until the ban is
    lifted. Raises NoSuchCustomer, TooFarAhead, and SourceTaken if the source paid for somebody else.
    """
    customer = accounts.lock_customer(customer_id)
    given = Grant.objects.select_related("subscription").filter(source=source).first()
    if given is not None:
        if given.subscription.user_id != customer.pk:
            raise SourceTaken(f"{source} paid for customer {given.subscription.user_id}, not {customer.pk}")
        return given.subscription
    rows = customer.subscriptions.select_related("access", "allowance_grant__plan")
    held = rows.order_by("-expires_at", "-id").first()
    if held is not None:
        held.user = customer
        _renew(held, customer, terms=terms, source=source, actor=actor)
        return held
    subscription = open_subscription(customer, terms, source=source, actor=actor)
    data = {"source": source, "plan": subscription.plan.code, "seconds": terms.seconds}
    note(subscription, customer, "subscription.started", actor=actor, data=data)
    return subscription


@transaction.atomic
def renew(subscription_id: int, *, terms: Terms, source: str, actor: str) -> Grant:
    """Let the subscription run on these terms, for their days after the later of now and its end.

    Plan, devices and groups become those bought; devices that staff added on top stay, and so does a limit
    they set. Traffic follows the conditions of what was bought, see `allowances`. Safe to repeat: a source
    counts once. A subscription that is held back gets its time, and stays held back.
    Raises NoSuchSubscription, TooFarAhead, and SourceTaken if the source paid for another subscription.
    """
    subscription, customer = lock(subscription_id)
    given = Grant.objects.filter(source=source).first()
    if given is not None:
        return queue.own(given, subscription)
    return _renew(subscription, customer, terms=terms, source=source, actor=actor)


def _renew(subscription: Subscription, customer: User, *, terms: Terms, source: str, actor: str) -> Grant:
    now = clock.database_now()
    end = queue.end_with(subscription, terms.seconds, now)
    if end - now > FURTHEST:
        raise TooFarAhead(f"it would end on {end:%Y-%m-%d}, more than {MOST_DAYS} days from now")
    allowance, before = Allowance(subscription, now=now), queue.standing(subscription).first()
    plans = allowance.plans
    kept = plans.left if plans.limit or before is None else before.kept_traffic
    grant = Grant(
        subscription=subscription,
        source=source,
        plan_id=terms.plan_id,
        seconds=terms.seconds,
        traffic=terms.traffic_limit,
        devices=terms.devices,
        group_ids=list(terms.group_ids),
        **terms.conditions,
        kept_traffic=kept,
        actor=actor,
        ends_before=subscription.expires_at,
        ends_after=end,
    )
    grant = queue.insert(grant, after=queue.last_place(subscription))
    limits = change_terms(subscription, grant)
    allowance.buy(grant, before, end=end)
    limits |= allowance.limits()
    if end - now <= REMIND_BEFORE:
        subscription.reminded_end = end  # whoever buys a day knows when it ends
    move_end(subscription, customer, end, now=now, **limits)
    data = {"source": source, "plan": subscription.plan.code, "seconds": terms.seconds}
    if subscription.own_limit is not None:
        data["kept_own_limit"] = subscription.own_limit
    note(subscription, customer, "subscription.renewed", actor=actor, data=data)
    return grant


def open_subscription(customer: User, terms: Terms, *, source: str, actor: str) -> Subscription:
    """Start a subscription on these terms with the grant that pays for it; the customer is locked."""
    now = clock.database_now()
    end = whole_second(now) + timedelta(seconds=terms.seconds)
    access = vpnpanel.open_access(
        customer,
        until=end,
        traffic_limit=terms.traffic_limit,
        devices=terms.devices,
        groups=groups_of(terms.group_ids, terms.plan_id),
        panel_count=terms.conditions.get("panel_count", 1),
        enforces_devices=terms.conditions.get("device_mode") == Conditions.DeviceMode.STRICT,
        announce=True,
    )
    if customer.is_banned:
        vpnpanel.change_access(access.pk, is_enabled=False)
    grant = first_grant(terms, source=source, began_at=now, ends_after=end, actor=actor)
    return hold(access, grant, reminded_end=end if terms.days * DAY <= REMIND_BEFORE else None)


def first_grant(terms: Terms, **values: Any) -> Grant:
    """Return the grant of these terms that a subscription is to begin with, unsaved; `values` go before."""
    granted = {
        "plan_id": terms.plan_id,
        "seconds": terms.seconds,
        "traffic": terms.traffic_limit,
        "devices": terms.devices,
        "group_ids": list(terms.group_ids),
        **terms.conditions,
    }
    return Grant(**granted | values)


def hold(access: Access, grant: Grant, *, used: int = 0, **state: Any) -> Subscription:
    """Write down the subscription with this access, `used` bytes of which flowed, and what pays for it."""
    assert grant.plan_id and grant.began_at and grant.ends_after
    token = fresh_token()
    subscription = Subscription.objects.create(
        user=access.user,
        plan_id=grant.plan_id,
        access=access,
        expires_at=grant.ends_after,
        token=token,
        token_hash=hash_of(token),
        **grant.conditions,
        **state,
    )
    grant.subscription = subscription
    queue.insert(grant, after=0)
    allowance = Allowance(subscription, now=grant.began_at, used=used)
    allowance.settle(grant.ends_after)
    allowance.limits()
    subscription.save(update_fields=subscription.ALLOWANCE)
    return subscription


def change_terms(subscription: Subscription, grant: Grant) -> dict[str, Any]:
    """Put the subscription on the grant's plan and conditions; return what of them `move_end` is to apply."""
    assert grant.plan_id is not None
    subscription.plan_id = grant.plan_id
    for name, value in grant.conditions.items():
        setattr(subscription, name, value)
    devices = grant.devices + _added_devices(subscription) if grant.devices else 0
    return {
        "devices": devices,
        "groups": groups_of(grant.group_ids, grant.plan_id),
        "panel_count": grant.panel_count,
        "enforces_devices": grant.device_mode == Conditions.DeviceMode.STRICT,
    }


def _added_devices(subscription: Subscription) -> int:
    """Return how many devices were given on top of plans and not taken back."""
    added = subscription.grants.filter(plan__isnull=True).aggregate(total=Sum("devices"))["total"] or 0
    if not added:
        return 0
    taken = TakeBack.objects.filter(grant__subscription=subscription, grant__plan__isnull=True)
    return added - (taken.filter(state="taken").aggregate(total=Sum("devices"))["total"] or 0)


def groups_of(group_ids: "list[int] | tuple[int, ...]", plan_id: int) -> list[PanelGroup]:
    """Return the groups that were bought; those of the plan today where staff have deleted them all."""
    bought = list(PanelGroup.objects.filter(pk__in=list(group_ids)))
    return bought or list(PanelGroup.objects.filter(plans=plan_id))
