"""What full syncs found: kept for staff, held where they want to approve repairs, and decided by them.

A held difference is left alone by whatever sweep marks its access for comparison (PanelAccount.is_held).
A change of the access by a verb raises its generation and is applied all the same, to the whole account; so
is an approved finding, whose account counts as never told.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from accounts.services import note
from core import clock
from core.nudges import nudge
from core.retention import BATCH, delete_in_batches
from vpnpanel.errors import NothingHeld
from vpnpanel.models import Panel, PanelAccount, SyncFinding
from vpnpanel.services import backlog

Kind, State = SyncFinding.Kind, SyncFinding.State
Placement = PanelAccount.Placement

RECONCILE_DUE = "vpnpanel.tasks.reconcile_due"
# Repairs listed of one run. What is held is listed whole: staff decide on each.
MOST_KEPT = 1000


@dataclass
class Found:
    """What one look at some accounts told.

    `new` is to be written down, `settled` are accounts whose standing findings are closed, `repairs` accesses
    to bring in line, `returned` accounts to be removed once more, `held` how many wait for approval.
    """

    new: list[SyncFinding] = field(default_factory=list)
    settled: list[int] = field(default_factory=list)
    repairs: list[int] = field(default_factory=list)
    returned: list[int] = field(default_factory=list)
    held: int = 0


def standing(accounts: Iterable[PanelAccount]) -> dict[int, SyncFinding]:
    """Return what is held or was dismissed of those accounts, by account."""
    keys = [account.pk for account in accounts]
    rows = SyncFinding.objects.filter(account__in=keys, state__in=SyncFinding.STANDING) if keys else ()
    return {row.account_id: row for row in rows if row.account_id is not None}


def judge(found: Found, finding: SyncFinding, before: SyncFinding | None) -> None:
    """Add one difference to what was found: for repair at once, or held on a panel that wants it so.

    What is held already, or was dismissed, is told anew only if the panel shows something else by now.
    """
    assert finding.access_id is not None and finding.account_id is not None
    if not finding.panel.holds_changes:
        finding.state = State.APPLIED
        found.repairs.append(finding.access_id)
        if finding.kind == Kind.RETURNED:
            found.returned.append(finding.account_id)
        found.new.append(finding)
        return
    if before is not None and (before.kind, before.shown) == (finding.kind, finding.shown):
        found.held += before.state == State.HELD
        return
    if before is not None:
        found.settled.append(finding.account_id)
    finding.state = State.HELD
    found.held += 1
    found.new.append(finding)


def keep(found: Found, kept_so_far: int) -> tuple[int, int]:
    """Write down what was found, safe to repeat; return how many were kept and how many left out.

    Of what is repaired or only noted a run keeps MOST_KEPT.
    """
    settle(found.settled)
    remove_again(found.returned)
    held = [each for each in found.new if each.state == State.HELD]
    others = [each for each in found.new if each.state != State.HELD]
    kept = others[: max(MOST_KEPT - kept_so_far, 0)]
    SyncFinding.objects.bulk_create(held + kept, ignore_conflicts=True)
    return len(kept), len(others) - len(kept)


def remove_again(account_ids: list[int]) -> None:
    """Have accounts removed that were, and are there again."""
    gone = PanelAccount.objects.filter(pk__in=account_ids, placement=Placement.GONE)
    if account_ids:
        gone.update(placement=Placement.LEAVING, gone_at=None)


def settle(account_ids: Iterable[int]) -> int:
    """Close what stands of those accounts: the panel agrees by now, or the access went another way."""
    keys = list(account_ids)
    rows = SyncFinding.objects.filter(account__in=keys, state__in=SyncFinding.STANDING)
    return rows.update(state=State.OVERTAKEN, decided_at=clock.now()) if keys else 0


def settle_all(panel: Panel) -> int:
    """Close what stands of a panel that holds nothing any more; its differences are repaired."""
    rows = SyncFinding.objects.filter(panel=panel, state__in=SyncFinding.STANDING)
    return rows.update(state=State.OVERTAKEN, decided_at=clock.now())


def approve(finding_id: int, *, actor: str) -> None:
    """Have a held difference repaired now. Raises NothingHeld if it is held no more."""
    if not _approve(SyncFinding.objects.filter(pk=finding_id), actor=actor):
        raise NothingHeld("this is not held any more: the panel or the access has changed since")
    nudge(RECONCILE_DUE)


def approve_all(panel_id: int, *, actor: str) -> int:
    """Have everything repaired that is held of a panel; return how many accounts that is."""
    held = SyncFinding.objects.filter(panel=panel_id, state=State.HELD).order_by("pk")
    done = 0
    while keys := list(held.values_list("pk", flat=True)[:BATCH]):
        done += _approve(SyncFinding.objects.filter(pk__in=keys), actor=actor)
    nudge(RECONCILE_DUE)
    return done


@transaction.atomic
def _approve(findings: "QuerySet[SyncFinding]", *, actor: str) -> int:
    held = list(findings.filter(state=State.HELD).values_list("pk", "account", "access", "kind", "panel"))
    if not held:
        return 0
    accounts = [account for _, account, _, _, _ in held]
    came_back = [account for _, account, _, kind, _ in held if kind == Kind.RETURNED]
    backlog.mark_dirty([access for _, _, access, _, _ in held])
    PanelAccount.objects.filter(pk__in=accounts).update(applied_generation=0)
    remove_again(came_back)
    return _decide([pk for pk, *_ in held], State.APPROVED, panel_id=held[0][4], actor=actor)


def dismiss(finding_id: int, *, actor: str) -> None:
    """Leave the account as the panel shows it. Raises NothingHeld if it is held no more.

    It is not asked about again until the panel shows something else; the next change of the access by a verb
    overwrites it.
    """
    if not _dismiss(SyncFinding.objects.filter(pk=finding_id), actor=actor):
        raise NothingHeld("this is not held any more: the panel or the access has changed since")


def dismiss_all(panel_id: int, *, actor: str) -> int:
    """Leave everything that is held of a panel as it is; return how many accounts that is."""
    held = SyncFinding.objects.filter(panel=panel_id, state=State.HELD).order_by("pk")
    done = 0
    while keys := list(held.values_list("pk", flat=True)[:BATCH]):
        done += _dismiss(SyncFinding.objects.filter(pk__in=keys), actor=actor)
    return done


@transaction.atomic
def _dismiss(findings: "QuerySet[SyncFinding]", *, actor: str) -> int:
    held = list(findings.filter(state=State.HELD).values_list("pk", "panel"))
    if not held:
        return 0
    return _decide([pk for pk, _ in held], State.DISMISSED, panel_id=held[0][1], actor=actor)


def _decide(keys: list[int], state: SyncFinding.State, *, panel_id: int, actor: str) -> int:
    done = SyncFinding.objects.filter(pk__in=keys, state=State.HELD).update(
        state=state, decided_by=actor, decided_at=clock.now()
    )
    data: dict[str, Any] = {"findings": keys, "decision": state.value}
    note(None, "panel.findings_decided", actor=actor, subject=f"panel:{panel_id}", data=data)
    return done


def remove_old(before: datetime) -> int:
    """Delete findings from before then that nobody has to decide on."""
    return delete_in_batches(
        SyncFinding.objects.filter(found_at__lt=before).exclude(state__in=SyncFinding.STANDING)
    )
