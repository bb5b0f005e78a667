"""What happened to and by a customer, from all rooms, newest first."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from accounts.models import AuditEvent, User
from billing.models import Payment
from billing.shown import PAYMENT_TONES, amount_of
from core.actors import who
from core.clock import DAY
from core.staff import page_of
from notifications.models import OutboxMessage
from telegram_bot.models import Update

PER_PAGE = 25
MOST_PAGES = 40

EVENTS = {
    "customer.arrived": (gettext_lazy("Came to the bot"), "waving_hand"),
    "customer.expected": (gettext_lazy("Came with a panel"), "move_to_inbox"),
    "customer.linked": (gettext_lazy("Linked to Telegram"), "link"),
    "customer.banned": (gettext_lazy("Banned"), "gavel"),
    "customer.unbanned": (gettext_lazy("Ban lifted"), "gavel"),
    "trial.taken": (gettext_lazy("Took the trial"), "redeem"),
    "grant.given": (gettext_lazy("Time given"), "more_time"),
    "grant.taken_back": (gettext_lazy("Time taken back"), "history_toggle_off"),
    "grant.given_back": (gettext_lazy("Time given back"), "restore"),
    "subscription.started": (gettext_lazy("Subscription bought"), "shopping_bag"),
    "subscription.adopted": (gettext_lazy("Taken over from a panel"), "group_add"),
    "subscription.handed_over": (gettext_lazy("Subscription handed over"), "swap_horiz"),
    "panel.stray_decided": (gettext_lazy("Account in quarantine decided on"), "help_center"),
    "subscription.renewed": (gettext_lazy("Subscription renewed"), "autorenew"),
    "subscription.expired": (gettext_lazy("Subscription ended"), "timer_off"),
    "subscription.disabled": (gettext_lazy("Subscription disabled"), "block"),
    "subscription.enabled": (gettext_lazy("Subscription enabled"), "check_circle"),
    "subscription.traffic_began": (gettext_lazy("Traffic started anew"), "data_usage"),
    "subscription.limit": (gettext_lazy("Traffic limit changed"), "speed"),
    "link.rotated": (gettext_lazy("New link"), "link"),
    "customer.agreed": (gettext_lazy("Agreed to a document"), "handshake"),
    "order.paid": (gettext_lazy("Order paid"), "payments"),
    "order.fulfilled": (gettext_lazy("Order fulfilled"), "redeem"),
    "order.closed": (gettext_lazy("Order closed unpaid"), "close"),
    "refund.requested": (gettext_lazy("Refund asked for"), "undo"),
    "refund.succeeded": (gettext_lazy("Money went back"), "undo"),
    "refund.failed": (gettext_lazy("Refund failed"), "money_off"),
    "decision.made": (gettext_lazy("Decided about money"), "gavel"),
}
TAPS = {
    "message": (gettext_lazy("Wrote"), "chat"),
    "callback_query": (gettext_lazy("Pressed"), "touch_app"),
    "my_chat_member": (gettext_lazy("Blocked or unblocked the bot"), "person_off"),
}
TOLD = {
    "access_ready": gettext_lazy("the key works"),
    "link_rotated": gettext_lazy("the link was replaced"),
    "subscription_extended": gettext_lazy("days were added"),
    "subscription_ending": gettext_lazy("the subscription ends soon"),
    "subscription_expired": gettext_lazy("the subscription has ended"),
    "subscription_disabled": gettext_lazy("the subscription is switched off"),
    "subscription_enabled": gettext_lazy("the subscription is switched on again"),
    "outage_told": gettext_lazy("there was an outage"),
    "outage_over": gettext_lazy("an outage is over"),
    "outage_credited": gettext_lazy("days were given for an outage"),
    "outage_credit_undone": gettext_lazy("days for an outage were taken back"),
    "never_connected": gettext_lazy("help to connect was offered"),
    "traffic_80": gettext_lazy("most of the traffic is used"),
    "traffic_100": gettext_lazy("the traffic is used up"),
    "limit_changed": gettext_lazy("the traffic limit was changed"),
    "customer_banned": gettext_lazy("access is closed"),
    "customer_unbanned": gettext_lazy("access is open again"),
    "payment_link": gettext_lazy("the link to pay is ready"),
    "payment_failed": gettext_lazy("the payment did not go through"),
    "order_fulfilled": gettext_lazy("the payment was received"),
    "order_refused": gettext_lazy("the order could not be given"),
    "paid_twice": gettext_lazy("paid twice"),
    "money_credited": gettext_lazy("the payment was found"),
    "refund_sent": gettext_lazy("money is on its way back"),
    "refund_succeeded": gettext_lazy("money went back"),
    "refund_failed": gettext_lazy("money could not be sent back"),
    "panel_outage": gettext_lazy("alert to staff: a panel does not answer"),
    "order_stuck": gettext_lazy("alert to staff: paid, but not active"),
    "decision_waiting": gettext_lazy("alert to staff: a decision is needed"),
    "provider_refused": gettext_lazy("alert to staff: a provider refuses our keys"),
}
MESSAGE_TONES = {"sent": "success", "pending": "info", "failed": "danger", "unreachable": "warning"}
UPDATE_TONES = {"received": "info", "decided": "info", "dead": "danger"}


@dataclass
class Entry:
    """One line of the timeline. `row` is what it stands for; `badge` its state, where that is not plain."""

    at: datetime
    title: str
    icon: str
    row: Any
    url: str
    actor: str = ""
    text: str = ""
    badge: str = ""
    tone: str = ""
    buttons: list[Any] = field(default_factory=list)


@dataclass(frozen=True)
class Timeline:
    entries: list[Entry]
    page: int
    has_next: bool


def of(customer: User, *, page: int, may_see: Callable[[str], bool]) -> Timeline:
    """Return a page of the customer's timeline: what may be seen, by at most four queries of that size."""
    page = min(max(page, 1), MOST_PAGES)
    upto = page * PER_PAGE + 1
    entries = [_event(row) for row in AuditEvent.objects.filter(customer=customer).order_by("-id")[:upto]]
    if may_see("notifications.view_outboxmessage"):
        entries += [
            _message(row) for row in OutboxMessage.objects.filter(user=customer).order_by("-id")[:upto]
        ]
    if may_see("billing.view_payment"):
        tries = Payment.objects.filter(order__payer=customer).defer("request", "confirmation_url")
        entries += [_payment(row) for row in tries.order_by("-id")[:upto]]
    if may_see("telegram_bot.view_update"):
        taps = Update.objects.filter(chat_id=customer.telegram_id)
        entries += [_tap(row) for row in taps.order_by("-id")[:upto]]
    entries.sort(key=lambda entry: entry.at, reverse=True)
    shown = entries[(page - 1) * PER_PAGE : page * PER_PAGE]
    return Timeline(shown, page, has_next=len(entries) > page * PER_PAGE and page < MOST_PAGES)


def _event(row: AuditEvent) -> Entry:
    title, icon = EVENTS.get(row.action, (row.action, "history"))
    return Entry(row.created_at, str(title), icon, row, page_of(row), who(row.actor), _said(row.data))


def _said(data: dict[str, Any]) -> str:
    """Return the values of an event that staff look for, in words."""
    parts = []
    if seconds := data.get("seconds"):
        days = round(seconds / DAY.total_seconds())
        parts.append(ngettext("%(days)d day", "%(days)d days", days) % {"days": days})
    ends = parse_datetime(str(data.get("ends", "")))
    if ends is not None:
        parts.append(_("ends %(end)s") % {"end": date_format(timezone.localtime(ends), "DATETIME_FORMAT")})
    if days := data.get("days"):
        parts.append(ngettext("%(days)d day", "%(days)d days", days) % {"days": days})
    parts += [str(data[key]) for key in ("plan", "payload") if data.get(key)]
    if reason := data.get("reason"):
        parts.append(f"“{reason}”")
    return " · ".join(parts)


def _message(row: OutboxMessage) -> Entry:
    return Entry(
        row.created_at,
        _("Told: %(what)s") % {"what": TOLD.get(row.kind, row.kind)},
        "send",
        row,
        page_of(row),
        text=row.error if row.state != OutboxMessage.State.SENT else "",
        badge="" if row.state == OutboxMessage.State.SENT else row.get_state_display(),
        tone=MESSAGE_TONES.get(row.state, ""),
    )


def _payment(row: Payment) -> Entry:
    return Entry(
        row.created_at,
        _("Payment of %(sum)s") % {"sum": amount_of(row.amount, row.currency)},
        "credit_card",
        row,
        page_of(row),
        text=row.reason,
        badge=row.get_state_display(),
        tone=PAYMENT_TONES.get(row.state, ""),
    )


def _tap(row: Update) -> Entry:
    title, icon = TAPS.get(row.kind, (row.kind, "touch_app"))
    payload = (row.payload or {}).get(row.kind) or {}
    return Entry(
        row.received_at,
        str(title),
        icon,
        row,
        page_of(row),
        text=str(payload.get("text") or payload.get("data") or "")[:120],
        badge="" if row.state == Update.State.ANSWERED else row.get_state_display(),
        tone=UPDATE_TONES.get(row.state, ""),
    )
