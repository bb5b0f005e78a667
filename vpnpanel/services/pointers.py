"""What a panel points at: accounts it says something happened to. We look for ourselves, and soon.

A pointer tells nothing but where to look: it is neither dated nor signed, and may be lost, late or repeated.
So it changes no observed state; it marks the account, a worker reads it as a full sync would, and what
differs is repaired as after a sync. The reconciler is not asked at once: it writes to the panel, each write
makes the panel point at the account again, and the two would go on for ever.

However much a panel says, it costs READS_PER_ROUND reads a round at most: an account that is marked is not
marked again, and with too many of them a full sync, a hundred accounts a call, is cheaper than so many looks.
"""

import logging
from collections import defaultdict
from collections.abc import Iterable
from datetime import timedelta

from django.db.models import Q

from core import clock, jobs
from core.bursts import BurstNudge
from core.models import Installation
from core.nudges import nudge
from core.services import require_installation
from vpnpanel.connections import driver_for
from vpnpanel.drivers.base import Observed, Page, PanelDriver
from vpnpanel.errors import AccountMissing, PanelDown, PanelError
from vpnpanel.models import Panel, PanelAccount, SyncRun
from vpnpanel.observation import Sighting
from vpnpanel.services import sync
from vpnpanel.services.sync import Tally

log = logging.getLogger(__name__)

MOST_NAMES = 500
READS_PER_ROUND = 50
# More of them waiting, and the panel is read whole, if that was not done just now.
WORTH_A_SYNC = 200
SYNC_PAUSE = timedelta(minutes=10)
# What we did ourselves was seen as we did it; the panel tells of it for as long.
ECHO = timedelta(seconds=90)

look_soon = BurstNudge("vpnpanel.tasks.read_pointed")


def point_at(panel: Panel, *, changed: Iterable[str], echoed: Iterable[str] = ()) -> int:
    """Have accounts of ours by these names looked at; return how many were marked by this.

    `echoed`: of which the panel says that our own administrator did something to them. Names that are not
    ours are left alone, and so are any beyond MOST_NAMES: then the whole panel is read.
    """
    names, own = set(changed), set(echoed) - set(changed)
    if len(names) + len(own) > MOST_NAMES:
        read_whole(panel)
        return 0
    now = clock.now()
    of_own_doing = Q(name__in=own) & (Q(observed_at=None) | Q(observed_at__lt=now - ECHO))
    there = PanelAccount.objects.exclude(placement=PanelAccount.Placement.GONE)
    ours = there.filter(panel=panel, pointed_at=None)
    marked = ours.filter(Q(name__in=names) | of_own_doing).update(pointed_at=now)
    if marked:
        look_soon.ask()
    return marked


def read_pointed() -> int:
    """Look at the accounts that panels pointed at, the longest waiting first; return how many were read."""
    installation = require_installation()
    waiting = PanelAccount.objects.filter(
        pointed_at__isnull=False, panel__is_up=True, panel__state__in=Panel.SERVING
    )
    by_panel: defaultdict[int, list[PanelAccount]] = defaultdict(list)
    for account in waiting.order_by("pointed_at", "pk").only("panel", "name")[: WORTH_A_SYNC * 4]:
        by_panel[account.panel_id].append(account)
    return sum(_work_off(Panel.objects.get(pk=key), rows, installation) for key, rows in by_panel.items())


def _work_off(panel: Panel, accounts: list[PanelAccount], installation: Installation) -> int:
    if len(accounts) > WORTH_A_SYNC and read_whole(panel):
        PanelAccount.objects.filter(panel=panel, pointed_at__isnull=False).update(pointed_at=None)
        return 0
    some = accounts[:READS_PER_ROUND]
    # Before they are read: what happens to one meanwhile marks it anew.
    PanelAccount.objects.filter(pk__in=[account.pk for account in some]).update(pointed_at=None)
    return _read(panel, some, installation)


def read_whole(panel: Panel) -> bool:
    """Start a full sync, unless there was one just now; tell whether it was started."""
    if panel.synced_at is not None and panel.synced_at > clock.now() - SYNC_PAUSE:
        return False
    jobs.start(sync.KIND, subject=str(panel.pk), asked_by="panel")
    nudge("core.tasks.run_jobs")
    return True


def _read(panel: Panel, accounts: list[PanelAccount], installation: Installation) -> int:
    asked_at = clock.now()
    driver = driver_for(panel)
    shown, missing = [], []
    try:
        for done, account in enumerate(accounts):
            try:
                if (observed := _look(driver, account.name)) is None:
                    missing.append(account.pk)
                else:
                    shown.append(observed)
            except PanelDown as failed:
                log.warning("panel %s pointed at accounts and does not show them: %s", panel, failed)
                rest = [each.pk for each in accounts[done:]]
                PanelAccount.objects.filter(pk__in=rest).update(pointed_at=asked_at)
                break
            except PanelError as failed:
                log.warning("account %s could not be looked at: %s", account.name, failed)
            except Exception:  # a bug met at one account must not stop the others
                log.exception("account %s: the driver broke", account.name)
    finally:
        driver.close()
    if shown or missing:
        run = SyncRun.objects.create(panel=panel)
        _take_in(run, installation, shown, missing, Sighting(asked_at, clock.now()))
    return len(shown) + len(missing)


def _look(driver: PanelDriver, name: str) -> Observed | None:
    try:
        return driver.get_account(name)
    except AccountMissing:
        return None


def _take_in(
    run: SyncRun, installation: Installation, shown: list[Observed], missing: list[int], at: Sighting
) -> None:
    """Treat what was seen as a full sync of these accounts alone; keep the run only if it found something."""
    tally = Tally(run=run.pk)
    page = Page(accounts=tuple(shown), total=len(shown), is_last=True, calls=len(shown) + len(missing))
    sync.take_page(run, installation, page, at, tally)
    wanted = sync.unseen(run.panel, before=at.asked_at).filter(pk__in=missing)
    sync.take_missing(run, list(wanted.values_list("pk", flat=True)), tally)
    if tally.drifted or tally.missing or tally.held or tally.returned or tally.relimited:
        SyncRun.objects.filter(pk=run.pk).update(finished_at=clock.now())
        nudge("vpnpanel.tasks.reconcile_due")
    else:
        run.delete()
