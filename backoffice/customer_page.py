"""Everything about one customer for one page; the number of queries does not grow with what they did."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.db.models import Prefetch, Q, Sum
from django.http import HttpRequest
from django.utils.timesince import timesince
from django.utils.translation import gettext as _

from accounts.models import User
from backoffice import timeline
from backoffice.takings import shown
from billing.models import Decision, Order, Payment, Price
from billing.services import credit_of
from core import clock
from core.actors import who
from core.acts import Button, buttons
from core.charts import daily_bars
from core.clock import DAY
from core.staff import admin_of, size
from notifications.models import OutboxMessage
from referrals.models import Referral
from subscriptions.models import Grant, Subscription, TakeBack
from vpnpanel.models import Access, PanelAccount
from vpnpanel.services import terms_differ, traffic_by_day

TAKEN = Sum("take_backs__seconds", filter=Q(take_backs__state=TakeBack.State.TAKEN))
GRANTS_SHOWN = 8
DAYS_SHOWN = 30
INVITED_SHOWN = 10
ORDERS_SHOWN = 8


@dataclass(frozen=True)
class Standing:
    """Where a subscription stands, as one word with a tone."""

    word: str
    tone: str


@dataclass(frozen=True)
class Placement:
    """An account on a panel beside what it should be."""

    account: PanelAccount
    differs: str
    online: str


@dataclass(frozen=True)
class GrantLine:
    """A grant with the words that say what it was for; `taken` are the days that went back, if any."""

    grant: Grant
    days: str
    taken: str
    why: str
    by: str


@dataclass(frozen=True)
class Card:
    """A subscription with what stands behind it."""

    subscription: Subscription
    standing: Standing
    placements: list[Placement]
    grants: list[GrantLine]
    more_grants: int
    used: str
    limit: str
    buttons: list[Button]
    link: str
    chart: str


@dataclass(frozen=True)
class Money:
    """What a customer bought, how they paid, and what we hold of theirs."""

    credit: str
    orders: list[Order]
    has_more: bool
    open_decisions: list[Decision]


def context_of(customer: User, request: HttpRequest) -> dict[str, Any]:
    """Return what the customer's page shows to this member of staff."""
    may_see = request.user.has_perm
    invited = Referral.objects.filter(inviter=customer).select_related("invited").order_by("-id")
    story = timeline.of(customer, page=_asked_page(request), may_see=may_see)
    _offer_retries(story, request)
    return {
        "customer": customer,
        "cards": _cards(customer, request) if may_see("subscriptions.view_subscription") else None,
        "money": _money(customer, request) if may_see("billing.view_order") else None,
        "referral": Referral.objects.filter(invited=customer).select_related("inviter").first(),
        "invited": list(invited[:INVITED_SHOWN]),
        "invited_count": invited.count(),
        "timeline": story,
    }


def _money(customer: User, request: HttpRequest) -> Money:
    orders = (
        Order.objects.filter(payer=customer)
        .order_by("-id")
        .prefetch_related(
            Prefetch(
                "payments", Payment.objects.select_related("account").defer("account__secret", "request")
            )
        )
    )
    credit = {currency: credit_of(customer, currency) for currency in Price.Currency.values}
    newest = list(orders[: ORDERS_SHOWN + 1])
    return Money(
        credit=shown({currency: amount for currency, amount in credit.items() if amount}),
        orders=newest[:ORDERS_SHOWN],
        has_more=len(newest) > ORDERS_SHOWN,
        open_decisions=list(Decision.objects.filter(customer=customer, state=Decision.State.OPEN)),
    )


def _asked_page(request: HttpRequest) -> int:
    try:
        return int(request.GET.get("page", "1"))
    except ValueError:
        return 1


def _cards(customer: User, request: HttpRequest) -> list[Card]:
    accounts = PanelAccount.objects.select_related("panel").defer("panel__password").order_by("-id")
    held = (
        Subscription.objects.filter(user=customer)
        .select_related("plan", "access")
        .prefetch_related(
            Prefetch("grants", Grant.objects.annotate(taken=TAKEN).order_by("-id")),
            Prefetch("access__accounts", accounts),
        )
        .order_by("-expires_at")
    )
    now = clock.now()
    days = traffic_by_day([subscription.access_id for subscription in held], days=DAYS_SHOWN)
    return [
        _card(subscription, customer, request, now, days[subscription.access_id]) for subscription in held
    ]


def _card(
    subscription: Subscription,
    customer: User,
    request: HttpRequest,
    now: datetime,
    days: list[tuple[date, int]],
) -> Card:
    access = subscription.access
    placed = list(access.accounts.all())
    grants = list(subscription.grants.all())
    used, limit = sum(account.used_bytes for account in placed), subscription.period_limit
    may_copy = request.user.has_perm("subscriptions.change_subscription")
    return Card(
        subscription=subscription,
        standing=_standing(subscription, customer, placed, now),
        placements=[_placement(access, account, used, now) for account in placed],
        grants=[_grant_line(grant) for grant in grants[:GRANTS_SHOWN]],
        more_grants=max(len(grants) - GRANTS_SHOWN, 0),
        used=size(subscription.period_used(used)),
        limit=size(limit) if limit else _("no limit"),
        buttons=buttons(admin_of(Subscription), request, subscription),
        link=subscription.link if may_copy else "",
        chart=daily_bars(days, label=_("Traffic by day")) if any(flowed for _day, flowed in days) else "",
    )


def _standing(
    subscription: Subscription, customer: User, placed: list[PanelAccount], now: datetime
) -> Standing:
    if customer.is_banned:
        return Standing(_("Banned"), "danger")
    if subscription.is_disabled:
        return Standing(_("Disabled"), "danger")
    if not subscription.is_live(now):
        return Standing(_("Expired"), "default")
    serves = any(account.placement == PanelAccount.Placement.SERVING and account.links for account in placed)
    return Standing(_("Works"), "success") if serves else Standing(_("Being activated"), "warning")


def _placement(access: Access, account: PanelAccount, used: int, now: datetime) -> Placement:
    online = account.online_at
    ago = _("%(span)s ago") % {"span": timesince(online, now, depth=1)} if online is not None else "–"
    return Placement(account, ", ".join(_differences(access, account, used, now)), ago)


def _grant_line(grant: Any) -> GrantLine:
    kind = grant.source.partition(":")[0]
    names = {"trial": _("Trial"), "staff": _("By staff")}
    why = grant.reason or names.get(kind, grant.source)
    taken = _days(grant.taken) if grant.taken else ""
    return GrantLine(grant, _days(grant.seconds), taken, why, by=who(grant.actor))


def _days(seconds: int) -> str:
    return f"{round(seconds / DAY.total_seconds(), 1):g}"


def _differences(access: Access, account: PanelAccount, used: int, now: datetime) -> list[str]:
    """Return in which points a live account is not what it should be, as far as we last looked.

    `used` is the traffic of all accounts of the access, in bytes.
    """
    if account.placement not in PanelAccount.LIVE or account.observed_at is None:
        return []
    words = {"end": _("end"), "limit": _("traffic limit")}
    differs = [words[name] for name in terms_differ(access, account, used, now)]
    if account.applied_generation != access.generation:
        differs.append(_("a change is not applied"))
    return differs


def _offer_retries(story: timeline.Timeline, request: HttpRequest) -> None:
    outbox = admin_of(OutboxMessage)
    for entry in story.entries:
        if isinstance(entry.row, OutboxMessage):
            entry.buttons = buttons(outbox, request, entry.row)
