"""Which accounts an access should have and where: decided and committed before any panel is called."""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F, Q, QuerySet, Sum

from core import clock
from core.errors import LeaseLost
from core.models import Installation, RetentionRule
from vpnpanel.drivers.base import Credentials, Desired
from vpnpanel.errors import NoPanel
from vpnpanel.models import Access, Panel, PanelAccount
from vpnpanel.observation import limit_on_panel

Placement = PanelAccount.Placement

NAME_ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"
NAME_LENGTH = 16  # 80 bits: nobody guesses another customer's account
KEPT_DAYS = 30
KEPT_RULE = "panel accounts after the end"


@dataclass(frozen=True)
class Work:
    """One call to make: bring the account to `desired`, or remove it where that is None.

    `rotates`: the account is to have the keys of `desired.credentials`, and no others any more.
    """

    account: PanelAccount
    desired: Desired | None
    rotates: bool = False


@dataclass(frozen=True)
class Plan:
    """What to do for an access. `access` is as read at the time `at`, its generation included.

    `trouble` says why something wanted cannot be done now; empty if nothing stands in the way.
    """

    access: Access
    at: datetime
    works: tuple[Work, ...]
    trouble: str


@transaction.atomic
def make_plan(claimed: Access, installation: Installation) -> Plan:
    """Settle where a claimed access lives, and return the calls that takes.

    Safe to repeat: a live placement on a panel that serves is kept, also while that panel is down.
    Raises LeaseLost if the claim no longer holds.
    """
    held = Access.objects.filter(pk=claimed.pk, claim_token=claimed.claim_token)
    access = held.select_for_update(no_key=True).first()
    if access is None:
        raise LeaseLost(f"access {claimed.pk} is held by another process")
    now = clock.database_now()
    accounts = list(access.accounts.exclude(placement=Placement.GONE).select_related("panel").order_by("pk"))
    live = _leave_where_not_due(access, accounts, now)
    trouble = ""
    if not live and access.is_wanted(now):
        try:
            accounts.append(_join(access, installation))
        except NoPanel as missing:
            trouble = str(missing)
    down = [account.panel.name for account in accounts if account.is_live and not account.panel.is_up]
    if down:
        trouble = f"{', '.join(down)} does not answer"
    note = f"{installation.short} access {access.pk}"
    callable_now = [each for each in accounts if each.panel.may_be_called and not each.is_held(access)]
    works = tuple(_work(access, account, note, now) for account in callable_now)
    return Plan(access, now, tuple(sorted(works, key=lambda work: work.desired is None)), trouble)


def ended_before(now: datetime) -> datetime:
    """Return the time before which an access must have ended for its accounts to be removed."""
    rule = RetentionRule.objects.filter(key=KEPT_RULE).first()
    return now - timedelta(days=rule.days if rule else KEPT_DAYS)


def _leave_where_not_due(access: Access, accounts: list[PanelAccount], now: datetime) -> list[PanelAccount]:
    """Mark accounts that should not be there any more as leaving, and return the one that stays live."""
    is_due = not access.is_gone and (access.until > now or access.until > ended_before(now))
    live: list[PanelAccount] = []
    for account in (account for account in accounts if account.is_live):
        if is_due and not live and account.panel.state in Panel.SERVING and not _must_move(access, account):
            live.append(account)
            continue
        account.placement = Placement.LEAVING
        account.save(update_fields=["placement"])
        Panel.objects.filter(pk=account.panel_id, load__gt=0).update(load=F("load") - 1)
    return live


def _must_move(access: Access, account: PanelAccount) -> bool:
    """Tell whether other groups were bought, and a panel of them takes the customer now."""
    if Panel.objects.filter(pk=account.panel_id, groups__in=access.groups.all()).exists():
        return False
    return _selling().filter(groups__in=access.groups.all()).exists()


def _selling() -> "QuerySet[Panel]":
    has_room = Q(capacity=0) | Q(load__lt=F("capacity"))
    sound = Panel.objects.exclude(guard=Panel.Guard.FAILED)
    return sound.filter(has_room, state=Panel.State.OPEN, is_up=True)


def _join(access: Access, installation: Installation) -> PanelAccount:
    """Give the access an account on the least loaded panel that sells. Raises NoPanel."""
    selling = _selling()
    fitting = selling.filter(groups__in=access.groups.all()).distinct().order_by("load", "pk")
    for panel in fitting[:5]:
        # Again under the row's lock, so that no race fills a panel above its capacity.
        if selling.filter(pk=panel.pk).update(load=F("load") + 1):
            account = PanelAccount(
                access=access,
                panel=panel,
                name=_new_name(installation),
                credentials=Credentials.fresh().written,
                credentials_epoch=access.key_epoch,
                key_epoch=access.key_epoch,
            )
            account.save(force_insert=True)
            return account
    raise NoPanel("no panel of its groups is open, answers and has room")


def _new_name(installation: Installation) -> str:
    """Return a name that Marzban and 3x-ui both take, and that begins with whose it is."""
    return f"{installation.short}_" + "".join(secrets.choice(NAME_ALPHABET) for _ in range(NAME_LENGTH))


def _work(access: Access, account: PanelAccount, note: str, now: datetime) -> Work:
    if not account.is_live:
        return Work(account, None)
    _make_keys(access, account)
    return Work(
        account,
        rotates=account.key_epoch != access.key_epoch,
        desired=Desired(
            is_enabled=access.is_wanted(now),
            until=access.until,
            traffic_limit=limit_on_panel(access, account, used_in_all([access]).get(access.pk, 0)),
            note=note,
            credentials=Credentials.read(account.credentials),
            devices=access.devices,
        ),
    )


def _make_keys(access: Access, account: PanelAccount) -> None:
    """Make other keys where that was asked for, once: a repeated call tells the panel the same ones."""
    if account.credentials_epoch == access.key_epoch:
        return
    account.credentials = Credentials.fresh().written
    account.credentials_epoch = access.key_epoch
    account.save(update_fields=["credentials", "credentials_epoch"])


def used_in_all(accesses: list[Access]) -> dict[int, int]:
    """Return the traffic of those accesses that have a limit, in bytes, over all accounts they ever had."""
    limited = [access.pk for access in accesses if access.traffic_limit]
    if not limited:
        return {}
    used = PanelAccount.objects.filter(access__in=limited).values("access").annotate(total=Sum("used_bytes"))
    return {row["access"]: row["total"] for row in used.order_by()}
