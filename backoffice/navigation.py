"""The side bar: what staff reach with one click, with a count where something waits for them."""

from typing import Any

from django.contrib.auth.models import Group
from django.db.models import Model
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _
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
from core.staff import page_of
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

Item = dict[str, Any]


def sidebar(request: HttpRequest) -> list[Item]:
    """Return the groups of the side bar with the items this member of staff may open."""
    waiting = badges()

    def item(title: str, model: type[Model], icon: str, badge: str = "") -> Item:
        opts = model._meta
        found: Item = {"title": title, "icon": icon, "link": page_of(model)}
        found["permission"] = lambda request: request.user.has_perm(
            f"{opts.app_label}.view_{opts.model_name}"
        )
        if waiting.get(badge):
            found |= {"badge": str(waiting[badge]), "badge_variant": "danger"}
        return found

    home = {"title": _("Home"), "icon": "home", "link": reverse("admin:index")}
    return [
        {"items": [home]},
        {
            "title": _("Customers"),
            "items": [
                item(_("Customers"), User, "group"),
                item(_("Subscriptions"), Subscription, "vpn_key", "unconnected"),
                item(_("Devices"), Device, "devices"),
                item(_("Grants"), Grant, "more_time"),
                item(_("Referrals"), Referral, "share"),
                item(_("Trail"), AuditEvent, "history"),
            ],
        },
        {
            "title": _("Sale"),
            "items": [
                item(_("Plans and prices"), Plan, "sell"),
                item(_("Orders"), Order, "shopping_cart", "orders"),
                item(_("Payments"), Payment, "credit_card"),
                item(_("Refunds"), Refund, "undo", "refunds"),
                item(_("Needs decision"), Decision, "gavel", "decisions"),
                item(_("Payment providers"), ProviderAccount, "account_balance", "providers"),
            ],
        },
        {
            "title": _("Books"),
            "items": [
                item(_("Journal"), JournalEntry, "menu_book"),
                item(_("Notices"), Notice, "notifications", "notices"),
                item(_("Rules for money"), BillingRules, "rule"),
                item(_("Documents"), Document, "description", "documents"),
                item(_("Consents"), Consent, "handshake"),
            ],
        },
        {
            "title": _("Panels"),
            "items": [
                item(_("Panels"), Panel, "dns", "panels"),
                item(_("Panel groups"), PanelGroup, "hub"),
                item(_("Access"), Access, "key", "access"),
                item(_("Rules for links"), SubscriptionRules, "rule"),
                item(_("Panel accounts"), PanelAccount, "badge"),
                item(_("Full syncs"), SyncRun, "sync"),
                item(_("Moves"), Move, "moving", "moves"),
                item(_("Findings"), SyncFinding, "difference", "findings"),
                item(_("Quarantine"), StrayAccount, "help_center", "strays"),
                item(_("Outages"), Outage, "power_off", "outages"),
                item(_("Rules for panels"), PanelRules, "rule"),
            ],
        },
        {
            "title": _("Bot"),
            "items": [
                item(_("Apps"), ClientApp, "install_mobile"),
                item(_("Inbox"), Update, "inbox", "updates"),
                item(_("Outbox"), OutboxMessage, "outbox", "messages"),
                item(_("Outside services"), ServiceHealth, "cloud", "services"),
            ],
        },
        {
            "title": _("Operations"),
            "items": [
                item(_("Jobs"), Job, "work_history", "jobs"),
                item(_("Schedules"), PeriodicTask, "schedule", "schedules"),
                item(_("Clean-up rules"), RetentionRule, "auto_delete"),
                item(_("Staff"), Staff, "admin_panel_settings"),
                item(_("Roles"), Group, "shield_person"),
            ],
        },
    ]
