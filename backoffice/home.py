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
from backoffice.listed import Listed
from backoffice.takings import last_days
from billing.models import JournalEntry, Order
from core import clock
from core.staff import page_of
from notifications.models import OutboxMessage
from subscriptions.models import Subscription, TrialUse
from vpnpanel.models import Panel


@dataclass(frozen=True, kw_only=True)
class Figure(Listed):
    """A number of today."""

    value: int | str


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
        Figure(title=_("Orders paid today"), value=today.orders, model=Order, icon="shopping_cart"),
        Figure(title=_("Income today"), value=today.received_shown, model=JournalEntry, icon="payments"),
        Figure(
            title=_("New customers today"),
            value=User.objects.filter(telegram_id__isnull=False, joined_at__gte=midnight).count(),
            model=User,
            icon="person_add",
        ),
        Figure(
            title=_("Trials today"),
            value=TrialUse.objects.filter(created_at__gte=midnight).count(),
            model=Subscription,
            icon="redeem",
        ),
        Figure(
            title=_("Live subscriptions"),
            value=live.count(),
            model=Subscription,
            query="state__exact=active",
            icon="vpn_key",
        ),
        Figure(
            title=_("Messages sent today"),
            value=sent.count(),
            model=OutboxMessage,
            query="state__exact=sent",
            icon="send",
        ),
    ]


def _panels() -> list[Panel]:
    """Troubled panels first; a shop with very many sees the rest in the list."""
    return list(
        Panel.objects.exclude(state=Panel.State.OFF).defer("password").order_by(F("is_up").asc(), "name")[:12]
    )
