"""The inbox of notices: stored before they are answered, worked off by asking the provider itself.

A notice is a hint that something happened, never a fact: nothing in its body but ids is used.
"""

import hashlib
import logging
import time
import traceback
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from django.db import DatabaseError, transaction
from django.db.models import Q

from accounts import services as accounts
from billing import providers
from billing.models import Notice, Payment, ProviderAccount
from billing.providers.base import Credentials, Hint, Said
from billing.services.books import Taken, take_in
from billing.services.calls import LEASE_SECONDS, LeftAlone, Tired, read_back
from billing.services.payments import is_key
from core import clock
from core.claims import claim, prolong, record
from core.errors import OutsideError
from core.nudges import nudge
from core.retention import empty_in_batches
from core.rows import insert_missing
from core.services import require_installation
from core.texts import storable

log = logging.getLogger(__name__)

State = Notice.State

SOURCE = "notice"
FINAL = ("succeeded", "canceled")
# For so long a notice waits for what it is about to appear, here or in the provider's answers.
PATIENCE = timedelta(minutes=10)
# The provider may be away for a day; schedule and sweeps find everything that a notice would have told.
OUTAGE = timedelta(hours=26)
LONGEST_PAUSE = timedelta(minutes=5)
OUTAGE_PAUSE = timedelta(minutes=1)
NEXT_RUN = timedelta(seconds=5)
MOST_DEFECTS = 8
BUDGET_SECONDS = 20.0


class NotYet(Exception):
    """What the notice is about cannot be told yet: again later. `otherwise` is its fate if it stays so."""

    def __init__(self, why: str, *, otherwise: Notice.State = State.DONE) -> None:
        super().__init__(why)
        self.otherwise = otherwise


@cache
def _reader(kind: str) -> Any:
    """Return what understands notices of the kind; it needs no keys."""
    return providers.connect(kind, Credentials(remote_account="", secret=""))


def store_notice(provider: str, body: bytes, *, source_address: str | None) -> Notice | None:
    """Put a notice into the inbox; None if it is there already, however long ago. One INSERT, and one
    UPDATE for a repeat.

    One that came before its time and was given up, forged perhaps, silences none: it is looked at anew.
    Raises ValueError if it is no notice of this provider.
    """
    hint: Hint | None = _reader(provider).read_notice(body)
    text = storable(body.decode())
    notice = Notice(provider=provider, body=text, source_address=source_address)
    if hint is None:
        notice.dedupe_key = f"body:{hashlib.sha256(body).hexdigest()}"
        notice.state, notice.processed_at = State.FOREIGN, clock.now()
    else:
        notice.dedupe_key = storable(hint.dedupe_key)[:200]
        notice.event, notice.object_id = storable(hint.event)[:60], storable(hint.object_id)[:64]
    return notice if insert_missing(notice) or _look_anew(notice) else None


def _look_anew(notice: Notice) -> bool:
    """Wake the notice of the same key if what it said never came true; tell whether that was so."""
    same = Notice.objects.filter(provider=notice.provider, dedupe_key=notice.dedupe_key, state=State.DONE)
    woken = same.exclude(error="").update(
        state=State.RECEIVED,
        received_at=clock.now(),
        body=notice.body,
        attempts=0,
        next_try_at=None,
        error="",
    )
    return bool(woken)


def work_notices() -> int:
    """Work off what is due, oldest first, for about 20 s; returns how many were tried.

    May run at once in several processes. One notice that breaks holds up no other.
    """
    require_installation()
    tired, tried, give_up_at = Tired(), 0, time.monotonic() + BUDGET_SECONDS
    while time.monotonic() < give_up_at:
        is_time = Q(next_try_at__isnull=True) | Q(next_try_at__lte=clock.now())
        due = Notice.objects.filter(is_time, state=State.RECEIVED).order_by("id")
        claimed = claim(due, limit=1, lease_seconds=LEASE_SECONDS)
        if not claimed:
            break
        tried += 1
        _work(claimed[0], tired)
    return tried


@transaction.atomic
def retry(notice_ids: list[int], *, actor: str) -> int:
    """Work on given-up notices again; returns how many those are."""
    dead = Notice.objects.filter(pk__in=notice_ids, state=State.DEAD).exclude(body="")
    back = dead.update(state=State.RECEIVED, attempts=0, next_try_at=None)
    accounts.note(None, "notices.revived", actor=actor, data={"notices": notice_ids})
    nudge("billing.tasks.work_notices")
    return back


def forget_old_bodies(before: datetime) -> int:
    """Empty the bodies of notices settled before then; that they were received stays known for ever."""
    settled = Notice.objects.exclude(state=State.RECEIVED).filter(received_at__lt=before)
    return empty_in_batches(settled.exclude(body=""), body="", error="", source_address=None)


def _work(notice: Notice, tired: Tired) -> None:
    """Work off one notice that is leased, and note what came of it."""
    try:
        _settle(notice, _read(notice), tired)
    except NotYet as waiting:
        _wait(notice, str(waiting), patience=PATIENCE, longest=LONGEST_PAUSE, otherwise=waiting.otherwise)
    except LeftAlone:  # not a try: it must not make the pauses longer
        record(notice, next_try_at=clock.now() + NEXT_RUN)
    except OutsideError as failed:
        _wait(notice, str(failed), patience=OUTAGE, longest=OUTAGE_PAUSE, otherwise=State.DEAD)
    except Exception as failed:  # the outermost loop: a notice that breaks must not stop the others
        log.exception("notice %s failed", notice.pk)
        _note_defect(notice, failed)


def _read(notice: Notice) -> Hint:
    hint: Hint | None = _reader(notice.provider).read_notice(notice.body.encode())
    if hint is None:
        raise ValueError("this notice is about nothing of ours")
    return hint


def _settle(notice: Notice, hint: Hint, tired: Tired) -> None:
    """Find out what the notice is about, and book what the provider itself says of it.

    Raises NotYet, OutsideError.
    """
    payment = _known(notice.provider, hint)
    if payment is None:
        _settle_unknown(notice, hint, tired)
        return
    assert payment.account is not None
    with tired.watch(payment.account):
        if payment.remote_id == hint.object_id:
            said = read_back(payment, source=SOURCE).said
        else:
            taken = _take_in(payment.account, hint)
            said, payment = taken.said, taken.payment or payment
    _require_no_less(hint, said)
    record(notice, state=State.DONE, payment=payment, processed_at=clock.now(), error="")


def _known(provider: str, hint: Hint) -> Payment | None:
    """Find the payment by the provider's id, else by our key: the create call may not have returned yet."""
    ours = Payment.objects.select_related("account").filter(account__kind=provider)
    found = ours.filter(remote_id=hint.remote_payment_id).first()
    if found is None and not hint.is_refund and is_key(hint.key):
        found = ours.filter(key=hint.key).first()
    return found


def _take_in(account: ProviderAccount, hint: Hint) -> Taken:
    """Read the object the notice names, and book it if it is ours."""
    taken = take_in(account, hint.object_id, is_refund=hint.is_refund, source=SOURCE)
    if taken is None:
        raise NotYet("the provider does not know it, or it is not ours", otherwise=State.FOREIGN)
    return taken


def _settle_unknown(notice: Notice, hint: Hint, tired: Tired) -> None:
    """Nothing of ours has this id or key: wait for it, then ask every account whose it is.

    What our database has forgotten (a restored copy) carries our key at the provider; what does not was made
    by somebody else in the same shop, and is left alone.
    """
    if clock.now() < notice.received_at + PATIENCE:
        raise NotYet("nothing here has this id")
    for account in ProviderAccount.objects.filter(kind=notice.provider).order_by("pk"):
        prolong(notice, lease_seconds=LEASE_SECONDS)
        with tired.watch(account):
            taken = take_in(account, hint.object_id, is_refund=hint.is_refund, source=SOURCE)
        if taken is not None:
            record(notice, state=State.DONE, payment=taken.payment, processed_at=clock.now(), error="")
            return
    record(notice, state=State.FOREIGN, processed_at=clock.now(), error="")


def _require_no_less(hint: Hint, said: Said) -> None:
    """What a notice claims may reach the provider's other servers later. It is not believed before."""
    is_less = hint.said in FINAL and said in (Said.PENDING, Said.HELD)
    if is_less or (said is Said.PENDING and hint.said != said):
        raise NotYet(f"the notice says {hint.said}, the provider {said}")


def _wait(
    notice: Notice, why: str, *, patience: timedelta, longest: timedelta, otherwise: Notice.State
) -> None:
    """Try again later, a little later each time, the last time when patience ends; sweeps do the rest."""
    now, end = clock.now(), notice.received_at + patience
    pause = min(timedelta(seconds=2 ** min(notice.attempts, 10)), longest)
    if now < end:
        fate: dict[str, Any] = {"next_try_at": min(now + pause, end)}
    else:
        fate = {"state": otherwise, "processed_at": now}
    record(notice, attempts=notice.attempts + 1, error=storable(why), **fate)


def _note_defect(notice: Notice, failed: Exception) -> None:
    """Note a defect of ours; after several tries the notice waits for staff."""
    attempts = notice.attempts + 1
    is_over = attempts >= MOST_DEFECTS
    over = {"state": State.DEAD, "processed_at": clock.now()} if is_over else {}
    error = storable("".join(traceback.format_exception_only(failed)).strip())
    pause = timedelta(seconds=2 ** min(attempts, 8))
    try:
        record(notice, attempts=attempts, error=error, next_try_at=clock.now() + pause, **over)
    except DatabaseError:
        log.exception("the failure of notice %s could not be noted", notice.pk)
