"""One piece of a panel's page beside our rows: what it shows is written down, what differs is told.

A fixed number of statements for each piece, however many accounts it has; rows that nothing changed in are
not written, but for the one statement that says when they were seen.
"""

from dataclasses import dataclass, field

from django.db import transaction

from core.rows import update_each
from vpnpanel.comparing import Difference, Kind, is_due, look, rows_shown
from vpnpanel.drivers.base import Observed
from vpnpanel.models import Panel, PanelAccount, SyncFinding, SyncRun
from vpnpanel.observation import FIELDS, TRAFFIC, Sighting
from vpnpanel.services import findings, usage
from vpnpanel.services.findings import Found


@dataclass
class Piece:
    """What a piece of a page told.

    `own`: names that are ours; `repairs`: accesses to bring in line; `relimited`: accounts whose limit is to
    follow what was used elsewhere; `returned`: how many came back after their removal.
    """

    own: set[str] = field(default_factory=set)
    repairs: list[int] = field(default_factory=list)
    relimited: list[PanelAccount] = field(default_factory=list)
    found: Found = field(default_factory=Found)
    returned: int = 0


@transaction.atomic
def take_piece(panel: Panel, run: SyncRun, shown: dict[str, Observed], at: Sighting) -> Piece:
    """Write down what a panel shows by name, and tell what differs from what is wanted.

    What the reconciler saw after the page was asked for may be newer and stays.
    """
    rows = list(rows_shown(panel, shown).select_for_update(of=("self",), no_key=True))
    piece = Piece(own={row.name for row in rows})
    older = [row for row in rows if row.observed_at is None or row.observed_at < at.asked_at]
    seen = look(panel, older, shown)
    differing = seen.differing
    update_each(seen.changed, FIELDS)
    update_each(seen.moved, sorted(TRAFFIC))
    usage.note_growth(seen.growth, at=at.asked_at)
    PanelAccount.objects.filter(pk__in=[row.pk for row in older]).update(observed_at=at.seen_at)
    # A panel that holds nothing any more may still show what was left as it is.
    asked = older if panel.holds_changes else [each.account for each in differing if each.is_own]
    before = findings.standing(asked)
    differ = {each.account.pk for each in differing}
    piece.found.settled = [key for key in before if key not in differ]
    for each in differing:
        if is_due(each.account.access, at.asked_at):
            _sort(each, run, before.get(each.account.pk), piece)
    piece.repairs += piece.found.repairs
    return piece


def _sort(each: Difference, run: SyncRun, before: SyncFinding | None, piece: Piece) -> None:
    """Tell repairs, what is held, and our own arithmetic apart."""
    account = each.account
    if each.is_own and before is None:
        if account.is_kept_in_line:
            piece.relimited.append(account)
        else:
            piece.repairs.append(account.access_id)
        return
    finding = SyncFinding(
        run=run, panel=run.panel, access_id=account.access_id, account=account,
        name=account.name, kind=each.kind, details=each.details,
    )  # fmt: skip
    piece.returned += each.kind == Kind.RETURNED
    findings.judge(piece.found, finding, before)
