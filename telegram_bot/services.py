"""Verbs of the inbox: store updates before they are confirmed, decide each once, note its answer."""

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q

from accounts import services as accounts
from accounts.models import User
from core import clock
from core.retention import empty_in_batches
from core.texts import storable
from notifications.kinds import Rendered
from referrals import services as referrals
from telegram_bot import handlers, screens
from telegram_bot.errors import BadUpdate, DecidedBefore
from telegram_bot.intents import Intent, Kind, Sender, chat_of, read
from telegram_bot.models import Update
from telegram_bot.screens import Shown, Unprepared

log = logging.getLogger(__name__)

State = Update.State

MAX_ATTEMPTS = 6
# One a minute: Telegram may be out of reach for a day, and what was asked before still gets its answer.
OUTAGE_TRIES = 1440
# Some seven minutes: an answer whose delivery is unknown may arrive each time.
UNKNOWN_TRIES = 12


@dataclass(frozen=True)
class Stored:
    """An update that is safe in the inbox. `(bot, update_id)` is its key: no need to read it back."""

    update_id: int
    chat_id: int | None
    intent: Intent
    attempts: int = 0


def store_updates(payloads: Iterable[dict[str, Any]]) -> list[Stored]:
    """Write raw updates into the inbox, in one statement, and return them understood.

    Safe to repeat: an update that is there already is left as it is, and returned again.
    Raises BadUpdate if one has no update_id; nothing is stored then.
    """
    rows = [_row(payload) for payload in payloads]
    Update.objects.bulk_create(rows, ignore_conflicts=True)
    return [Stored(row.update_id, row.chat_id, read(row.payload or {})) for row in rows]


def _row(payload: Any) -> Update:
    update_id = payload.get("update_id") if isinstance(payload, dict) else None
    if not isinstance(update_id, int) or isinstance(update_id, bool) or abs(update_id) >= 2**63:
        raise BadUpdate("an update needs a whole number as its update_id")
    payload = _storable(_without_own_words(payload))
    kind = next((key for key in payload if key != "update_id"), "")[:30]
    return Update(
        bot_id=settings.TELEGRAM_BOT_ID,
        update_id=update_id,
        chat_id=chat_of(payload),
        kind=kind,
        payload=payload,
    )


def _without_own_words(payload: dict[str, Any]) -> dict[str, Any]:
    """Leave out what our message with the pressed button said: the customer's secret link, perhaps."""
    press = payload.get("callback_query")
    if not isinstance(press, dict) or not isinstance(message := press.get("message"), dict):
        return payload
    kept = {key: message[key] for key in ("message_id", "date", "chat") if key in message}
    if "photo" in message:
        kept["photo"] = []
    return {**payload, "callback_query": {**press, "message": kept}}


def _storable(value: Any) -> Any:
    """Replace what PostgreSQL takes in no text: one forged button would hold up everybody's updates."""
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, list):
        return [_storable(item) for item in value]
    if isinstance(value, dict):
        return {_storable(key): _storable(item) for key, item in value.items()}
    return value


def open_updates(limit: int = 500) -> list[Stored]:
    """Return updates that still need work, in the order they came."""
    due = Q(next_try_at__isnull=True) | Q(next_try_at__lte=clock.now())
    rows = Update.objects.filter(due, bot_id=settings.TELEGRAM_BOT_ID, state__in=Update.OPEN).order_by("id")[
        :limit
    ]
    return [Stored(row.update_id, row.chat_id, read(row.payload or {}), row.attempts) for row in rows]


def decide(update: Stored) -> Rendered | Unprepared | None:
    """Carry out what the update asks for, exactly once, and return the screen to show for it.

    A screen that wants something from outside first comes unprepared: nothing is called from here.

    The effect and the mark that it is done are one transaction. An update that was decided before
    (replay after a crash, a duplicate) changes nothing and only shows its screen again, as it looks
    now; one that was answered shows nothing.
    """
    if update.intent.kind in (Kind.IGNORED, Kind.MEMBER):
        _settle_silently(update)
        return None
    try:
        customer, shown = _decide_once(update)
    except DecidedBefore:
        return _show_again(update)
    return screens.render_or_ask(customer, shown)


@transaction.atomic
def _decide_once(update: Stored) -> tuple[User, Shown]:
    """Act, then mark: the conditional UPDATE is the lock, and who misses it undoes everything.

    Raises DecidedBefore.
    """
    customer = _arrive(update.intent)
    shown = handlers.respond(customer, update.intent)
    hit = (
        _rows(update)
        .filter(state=State.RECEIVED)
        .update(state=State.DECIDED, decided_at=clock.now(), screen=screens.pack(shown))
    )
    if not hit:
        raise DecidedBefore(f"update {update.update_id} was decided before")
    return customer, shown


def _show_again(update: Stored) -> Rendered | Unprepared | None:
    kept = _rows(update).filter(state=State.DECIDED).values_list("screen", flat=True).first()
    if not kept:
        return None
    with transaction.atomic():
        customer = _arrive(update.intent)
    return screens.render_or_ask(customer, screens.unpack(kept))


def _arrive(intent: Intent) -> User:
    sender = intent.sender or _nobody()
    return referrals.arrive(
        telegram_id=sender.telegram_id,
        first_name=sender.first_name,
        last_name=sender.last_name,
        telegram_username=sender.username,
        language_code=sender.language_code,
        start_payload=intent.argument if intent.name == "start" else "",
    )


def _nobody() -> Sender:
    raise BadUpdate("an update that asks for something has no sender")


@transaction.atomic
def _settle_silently(update: Stored) -> None:
    """Note what needs no answer: that somebody blocked the bot or came back."""
    if update.intent.kind is Kind.MEMBER and update.intent.sender:
        reach = User.Reach.BLOCKED if update.intent.name == "kicked" else User.Reach.OK
        accounts.note_reach(telegram_id=update.intent.sender.telegram_id, reach=reach)
    _rows(update).filter(state__in=Update.OPEN).update(
        state=State.ANSWERED, decided_at=clock.now(), answered_at=clock.now()
    )


def note_answered(update_ids: list[int]) -> None:
    """Mark updates as answered, many at once."""
    Update.objects.filter(
        bot_id=settings.TELEGRAM_BOT_ID, update_id__in=update_ids, state__in=Update.OPEN
    ).update(state=State.ANSWERED, answered_at=clock.now())


def note_failed(
    update: Stored, error: str, *, permanent: bool = False, most_tries: int = MAX_ATTEMPTS
) -> bool:
    """Note a failed try, to be repeated with back-off; tell whether the update is given up now."""
    is_dead = permanent or update.attempts + 1 >= most_tries
    wait = timedelta(seconds=min(2 ** min(update.attempts, 6), 60))
    _rows(update).filter(state__in=Update.OPEN).update(
        attempts=F("attempts") + 1,
        error=error[:2000],
        next_try_at=clock.now() + wait,
        **({"state": State.DEAD} if is_dead else {}),
    )
    return is_dead


@transaction.atomic
def revive(row_ids: list[int], *, actor: str) -> int:
    """Work on dead updates again; what was decided stays decided. Returns how many came back."""
    dead = Update.objects.filter(pk__in=row_ids, state=State.DEAD, payload__isnull=False)
    undecided = dead.filter(decided_at__isnull=True).update(
        state=State.RECEIVED, attempts=0, next_try_at=None
    )
    decided = dead.filter(decided_at__isnull=False).update(state=State.DECIDED, attempts=0, next_try_at=None)
    accounts.note(None, "updates.revived", actor=actor, data={"updates": row_ids})
    return undecided + decided


def forget_old_contents(before: datetime) -> int:
    """Empty the content of updates settled before then; that they were seen stays known for ever."""
    settled = Update.objects.exclude(state__in=Update.OPEN).filter(received_at__lt=before)
    return empty_in_batches(settled.filter(payload__isnull=False), payload=None, screen=None, error="")


def _rows(update: Stored) -> Any:
    return Update.objects.filter(bot_id=settings.TELEGRAM_BOT_ID, update_id=update.update_id)
