"""The home page: what needs attention, what today brought, how the panels are."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import F
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import User
from backoffice.attention import concerns
from backoffice.takings import last_days
from billing.models import JournalEntry, Order
from core import clock
from core.staff import page_of
from notifications.models import OutboxMessage
from subscriptions.models import Subscription, TrialUse
from vpnpanel.models import Panel


@dataclass(frozen=True)
class Figure:
    """A number of today, with the list behind it."""

    title: str
    value: int | str
    url: str
    permission: str
    icon: str


def dashboard(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Add what the home page shows to those who may see it. A fixed number of queries."""
    now = clock.now()
    seen = [concern for concern in concerns(now) if request.user.has_perm(concern.permission)]
    context |= {
        "troubles": [concern for concern in seen if concern.count],
        "quiet": [concern for concern in seen if not concern.count],
        "figures": [figure for figure in _figures(now) if request.user.has_perm(figure.permission)],
        "days": last_days(now) if request.user.has_perm("billing.view_journalentry") else [],
        "journal_url": page_of(JournalEntry),
        "panels": _panels() if request.user.has_perm("vpnpanel.view_panel") else [],
        "panels_url": page_of(Panel),
    }
    return context


def _figures(now: datetime) -> list[Figure]:
    midnight = timezone.localtime(now).replace(hour=0, minute=0, second=0, microsecond=0)
    live = Subscription.objects.filter(state=Subscription.State.ACTIVE, is_disabled=False, expires_at__gt=now)
    sent = OutboxMessage.objects.filter(state=OutboxMessage.State.SENT, created_at__gte=midnight)
    today = last_days(now)[0]
    return [
        Figure(_("Orders paid today"), today.orders, page_of(Order), "billing.view_order", "shopping_cart"),
        Figure(
            _("Income today"),
            today.received_shown,
            page_of(JournalEntry),
            "billing.view_journalentry",
            "payments",
        ),
        Figure(
            _("New customers today"),
            User.objects.filter(telegram_id__isnull=False, joined_at__gte=midnight).count(),
            page_of(User),
            "accounts.view_user",
            "person_add",
        ),
        Figure(
            _("Trials today"),
            TrialUse.objects.filter(created_at__gte=midnight).count(),
            page_of(Subscription),
            "subscriptions.view_subscription",
            "redeem",
        ),
        Figure(
            _("Live subscriptions"),
            live.count(),
            f"{page_of(Subscription)}?state__exact=active",
            "subscriptions.view_subscription",
            "vpn_key",
        ),
        Figure(
            _("Messages sent today"),
            sent.count(),
            f"{page_of(OutboxMessage)}?state__exact=sent",
            "notifications.view_outboxmessage",
            "send",
        ),
    ]


def _panels() -> list[Panel]:
    """Troubled panels first; a shop with very many sees the rest in the list."""
    return list(
        Panel.objects.exclude(state=Panel.State.OFF).defer("password").order_by(F("is_up").asc(), "name")[:12]
    )
