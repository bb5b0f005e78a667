"""The quarantine: accounts that look like ours though no row of ours says so, and what staff do about them.

Such an account is never touched until staff decide: it may be what a lost row of ours stood for, what an
older copy of the database made, or somebody else's work under our sign.
"""

import re
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import F

from accounts.services import lock_customer, note
from core import clock, jobs
from core.jobs import Step
from core.models import Installation, Job
from core.nudges import nudge
from core.said import said
from core.services import require_installation
from vpnpanel.connections import driver_for
from vpnpanel.drivers.base import Observed
from vpnpanel.errors import NotForAdoption, PanelError, PanelRefused
from vpnpanel.guard.examination import is_of_a_test
from vpnpanel.models import NAME_LENGTH, Access, Panel, PanelAccount, StrayAccount, SyncFinding, SyncRun
from vpnpanel.services import backlog
from vpnpanel.writers import keep_while, sole_writer

KIND = "panel_remove_stray"
RUN_JOBS = "core.tasks.run_jobs"
RECONCILE = "vpnpanel.tasks.reconcile_access"

State, Why = StrayAccount.State, StrayAccount.Why
DECIDABLE = (State.OPEN, State.IGNORED)
SEEN = ("why", "access", "shown", "seen_at")


def notice(
    run: SyncRun, installation: Installation, foreign: Iterable[Observed], at: datetime
) -> list[SyncFinding]:
    """Put those of the accounts that are not ours and yet look so into quarantine; return what is new there.

    Runs no query where nothing looks like ours.
    """
    suspects = {each.name: each for each in foreign if looks_ours(installation, each)}
    if not suspects:
        return []
    elsewhere = dict(
        PanelAccount.objects.filter(name__in=suspects).values_list("name", "access").order_by("-pk")
    )
    noted = {name: noted_access(installation, each.note) for name, each in suspects.items()}
    known = set(Access.objects.filter(pk__in=set(filter(None, noted.values()))).values_list("pk", flat=True))
    rows = []
    for name, observed in suspects.items():
        access = elsewhere.get(name) or (noted[name] if noted[name] in known else None)
        why = Why.ELSEWHERE if name in elsewhere else Why.NOTE if noted[name] else Why.NAME
        rows.append(
            StrayAccount(
                panel=run.panel, name=name, why=why, access_id=access, shown=shown_of(observed), seen_at=at
            )
        )
    before = StrayAccount.objects.filter(panel=run.panel, name__in=suspects)
    familiar = set(before.exclude(state__in=(State.GONE, State.REMOVED)).values_list("name", flat=True))
    before.filter(state__in=(State.GONE, State.REMOVED)).update(state=State.OPEN)
    StrayAccount.objects.bulk_create(
        rows, update_conflicts=True, unique_fields=["panel", "name"], update_fields=SEEN
    )
    return [
        SyncFinding(
            run=run, panel=run.panel, access_id=row.access_id, name=row.name,
            kind=SyncFinding.Kind.STRAY, state=SyncFinding.State.NOTED,
        )
        for row in rows if row.name not in familiar
    ]  # fmt: skip


def looks_ours(installation: Installation, observed: Observed) -> bool:
    """Tell whether an account that is none of our rows carries our sign, in its name or its note."""
    if len(observed.name) > NAME_LENGTH or is_of_a_test(observed.name, installation.short):
        return False
    return observed.name.startswith(f"{installation.short}_") or bool(
        noted_access(installation, observed.note)
    )


def noted_access(installation: Installation, text: str) -> int | None:
    """Return the number of the access that a note of ours names, None for any other note."""
    found = re.fullmatch(rf"{installation.short} access (\d{{1,18}})", text.strip())
    return int(found[1]) if found else None


def shown_of(observed: Observed) -> dict[str, Any]:
    """Return what staff may see of an account: its terms, and no key."""
    return {
        "status": observed.status,
        "enabled": observed.is_enabled,
        "end": int(observed.until.timestamp()) if observed.until else None,
        "limit": observed.traffic_limit,
        "used": observed.counter,
        "note": observed.note[:200],
    }


def note_gone(panel: Panel, *, before: datetime) -> int:
    """After a whole run: those that no page showed since `before` are not there any more."""
    unseen = StrayAccount.objects.filter(panel=panel, seen_at__lt=before, state__in=DECIDABLE)
    return unseen.update(state=State.GONE, decided_at=clock.now())


def adopt(stray_id: int, *, access_id: int, actor: str) -> PanelAccount:
    """Take an account over as one of the access; the reconciler then brings it to the access's terms.

    Its traffic so far counts as the access's. Raises NotForAdoption if the access already lives on this
    panel, or if the account was decided on otherwise.
    """
    access = Access.objects.filter(pk=access_id).first()
    if access is None:
        raise NotForAdoption(f"there is no access {access_id}")
    with transaction.atomic():
        lock_customer(access.user_id)
        stray = _decidable(stray_id)
        if stray.why == Why.ELSEWHERE:
            raise NotForAdoption("this is the account of another panel: it cannot be on both")
        live = PanelAccount.objects.filter(
            panel=stray.panel_id, access=access, placement__in=PanelAccount.LIVE
        )
        if live.exists():
            raise NotForAdoption("the access has another account on this panel")
        account = _take_over(stray, access)
        _decide(stray, State.ADOPTED, actor=actor, access=access)
        backlog.mark_dirty([access.pk])
    nudge(RECONCILE, access.pk)
    return account


def _take_over(stray: StrayAccount, access: Access) -> PanelAccount:
    now, used = clock.now(), int(stray.shown.get("used") or 0)
    account = PanelAccount(
        access=access,
        panel_id=stray.panel_id,
        name=stray.name,
        placement=PanelAccount.Placement.SERVING,
        serving_at=now,
        counter=used,
        used_bytes=used,
    )
    account.save(force_insert=True)
    Panel.objects.filter(pk=stray.panel_id).update(load=F("load") + 1)
    return account


@transaction.atomic
def ignore(stray_id: int, *, actor: str) -> None:
    """Leave an account alone for good. Raises NotForAdoption if it was decided on otherwise."""
    _decide(_decidable(stray_id), State.IGNORED, actor=actor)


def remove(stray_id: int, *, actor: str) -> Job:
    """Have an account deleted from its panel by a job. Raises NotForAdoption if it was decided otherwise."""
    with transaction.atomic():
        stray = _decidable(stray_id)
        _decide(stray, State.REMOVING, actor=actor)
        job = jobs.start(KIND, subject=str(stray.pk), asked_by=actor)
    nudge(RUN_JOBS)
    return job


def step(job: Job) -> Step:
    """Delete a stray account from its panel. Safe to repeat. Raises PanelError.

    An account that became one of ours since is left alone.
    """
    require_installation()
    stray = StrayAccount.objects.select_related("panel").get(pk=int(job.subject))
    done = Step(cursor=None, done=1, total=1, is_last=True)
    if stray.state != State.REMOVING:
        return done
    # Cancelled while the call was under way, it waits for a decision again: what the call did still counts.
    undecided = StrayAccount.objects.filter(pk=stray.pk, state__in=(State.REMOVING, State.OPEN))
    try:
        _delete(stray, job)
    except PanelError as failed:
        undecided.update(error=failed.sentence)
        raise
    undecided.update(state=State.REMOVED, error="")
    return done


def _delete(stray: StrayAccount, job: Job) -> None:
    if PanelAccount.objects.filter(panel=stray.panel, name=stray.name).exists():
        raise PanelRefused(said("it is an account of ours by now"))
    driver = driver_for(stray.panel)
    try:
        with sole_writer(stray.panel) as writers, ThreadPoolExecutor(1, thread_name_prefix="strays") as pool:
            keep_while(pool.submit(driver.remove_account, stray.name), writers, job)
    finally:
        driver.close()


def put_back(job: Job) -> None:
    """Let staff decide anew on an account whose removal was cancelled or failed for good."""
    undone = StrayAccount.objects.filter(pk=int(job.subject), state=State.REMOVING)
    undone.update(state=State.OPEN, decided_by="", decided_at=None)


def _decidable(stray_id: int) -> StrayAccount:
    stray = StrayAccount.objects.select_for_update().filter(pk=stray_id, state__in=DECIDABLE).first()
    if stray is None:
        raise NotForAdoption("this account was decided on already, or is not there any more")
    return stray


def _decide(
    stray: StrayAccount, state: StrayAccount.State, *, actor: str, access: Access | None = None
) -> None:
    stray.state, stray.decided_by, stray.decided_at = state, actor, clock.now()
    stray.access = access or stray.access
    stray.save(update_fields=["state", "decided_by", "decided_at", "access"])
    data = {"name": stray.name, "decision": state.value, "access": access.pk if access else None}
    customer = access.user if access else None
    note(customer, "panel.stray_decided", actor=actor, subject=f"panel:{stray.panel_id}", data=data)
