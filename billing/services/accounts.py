"""Our accounts with providers: set up, proved, watched, and connected to."""

import threading
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Case, F, Q, QuerySet, TextField, Value, When
from django.utils.translation import gettext as _

from accounts.services import note
from billing import providers
from billing.errors import AccountUnfit, ProviderBusy, ProviderMisconfigured, ProviderRefused
from billing.models import Provider, ProviderAccount
from billing.providers.base import READ_SECONDS, AccountReport, Credentials, Hope
from core import clock
from core.errors import OutsideError

CHECK_SECONDS = 10.0
# Five lost answers in a row within two minutes, and customers are not led there for five.
FAILURES_TO_HIDE = 5
FAILURES_WITHIN = timedelta(minutes=2)
HIDDEN_FOR = timedelta(minutes=5)
# A good answer is written down at most this often: every payment would otherwise write the same row.
ANSWERS_NOTED_EVERY = timedelta(minutes=1)
ERROR_LENGTH = 500

SETTABLE = frozenset(
    {"kind", "name_en", "name_ru", "remote_account", "secret", "is_test", "is_open", "position"}
    | {"sends_receipts", "receipt_email", "vat_code"}
)
# What makes it another account. Payments refer to it, so it stays as it is once there are any.
IDENTITY = ("kind", "remote_account", "is_test")


def add_account(*, actor: str, **fields: Any) -> ProviderAccount:
    """Set up an account, closed to customers until a check has proved its keys.

    Safe to repeat: it is known by kind and shop id, and the other fields follow. Raises AccountUnfit.
    """
    known = ProviderAccount.objects.filter(
        kind=fields.get("kind", Provider.YOOKASSA), remote_account=fields.get("remote_account")
    ).first()
    if known is not None:
        return change_account(known.pk, actor=actor, **fields)
    _require_known(fields)
    account = ProviderAccount(**fields)
    _require_fit(account)
    with transaction.atomic():
        account.save()
        _note_change(account, "provider.added", fields, actor=actor)
    return account


@transaction.atomic
def change_account(account_id: int, *, actor: str, **fields: Any) -> ProviderAccount:
    """Change an account. An empty secret keeps the one there is.

    New keys must be proved again: `refused_at` stands until a check has passed. Raises AccountUnfit for
    values that do not fit, for another shop or mode once there are payments, and for opening it unproved.
    """
    _require_known(fields)
    account = _locked(account_id)
    if not fields.get("secret"):
        fields.pop("secret", None)
    changed = {name: value for name, value in fields.items() if getattr(account, name) != value}
    if not changed:
        return account
    for name, value in changed.items():
        setattr(account, name, value)
    if any(name in changed for name in IDENTITY):
        if account.payments.exists():
            raise AccountUnfit(_("There are payments with this account: set up the other shop as a new one."))
        account.is_open = False
    if any(name in changed for name in (*IDENTITY, "secret")):
        account.checked_at = None
    _require_fit(account, is_opened="is_open" in changed)
    account.save(update_fields=[*changed, "is_open", "checked_at"])
    _note_change(account, "provider.changed", changed, actor=actor)
    return account


def set_account_open(account_id: int, *, is_open: bool, actor: str) -> ProviderAccount:
    """Let customers pay with this account, or not any more. Safe to repeat. Raises AccountUnfit."""
    return change_account(account_id, actor=actor, is_open=is_open)


def offered_accounts(at: datetime) -> list[ProviderAccount]:
    """Return the accounts customers can pay with at that time, in the order staff gave them. One query.

    Their secrets are not read: `provider_of` reads one when it is needed.
    """
    is_seen = Q(hidden_until__isnull=True) | Q(hidden_until__lte=at)
    found = ProviderAccount.objects.filter(is_seen, is_open=True, refused_at__isnull=True)
    return list(found.order_by("position", "pk").defer("secret"))


class _Connected(threading.local):
    """Providers this thread has used, so that the next call need not connect anew."""

    def __init__(self) -> None:
        self.by_account: dict[tuple[int, float], tuple[Credentials, Any]] = {}


_connected = _Connected()


def provider_of(account: ProviderAccount, *, read_seconds: float = READ_SECONDS) -> Any:
    """Return the provider behind the account, for this thread. Nothing is called yet.

    Each of its calls waits `read_seconds` for the answer, and at most a quarter of that to connect.
    """
    credentials, key = _credentials(account), (account.pk, read_seconds)
    known = _connected.by_account.get(key)
    if known is not None and known[0] == credentials:
        return known[1]
    if known is not None:
        known[1].close()
    provider = providers.connect(account.kind, credentials, read_seconds=read_seconds)
    _connected.by_account[key] = (credentials, provider)
    return provider


class Explained(NamedTuple):
    """A failure in plain words, with what to do next, and what there is to hope for."""

    text: str
    hope: Hope


def explain(kind: str, reason: str) -> Explained:
    """Return why a payment failed, for the customer, in the active language.

    `kind` is the provider's, `reason` its own word, empty if it gave none.
    """
    return _explained(kind, reason, "PAYMENTS", "OTHER_PAYMENT")


def explain_refund(kind: str, reason: str) -> Explained:
    """Return why a refund failed, for staff. The same words mean other things than for payments."""
    return _explained(kind, reason, "REFUNDS", "OTHER_REFUND")


def _explained(kind: str, reason: str, table: str, other: str) -> Explained:
    reasons = providers.reasons_of(kind)
    if reasons is None:
        return Explained(_("The payment did not go through."), Hope.NONE)
    hope, text = getattr(reasons, table).get(reason) or getattr(reasons, other)
    return Explained(str(text), hope)


def note_outcome(account_id: int, error: OutsideError | None = None) -> bool:
    """Keep the account's health after a call; tell whether its keys are refused since just now.

    Refused keys hide it until a check passes. Answers lost `FAILURES_TO_HIDE` times in a row within
    `FAILURES_WITHIN` hide it for `HIDDEN_FOR`; any answer, also a refusal, ends the row. One UPDATE.
    """
    if isinstance(error, ProviderMisconfigured):
        return _note_refusal(account_id, str(error))
    if error is None or isinstance(error, ProviderRefused | ProviderBusy):
        _note_answer(account_id)
    else:
        _note_failure(account_id, str(error))
    return False


def _note_answer(account_id: int) -> None:
    now = clock.now()
    is_news = Q(failures__gt=0) | Q(hidden_until__isnull=False) | (Q(refused_at__isnull=True) & ~Q(error=""))
    is_due = Q(answered_at__isnull=True) | Q(answered_at__lt=now - ANSWERS_NOTED_EVERY)
    _row(account_id).filter(is_news | is_due).update(
        answered_at=now,
        failures=0,
        failing_since=None,
        hidden_until=None,
        error=_unless_refused(""),
    )


def _note_failure(account_id: int, error: str) -> None:
    now = clock.now()
    goes_on = Q(failing_since__gt=now - FAILURES_WITHIN)
    _row(account_id).update(
        error=_unless_refused(_stored(error)),
        failures=Case(When(goes_on, then=F("failures") + 1), default=1),
        failing_since=Case(When(goes_on, then=F("failing_since")), default=now),
        hidden_until=Case(
            When(goes_on & Q(failures__gte=FAILURES_TO_HIDE - 1), then=now + HIDDEN_FOR),
            default=F("hidden_until"),
        ),
    )


def _unless_refused(error: str) -> Case:
    """Keep the words by which our keys were refused until they are accepted again."""
    text = Value(error, output_field=TextField())
    return Case(When(refused_at__isnull=True, then=text), default=F("error"))


@transaction.atomic
def _note_refusal(account_id: int, error: str) -> bool:
    """Hide the account until staff have looked; a line in the trail for the first refusal only."""
    hit = (
        _row(account_id).filter(refused_at__isnull=True).update(refused_at=clock.now(), error=_stored(error))
    )
    if hit:
        data = {"error": _stored(error)}
        note(None, "provider.refused", actor="provider", subject=f"provider:{account_id}", data=data)
    return bool(hit)


@dataclass(frozen=True)
class _Finding:
    """What a check found. `result` for the trail, `text` for staff, `values` for the row."""

    result: str
    text: str
    values: dict[str, Any] = field(default_factory=dict)


def check_account(account_id: int, *, actor: str) -> str:
    """Ask the provider who we are, write down what that proves, and say it in a sentence for staff.

    Calls the provider, so no transaction may be open. A check that passes ends a refusal. Keys of another
    shop, a disabled one, or one of the other mode refuse the account; the other mode closes it, too.
    Safe to repeat.
    """
    account = ProviderAccount.objects.get(pk=account_id)
    finding = _ask(account)
    with transaction.atomic():
        now = _locked(account_id)
        if _credentials(now) != _credentials(account):
            return _("The account was changed meanwhile. Check it again.")
        for name, value in finding.values.items():
            setattr(now, name, value)
        now.save(update_fields=list(finding.values))
        data = {"result": finding.result}
        note(None, "provider.checked", actor=actor, subject=account.subject, data=data)
    return finding.text


def _ask(account: ProviderAccount) -> _Finding:
    provider = providers.connect(account.kind, _credentials(account), read_seconds=CHECK_SECONDS)
    try:
        report: AccountReport = provider.check()
    except ProviderMisconfigured as refused:
        return _refusal(account, "refused", _("The provider does not accept the keys."), detail=str(refused))
    except OutsideError as failed:
        error = _stored(str(failed))
        text = _("The provider gave no answer that proves anything: %(error)s") % {"error": error}
        return _Finding("no_answer", text, {} if account.refused_at else {"error": error})
    finally:
        provider.close()
    return _judged(account, report)


def _judged(account: ProviderAccount, report: AccountReport) -> _Finding:
    """Compare what the provider says of the account with what staff set up."""
    if report.remote_account != account.remote_account:
        text = _("The keys belong to another shop: %(shop)s.") % {"shop": report.remote_account}
        return _refusal(account, "other_shop", text)
    if report.is_test != account.is_test:
        text = (
            _("This is a test shop, but it is set up as a live one. It is closed to customers now.")
            if report.is_test
            else _("This is a live shop, but it is set up as a test one. It is closed to customers now.")
        )
        return _refusal(account, "mode_differs", text, is_open=False)
    if not report.is_enabled:
        return _refusal(account, "disabled", _("The provider has disabled this shop."))
    return _proof(account, report)


def _proof(account: ProviderAccount, report: AccountReport) -> _Finding:
    mode = _("test mode") if report.is_test else _("live mode")
    said = [_("The keys work: shop %(shop)s, %(mode)s.") % {"shop": report.remote_account, "mode": mode}]
    if report.needs_receipts and not account.sends_receipts:
        said.append(_("The shop must send receipts (54-FZ): switch them on, or payments are refused."))
    if account.sends_receipts and not account.receipt_email:
        said.append(_("Enter an e-mail for receipts of customers without one, or they cannot pay."))
    at = clock.now()
    values = {
        "checked_at": at,
        "answered_at": at,
        "refused_at": None,
        "error": " ".join(said[1:]),
        "failures": 0,
        "failing_since": None,
        "hidden_until": None,
    }
    return _Finding("passed", " ".join(said), values)


def _refusal(account: ProviderAccount, result: str, text: str, *, detail: str = "", **more: Any) -> _Finding:
    at = clock.now()
    values = {
        "checked_at": None,
        "answered_at": at,
        "refused_at": account.refused_at or at,
        "error": _stored(f"{text} {detail}".strip()),
        **more,
    }
    return _Finding(result, text, values)


def _credentials(account: ProviderAccount) -> Credentials:
    return Credentials(
        remote_account=account.remote_account,
        secret=account.secret,
        is_test=account.is_test,
        sends_receipts=account.sends_receipts,
        receipt_email=account.receipt_email,
        vat_code=account.vat_code,
    )


def _row(account_id: int) -> QuerySet[ProviderAccount]:
    return ProviderAccount.objects.filter(pk=account_id)


def _locked(account_id: int) -> ProviderAccount:
    return ProviderAccount.objects.select_for_update(no_key=True).get(pk=account_id)


def _stored(error: str) -> str:
    return error.replace("\0", "")[:ERROR_LENGTH]


def _require_known(fields: dict[str, Any]) -> None:
    if unknown := set(fields) - SETTABLE:
        raise TypeError(f"no such field of an account: {', '.join(sorted(unknown))}")


def _require_fit(account: ProviderAccount, *, is_opened: bool = True) -> None:
    """Raise AccountUnfit if the row cannot be kept, or would be opened without a check that passed."""
    try:
        account.full_clean()
    except ValidationError as wrong:
        raise AccountUnfit("; ".join(wrong.messages)) from wrong
    is_proved = account.checked_at is not None and account.refused_at is None
    if account.is_open and is_opened and not is_proved:
        raise AccountUnfit(_("Check the keys first: only an account that passed may be opened."))


def _note_change(account: ProviderAccount, action: str, fields: dict[str, Any], *, actor: str) -> None:
    """Names of fields only: keys may be among them."""
    note(None, action, actor=actor, subject=account.subject, data={"fields": sorted(fields)})
