"""What a customer holds, as screens show it: plain values from at most three queries, writing nothing."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from django.db.models import Exists
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.models import User
from core import clock
from core.clock import DAY
from core.compiled import CompiledQuery
from subscriptions.models import Conditions, Plan, Subscription, TrialUse
from subscriptions.services.trials import identity_hash
from vpnpanel.models import Access, Panel, PanelAccount

WORKS = "active"
# Seven days just given are seven days, though the clocks of two machines differ a little.
ROUNDING = timedelta(minutes=1)
AWAY_AFTER = timedelta(minutes=2)


class State(StrEnum):
    """Where a customer stands. Whatever stops access most comes first."""

    NONE = "none"
    PENDING = "pending"  # time is left, but the panel does not serve it yet
    ACTIVE = "active"
    EXHAUSTED = "exhausted"  # time is left, the traffic is used up
    EXPIRED = "expired"
    DISABLED = "disabled"
    BANNED = "banned"


@dataclass(frozen=True)
class Source:
    """The links of one account that work, and the location its panel is shown under; empty if it has none.

    `is_away`: the panel has not answered for a while, so perhaps nobody gets through.
    """

    location: str
    links: tuple[str, ...]
    is_away: bool = False


@dataclass(frozen=True)
class Reading:
    """A subscription at one time: its state, the panels' links that work, and its traffic in bytes.

    `used_bytes` is all that ever flowed; of the period, since traffic last started anew. Limit 0: none.
    """

    state: State
    sources: tuple[Source, ...]
    used_bytes: int
    period_used: int
    period_limit: int


@dataclass(frozen=True)
class CustomerStatus:
    """What stands on a customer's screens. Without a subscription only `state` and `has_trial_left` count.

    `days_left` is rounded up, 0 once it is over. Traffic in bytes, since it last started anew; limit 0: none.
    `resets_at` is when it does so next, if it is to. `link` is a secret. `is_away`: no server that serves the
    customer has answered us for a while.
    """

    state: State
    has_trial_left: bool = False
    subscription_id: int | None = None
    plan_name: str = ""
    is_trial: bool = False
    expires_at: datetime | None = None
    time_left: timedelta = timedelta(0)
    link: str = ""
    is_ready: bool = False
    is_away: bool = False
    period_used: int = 0
    period_limit: int = 0
    resets_at: datetime | None = None
    keeps_traffic: bool = True
    has_own_limit: bool = False
    devices: int = 0
    device_mode: str = Conditions.DeviceMode.OFF

    @property
    def counts_devices(self) -> bool:
        """Whether devices that tell which one they are take places."""
        return self.device_mode != Conditions.DeviceMode.OFF

    @property
    def is_strict_on_devices(self) -> bool:
        """Whether only apps that tell which device they are on are served."""
        return self.device_mode == Conditions.DeviceMode.STRICT

    @property
    def days_left(self) -> int:
        if not self.time_left:
            return 0
        return max(-((ROUNDING - self.time_left) // DAY), 1)

    @property
    def time_left_text(self) -> str:
        """What is left, in words of the active language."""
        if self.time_left < DAY - ROUNDING:
            return _("less than a day")
        return ngettext("%(days)d day", "%(days)d days", self.days_left) % {"days": self.days_left}


def of(customer: User) -> CustomerStatus:
    """Return how things stand for a customer, in their language. Three queries.

    Of several subscriptions the one that ends last counts.
    """
    subscription = (
        Subscription.objects.filter(user=customer)
        .select_related("plan", "access", "allowance_grant")
        .order_by("-expires_at", "-id")
        .first()
    )
    if subscription is None:
        state = State.BANNED if customer.is_banned else State.NONE
        return CustomerStatus(state=state, has_trial_left=state == State.NONE and _has_trial_left(customer))
    now = clock.now()
    reading = read(subscription, customer, now=now)
    return CustomerStatus(
        state=reading.state,
        subscription_id=subscription.pk,
        plan_name=subscription.plan.name_in(customer.language),
        is_trial=subscription.plan.is_trial,
        expires_at=subscription.expires_at,
        time_left=max(subscription.expires_at - now, timedelta(0)),
        link=subscription.link,
        is_ready=reading.state == State.ACTIVE,
        is_away=reading.state == State.ACTIVE and all(source.is_away for source in reading.sources),
        period_used=reading.period_used,
        period_limit=reading.period_limit,
        resets_at=subscription.resets_at,
        keeps_traffic=subscription.keeps_traffic,
        has_own_limit=subscription.own_limit is not None,
        devices=subscription.access.devices,
        device_mode=subscription.device_mode,
    )


def read(subscription: Subscription, customer: User, *, now: datetime) -> Reading:
    """Return what a subscription amounts to at `now`. One query, if its access is loaded."""
    access = subscription.access
    accounts = _ACCOUNTS.rows(access.pk)
    used = sum(account.used_bytes for account in accounts)
    sources = _working_sources(access, accounts, now)
    return Reading(
        state=_state(subscription, customer, used, bool(sources), now),
        sources=sources,
        used_bytes=used,
        period_used=subscription.period_used(used),
        period_limit=subscription.period_limit,
    )


_ACCOUNTS = CompiledQuery[PanelAccount](
    lambda access_id: (
        PanelAccount.objects.filter(access_id=access_id)
        .select_related("panel")
        .order_by("id")
        .only(
            "placement",
            "links",
            "used_bytes",
            "observed_status",
            "applied_generation",
            "key_epoch",
            "panel__location",
            "panel__is_up",
            "panel__up_changed_at",
        )
    ),
    -1,
)


def _state(subscription: Subscription, customer: User, used: int, has_links: bool, now: datetime) -> State:
    limit = subscription.access.traffic_limit
    if customer.is_banned:
        return State.BANNED
    if subscription.is_disabled:
        return State.DISABLED
    if not subscription.is_live(now):
        return State.EXPIRED
    if limit and used >= limit:
        return State.EXHAUSTED
    return State.ACTIVE if has_links else State.PENDING


def _working_sources(access: Access, accounts: Iterable[PanelAccount], now: datetime) -> tuple[Source, ...]:
    """Return what the panels serve.

    A change under way does not stop a link that works; one that comes back from a stop (paid again, enabled
    again) works only once the panel has it, so that it is not promised before. Keys that are about to be
    changed are not handed out any more: an app would hold dead ones until it asks again.
    """
    return tuple(
        Source(account.panel.location, tuple(account.links), is_away=_is_away(account.panel, now))
        for account in accounts
        if account.links
        and account.placement == PanelAccount.Placement.SERVING
        and account.key_epoch == access.key_epoch
        and (account.applied_generation == access.generation or account.observed_status == WORKS)
    )


def _is_away(panel: Panel, now: datetime) -> bool:
    """A panel that was restarted is back within AWAY_AFTER; customers need not hear of that."""
    since = panel.up_changed_at
    return not panel.is_up and since is not None and since < now - AWAY_AFTER


def _has_trial_left(customer: User) -> bool:
    if customer.telegram_id is None:
        return False
    used = TrialUse.objects.filter(identity_hash=identity_hash(customer))
    return Plan.objects.filter(is_trial=True, is_open=True).filter(~Exists(used)).exists()
