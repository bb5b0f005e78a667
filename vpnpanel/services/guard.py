"""The contract test: whether a panel really does each thing the shop asks of it, before customers find out.

Runs as a job when a panel is added or its connection changed, every night, and each half hour on panels
in doubt: that failed, were never tested, were away or too slow at their last test, or lose changes. A panel
is not sold before it has passed, nor after it failed until a later test passes. One that does not answer, or
too slowly, has broken nothing: its test is repeated, and it keeps what it had. Who is served there already
stays.
"""

import logging
import secrets
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

from django.db import transaction
from django.db.models import Q

from accounts.services import note
from core import clock, jobs
from core.errors import ShopError
from core.jobs import Step
from core.models import Job
from core.nudges import nudge
from core.said import said
from core.services import require_installation
from vpnpanel.connections import driver_for
from vpnpanel.drivers.base import PanelDriver
from vpnpanel.drivers.versions import is_verified
from vpnpanel.errors import PanelDown, PanelError, PanelRefused
from vpnpanel.guard.examination import Examination, Finding
from vpnpanel.models import LOST_CHANGES, Panel
from vpnpanel.probing import look
from vpnpanel.services import backlog
from vpnpanel.services.outages import note_change
from vpnpanel.writers import keep_while, sole_writer

log = logging.getLogger(__name__)

KIND = "panel_guard"
ACTOR = "contract test"
# A failure is believed when it comes back: one call may fail on any day. A panel that is locked for a
# back-up is waited for, for some minutes; whether one that is away comes back is for the probe to see.
TRIES = 4
SLOW_TRIES = jobs.MAX_ATTEMPTS
UNFINISHED = ("away", "slow")
NAME_ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"
MOST_LEFTOVERS = 5
# For each call of a test.
READ_SECONDS = 15.0
# How long a test waits for others who write to a panel that has one writer at a time.
WAIT_SECONDS = 10.0
TESTABLE = (Panel.State.OPEN, Panel.State.CLOSED, Panel.State.DRAINING)


class Undecided(ShopError):
    """The panel failed, or did not answer in time; the job is tried again before anything is concluded."""


def start(panel: Panel, *, asked_by: str) -> Job:
    """Have a panel tested by the worker; a test that is under way is returned instead."""
    job = jobs.start(KIND, subject=str(panel.pk), asked_by=asked_by)
    nudge("core.tasks.run_jobs")
    return job


def start_all(asked_by: str = "schedule") -> int:
    """Have every panel that serves and answers tested; return how many."""
    require_installation()
    return _start(Panel.objects.filter(state__in=TESTABLE, is_up=True), asked_by)


def start_doubtful(asked_by: str = "schedule") -> int:
    """Have those tested that are in doubt: a mended panel need not wait for the night."""
    require_installation()
    is_doubtful = Q(guard_report__outcome__in=UNFINISHED) | Q(lost_changes__gte=LOST_CHANGES)
    in_doubt = ~Q(guard=Panel.Guard.PASSED) | is_doubtful
    return _start(Panel.objects.filter(in_doubt, state__in=TESTABLE, is_up=True), asked_by)


def start_waiting(back: Iterable[Panel], asked_by: str = "schedule") -> int:
    """Have panels tested that are not sold before: new ones, and those that were away at their last test
    and are `back` now. Return how many."""
    was_away = Q(pk__in=[panel.pk for panel in back], guard_report__outcome__in=UNFINISHED)
    waiting = Panel.objects.filter(was_away | Q(guard=Panel.Guard.UNTESTED))
    return _start(waiting.filter(state__in=TESTABLE, is_up=True), asked_by)


def _start(panels: Any, asked_by: str) -> int:
    keys = list(panels.values_list("pk", flat=True))
    for key in keys:
        jobs.start(KIND, subject=str(key), asked_by=asked_by)
    return len(keys)


def step(job: Job) -> Step:
    """Test one panel. Safe to repeat: each test has an account of its own, and removes earlier ones.

    Raises Undecided while a failure may still be a matter of chance.
    """
    owner = require_installation().short
    panel = Panel.objects.get(pk=int(job.subject))
    if panel.state == Panel.State.OFF:
        raise PanelRefused(said("the panel is switched off"))
    began_at = time.monotonic()
    examined = _examine(panel, owner, job)
    outcome = _outcome(panel, examined)
    tries = SLOW_TRIES if outcome == "slow" else TRIES
    if outcome != "passed" and job.attempts + 1 < tries:
        raise Undecided(_words(_first_trouble(examined)))
    report = _report(panel, examined, outcome, time.monotonic() - began_at)
    _conclude(panel, outcome, report, asked_by=job.asked_by)
    return Step(cursor=None, done=1, total=1, is_last=True, result={"outcome": outcome})


def _outcome(panel: Panel, examined: Examination) -> str:
    if examined.has_passed or examined.is_broken:
        return "failed" if examined.is_broken else "passed"
    return "away" if look(panel).figures is None else "slow"


def _examine(panel: Panel, owner: str, job: Job) -> Examination:
    name = f"{owner}_test_" + "".join(secrets.choice(NAME_ALPHABET) for _ in range(10))
    leftovers = set(panel.guard_report.get("leftovers", ()))
    # Written down before the first call: a process that dies leaves an account that the next test removes.
    _keep(panel, leftovers=sorted({*leftovers, name}))
    driver = driver_for(panel, read_seconds=READ_SECONDS)
    try:
        examined = Examination(driver, owner, name, panel.inbounds)
        with (
            sole_writer(panel, wait_seconds=WAIT_SECONDS) as writers,
            ThreadPoolExecutor(1, thread_name_prefix="guard") as pool,
        ):
            calls = pool.submit(_call, examined, leftovers)
            keep_while(calls, writers, job, on_loss=examined.stop)
        return examined
    finally:
        driver.close()


def _call(examined: Examination, leftovers: set[str]) -> None:
    """Make all calls of a test, and remove what it and earlier ones left. Touches no database."""
    examined.run()
    leftovers = {*leftovers, *examined.leftovers, *(() if examined.is_clean else (examined.name,))}
    examined.leftovers = leftovers if examined.away else _remove(examined.driver, leftovers)


def _remove(driver: PanelDriver, names: set[str]) -> set[str]:
    """Remove what earlier tests left behind; return what is still there."""
    removed = set()
    for name in sorted(names)[:MOST_LEFTOVERS]:
        try:
            driver.remove_account(name)
            removed.add(name)
        except PanelError as failed:
            log.warning("account %s of an earlier contract test is still there: %s", name, failed)
            if isinstance(failed, PanelDown):
                break
    return names - removed


def _report(panel: Panel, examined: Examination, outcome: str, seconds: float) -> dict[str, Any]:
    """Return what is kept of a test. Nothing secret: names of steps, words of the driver, no keys."""
    advice = examined.advice | _advice_of_row(panel, examined)
    return {
        "outcome": outcome,
        "at": clock.now().isoformat(),
        "seconds": round(seconds, 1),
        "version": examined.version,
        "steps": [finding.plain for finding in examined.findings],
        "advice": sorted(advice),
        "trouble": failed.plain if (failed := _first_trouble(examined)) else {},
        "leftovers": sorted(examined.leftovers),
    }


def _advice_of_row(panel: Panel, examined: Examination) -> set[str]:
    version = examined.version or panel.version
    is_legacy = panel.kind == Panel.Kind.XUI and (examined.dialect or panel.dialect) == "legacy"
    parts = urlsplit(panel.base_url)
    is_far = parts.hostname not in ("localhost", "127.0.0.1", "::1")
    found = {
        "shared_legacy": is_legacy and "shared" in examined.advice,
        "plain_http": parts.scheme == "http" and is_far,
        "any_certificate": parts.scheme == "https" and not panel.verify_tls,
        "unverified": bool(version) and not is_verified(panel.kind, version),
        "old_version": panel.kind == Panel.Kind.MARZBAN and version.lstrip("v").startswith(("0.6.", "0.7.")),
    }
    return {key for key, is_so in found.items() if is_so}


def _first_trouble(examined: Examination) -> Finding | None:
    return next((each for each in examined.findings if each.state == "failed"), None)


def _words(failed: Finding | None) -> str:
    return f"{failed.step}: {failed.said or failed.mismatch}" if failed else ""


def _conclude(panel: Panel, outcome: str, report: dict[str, Any], *, asked_by: str) -> None:
    """Write down how a test ended, and let the sale follow: at once, in both directions."""
    if outcome in UNFINISHED:
        _keep(panel, **{name: report[name] for name in ("leftovers", "outcome", "at", "trouble")})
        never_passed = Panel.objects.filter(pk=panel.pk, guard=Panel.Guard.UNTESTED)
        never_passed.update(guard=Panel.Guard.FAILED)
        return
    state = Panel.Guard.PASSED if outcome == "passed" else Panel.Guard.FAILED
    failed = [each["step"] for each in report["steps"] if each["state"] == "failed"]
    with transaction.atomic():
        has_changed = Panel.objects.filter(pk=panel.pk).exclude(guard=state).update(guard=state)
        Panel.objects.filter(pk=panel.pk).update(guard_at=clock.now(), guard_report=report)
        if has_changed:
            data = {"name": panel.name, "asked_by": asked_by, "failed": failed}
            note(None, f"panel.test_{state}", actor=ACTOR, subject=f"panel:{panel.pk}", data=data)
    if state == Panel.Guard.PASSED:
        note_change(panel)
    if has_changed and state == Panel.Guard.PASSED:
        log.info("panel %s passed its contract test", panel)
        backlog.release(panel)
        nudge("vpnpanel.tasks.reconcile_due")
    elif has_changed:
        log.error("panel %s failed its contract test and is closed for sale: %s", panel, failed)


def _keep(panel: Panel, **values: Any) -> None:
    """Change single values of the last report; only the test of this panel writes it."""
    panel.guard_report = {**panel.guard_report, **values}
    Panel.objects.filter(pk=panel.pk).update(guard_report=panel.guard_report)
