"""What happened to one payment, in order: our own line of events with the notices that came between."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from billing.models import Notice, Payment, PaymentEvent
from core.actors import who
from core.staff import page_of

MOST_LINES = 200
ICONS = {
    "created": "add_circle",
    "sent": "upload",
    "answer": "download",
    "failed": "error",
    "notice": "notifications",
    "read": "sync",
    "booked": "account_balance",
    "fulfilled": "redeem",
    "refund": "undo",
    "decision": "gavel",
}
TONES = {"failed": "danger", "booked": "success", "fulfilled": "success", "refund": "warning"}
NOTICE_TONES = {"received": "info", "done": "success", "foreign": "default", "dead": "danger"}
WORDS = {value: word for value, word in (*Payment.State.choices, *Payment.Booked.choices) if value}
# Whatever a provider may add to its answers one day: no word of these leaves the database.
HIDDEN = frozenset(
    {
        "email",
        "phone",
        "token",
        "payment_token",
        "secret",
        "password",
        "authorization",
        "account_number",
        "csc",
    }
)


@dataclass(frozen=True)
class Line:
    """One thing that happened; `details` is what the provider said, laid out to be read."""

    at: datetime
    title: str
    icon: str
    tone: str
    text: str
    by: str
    details: str
    badge: str = ""
    url: str = ""


def story_of(payment: Payment) -> list[Line]:
    """Return what happened to the payment, oldest first. Two queries."""
    newest = PaymentEvent.objects.filter(payment=payment).order_by("-id")[:MOST_LINES]
    lines = [_event(event) for event in newest]
    lines += [_notice(notice) for notice in Notice.objects.filter(payment=payment)[:MOST_LINES]]
    return sorted(lines, key=lambda line: line.at)


def laid_out(value: Any) -> str:
    """Return plain values as indented JSON, without what is nobody's to read."""
    return json.dumps(redacted(value), indent=2, ensure_ascii=False) if value else ""


def laid_out_body(body: str) -> str:
    """Return a raw body to be read; what is no JSON is shown as it came, cut."""
    try:
        return laid_out(json.loads(body))
    except (ValueError, RecursionError):
        return body[:5000]


def redacted(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            name: "•••" if str(name).lower() in HIDDEN else redacted(inner) for name, inner in value.items()
        }
    return [redacted(inner) for inner in value] if isinstance(value, list) else value


def _event(event: PaymentEvent) -> Line:
    return Line(
        at=event.created_at,
        title=event.get_kind_display(),
        icon=ICONS.get(event.kind, "history"),
        tone=TONES.get(event.kind, ""),
        text=str(WORDS.get(event.text, event.text)),
        by=who(event.actor),
        details=laid_out(event.data),
    )


def _notice(notice: Notice) -> Line:
    return Line(
        at=notice.received_at,
        title=notice.event or str(notice._meta.verbose_name),
        icon="notifications",
        tone=NOTICE_TONES.get(notice.state, ""),
        text=notice.error,
        by=notice.source_address or "",
        details=laid_out_body(notice.body),
        badge=notice.get_state_display(),
        url=page_of(notice),
    )
