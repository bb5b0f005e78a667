"""Adoption as a job: a panel's accounts taken over page by page, or only shown, and who became what."""

import time
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from django.utils import timezone
from django.utils.formats import localize
from django.utils.translation import gettext_lazy as _

from core import jobs
from core.jobs import Step
from core.models import Installation, Job
from core.said import Sentence
from core.services import require_installation
from core.staff import size
from subscriptions.services.adopting import Rules, Verdict, adopt, preview, rules_for
from vpnpanel.models import Panel
from vpnpanel.services import adopting as panels

KIND = "panel_adopt"
PREVIEW = "panel_adopt_preview"
STEP_SECONDS = 10.0
MOST_LINES = 1000  # who became what, of one run; the rest is counted
COUNTS = {
    "adopted": _("Taken over"),
    "by_telegram": _("of them by a Telegram id"),
    "refused": _("Left as they are"),
    "known": _("The shop's already"),
    "lines_left_out": _("Not listed below"),
}


@dataclass
class Tally:
    """How far an adoption came, kept in the job's cursor.

    `known` are the shop's already, `taken` Telegram ids that a preview would give away.
    """

    offset: int = 0
    adopted: int = 0
    by_telegram: int = 0
    refused: int = 0
    known: int = 0
    lines_left_out: int = 0
    lines: list[dict[str, Any]] = field(default_factory=list)
    taken: list[int] = field(default_factory=list)

    def count(self, verdict: Verdict) -> None:
        if verdict.why_not:
            self.refused += 1
        else:
            self.adopted += 1
            self.by_telegram += verdict.is_by_telegram
        if len(self.lines) < MOST_LINES:
            self.lines.append({name: value for name, value in asdict(verdict).items() if value})
        else:
            self.lines_left_out += 1

    @property
    def result(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name not in ("offset", "taken")}


def register_jobs() -> None:
    jobs.register(KIND, adopt_step, _("Take over accounts"), counts=COUNTS, line=in_words)
    preview = {**COUNTS, "adopted": _("Would be taken over")}
    jobs.register(PREVIEW, preview_step, _("Take over accounts: preview"), counts=preview, line=in_words)


def in_words(line: dict[str, Any]) -> str:
    """Return what became of one account, for staff: whose it is, until when and with how much; or why not."""
    if "why_not" in line:
        return f"{line['name']} · {Sentence(**line['why_not'])}"
    end = localize(timezone.localtime(datetime.fromisoformat(line["end"])).date())
    limit = size(line["limit"]) if line.get("limit") else _("no limit")
    return f"{line['name']} → {Sentence(**line['becomes'])} · {end} · {limit}"


def start(panel_id: int, *, params: dict[str, Any], is_preview: bool, actor: str) -> Job:
    """Begin to take a panel's accounts over, or to show what would become of them.

    `params`: plan, match, endless_days, quarantined. Raises AdoptionUnfit at once for what cannot work.
    """
    rules_for(Panel.objects.get(pk=panel_id), params)
    kind = PREVIEW if is_preview else KIND
    return jobs.start(kind, subject=str(panel_id), asked_by=actor, params=params)


def adopt_step(job: Job) -> Step:
    """Take over the next pages of a panel's accounts. Safe to repeat. Raises PanelError, AdoptionUnfit."""
    return _step(job, is_preview=False)


def preview_step(job: Job) -> Step:
    """Look at the next pages of a panel's accounts, changing nothing. Raises PanelError, AdoptionUnfit."""
    return _step(job, is_preview=True)


def _step(job: Job, *, is_preview: bool) -> Step:
    installation = require_installation()
    panel = Panel.objects.get(pk=int(job.subject))
    rules = rules_for(panel, job.params)
    tally = Tally(**job.cursor) if job.cursor else Tally()
    total, is_last = _read(panel, installation, rules, tally, job.asked_by, is_preview)
    return Step(cursor=vars(tally), done=tally.offset, total=total, is_last=is_last, result=tally.result)


def _read(
    panel: Panel, installation: Installation, rules: Rules, tally: Tally, actor: str, is_preview: bool
) -> tuple[int, bool]:
    give_up_at: float | None = None
    for piece in panels.read(panel, installation, tally.offset, rules.wanted):
        verdicts = [Verdict(name, why_not=why) for name, why in piece.refused.items()]
        if is_preview:
            taken = set(tally.taken)
            verdicts += preview(piece.candidates, rules, taken)
            tally.taken = sorted(taken)
        else:
            verdicts += [adopt(each, rules, actor=actor) for each in piece.candidates]
        for verdict in verdicts:
            tally.count(verdict)
        tally.known += piece.known
        tally.offset = piece.next_offset
        # Counted from the first page on: with some panels it takes long, and brings all others along.
        give_up_at = give_up_at or time.monotonic() + STEP_SECONDS
        if piece.is_last or time.monotonic() >= give_up_at:
            return piece.total, piece.is_last
    return tally.offset, True
