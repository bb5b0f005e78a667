"""The side bar: what staff reach with one click, with a count where something waits for them."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.contrib.auth.models import Group
from django.db.models import Model
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django_celery_beat.models import PeriodicTask

from accounts.models import AuditEvent, Consent, Document, User
from backoffice.attention import badges
from backoffice.models import Staff
from billing.models import (
    BillingRules,
    Decision,
    JournalEntry,
    Notice,
    Order,
    Payment,
    ProviderAccount,
    Refund,
)
from core.models import Job, RetentionRule, ServiceHealth
from core.staff import page_of, permission_to_view
from notifications.models import OutboxMessage
from referrals.models import Referral
from subscriptions.models import ClientApp, Device, Grant, Plan, Subscription, SubscriptionRules
from telegram_bot.models import Update
from vpnpanel.models import (
    Access,
    Move,
    Outage,
    Panel,
    PanelAccount,
    PanelGroup,
    PanelRules,
    StrayAccount,
    SyncFinding,
    SyncRun,
)

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise as Text
else:
    Text = str

Item = dict[str, Any]


@dataclass(frozen=True)
class Entry:
    """A list of the admin. `badge`: the key of the concern whose count stands beside it."""

    title: Text
    model: type[Model]
    icon: str
    badge: str = ""


GROUPS: tuple[tuple[Text, tuple[Entry, ...]], ...] = (
    (
        _("Customers"),
        (
            Entry(_("Customers"), User, "group"),
            Entry(_("Subscriptions"), Subscription, "vpn_key", "unconnected"),
            Entry(_("Devices"), Device, "devices"),
            Entry(_("Grants"), Grant, "more_time"),
            Entry(_("Referrals"), Referral, "share"),
            Entry(_("Trail"), AuditEvent, "history"),
        ),
    ),
    (
        _("Sale"),
        (
            Entry(_("Plans and prices"), Plan, "sell"),
            Entry(_("Orders"), Order, "shopping_cart", "orders"),
            Entry(_("Payments"), Payment, "credit_card"),
            Entry(_("Refunds"), Refund, "undo", "refunds"),
            Entry(_("Needs decision"), Decision, "gavel", "decisions"),
            Entry(_("Payment providers"), ProviderAccount, "account_balance", "providers"),
        ),
    ),
    (
        _("Books"),
        (
            Entry(_("Journal"), JournalEntry, "menu_book"),
            Entry(_("Notices"), Notice, "notifications", "notices"),
            Entry(_("Rules for money"), BillingRules, "rule"),
            Entry(_("Documents"), Document, "description", "documents"),
            Entry(_("Consents"), Consent, "handshake"),
        ),
    ),
    (
        _("Panels"),
        (
            Entry(_("Panels"), Panel, "dns", "panels"),
            Entry(_("Panel groups"), PanelGroup, "hub"),
            Entry(_("Access"), Access, "key", "access"),
            Entry(_("Rules for links"), SubscriptionRules, "rule"),
            Entry(_("Panel accounts"), PanelAccount, "badge"),
            Entry(_("Full syncs"), SyncRun, "sync"),
            Entry(_("Moves"), Move, "moving", "moves"),
            Entry(_("Findings"), SyncFinding, "difference", "findings"),
            Entry(_("Quarantine"), StrayAccount, "help_center", "strays"),
            Entry(_("Outages"), Outage, "power_off", "outages"),
            Entry(_("Rules for panels"), PanelRules, "rule"),
        ),
    ),
    (
        _("Bot"),
        (
            Entry(_("Apps"), ClientApp, "install_mobile"),
            Entry(_("Inbox"), Update, "inbox", "updates"),
            Entry(_("Outbox"), OutboxMessage, "outbox", "messages"),
            Entry(_("Outside services"), ServiceHealth, "cloud", "services"),
        ),
    ),
    (
        _("Operations"),
        (
            Entry(_("Jobs"), Job, "work_history", "jobs"),
            Entry(_("Schedules"), PeriodicTask, "schedule", "schedules"),
            Entry(_("Clean-up rules"), RetentionRule, "auto_delete"),
            Entry(_("Staff"), Staff, "admin_panel_settings"),
            Entry(_("Roles"), Group, "shield_person"),
        ),
    ),
)


def sidebar(request: HttpRequest) -> list[Item]:
    """Return the groups of the side bar with the items this member of staff may open."""
    waiting = badges()
    home = {"title": _("Home"), "icon": "home", "link": reverse("admin:index")}
    groups = [
        {"title": title, "items": [_item(entry, waiting) for entry in entries]} for title, entries in GROUPS
    ]
    return [{"items": [home]}, *groups]


def _item(entry: Entry, waiting: dict[str, int]) -> Item:
    permission = permission_to_view(entry.model)
    item: Item = {"title": entry.title, "icon": entry.icon, "link": page_of(entry.model)}
    item["permission"] = lambda request: request.user.has_perm(permission)
    if waiting.get(entry.badge):
        item |= {"badge": str(waiting[entry.badge]), "badge_variant": "danger"}
    return item
