"""Traffic of accounts that are near their limit, read between full syncs.

An allowance is shared by all accounts of an access, but each panel counts its own: between two looks every
one of them may let through what was left at the last. So whoever is near the end is looked at oftener, and
the limits on all panels follow what was used on the others.
"""

import logging
import time
from collections import Counter, defaultdict
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime

from django.db import transaction

from core import clock
from core.rows import update_each
from core.services import require_installation
from vpnpanel.connections import driver_for
from vpnpanel.drivers.base import Observed, PanelDriver
from vpnpanel.errors import AccountMissing, PanelError
from vpnpanel.models import Access, Panel, PanelAccount
from vpnpanel.observation import TRAFFIC, take_in_traffic, used_in_all
from vpnpanel.ownership import limit_to_set
from vpnpanel.services import backlog, usage

log = logging.getLogger(__name__)

THREADS = 4
BATCH = 100
ACCESSES_AT_ONCE = 500
# A page of a hundred accounts takes a panel about as long as this many single ones.
CALLS_PER_PAGE = 10
PANEL_SECONDS = 60.0


@dataclass
class _Reading:
    """What one panel is asked for, and what it answered."""

    panel: Panel
    names: list[str] = field(default_factory=list)
    asked_at: datetime = field(default_factory=clock.now)
    seen_at: datetime = field(default_factory=clock.now)
    shown: dict[str, Observed] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)


def read_traffic(access_ids: Iterable[int]) -> int:
    """Read what the accounts of these accesses have used, and let limits follow; return how many were read.

    Panels are asked side by side, each for about a minute at most; whom that leaves out is first next time.
    """
    require_installation()
    read = 0
    keys = sorted(set(access_ids))
    for start in range(0, len(keys), ACCESSES_AT_ONCE):
        readings = _readings(keys[start : start + ACCESSES_AT_ONCE])
        with ThreadPoolExecutor(THREADS, thread_name_prefix="traffic") as pool:
            for reading in pool.map(_ask, readings):
                _keep(reading)
                read += len(reading.shown)
        _let_limits_follow(keys[start : start + ACCESSES_AT_ONCE])
    return read


def _readings(access_ids: list[int]) -> list[_Reading]:
    accounts = PanelAccount.objects.in_use().filter(
        access__in=access_ids, panel__is_up=True, panel__state__in=Panel.SERVING
    )
    names: defaultdict[int, list[str]] = defaultdict(list)
    for panel_id, name in accounts.order_by("observed_at").values_list("panel", "name"):
        names[panel_id].append(name)
    return [_Reading(panel, names[panel.pk]) for panel in Panel.objects.filter(pk__in=names)]


def _ask(reading: _Reading) -> _Reading:
    """Read the accounts in the cheapest way; touches no database. What fails is left to the probe."""
    reading.asked_at = clock.now()
    driver = driver_for(reading.panel)
    try:
        pages = -(-int(reading.panel.figures.get("accounts") or 0) // driver.page_size)
        worth_pages = 1 if driver.reads_all_for_one else pages * CALLS_PER_PAGE
        if worth_pages and len(reading.names) > worth_pages:
            _ask_for_pages(reading, driver)
        else:
            _ask_one_by_one(reading, driver)
    except PanelError as failed:
        log.warning("panel %s: traffic could not be read: %s", reading.panel, failed)
    except Exception:  # a bug met at one panel must not stop the others
        log.exception("panel %s: the driver broke", reading.panel.pk)
    finally:
        driver.close()
    reading.seen_at = clock.now()
    return reading


def _ask_for_pages(reading: _Reading, driver: PanelDriver) -> None:
    give_up_at = time.monotonic() + PANEL_SECONDS
    wanted = set(reading.names)
    for page in driver.pages():
        reading.shown.update({each.name: each for each in page.accounts if each.name in wanted})
        if time.monotonic() > give_up_at or len(reading.shown) == len(wanted):
            return


def _ask_one_by_one(reading: _Reading, driver: PanelDriver) -> None:
    give_up_at = time.monotonic() + PANEL_SECONDS
    for name in reading.names:
        if time.monotonic() > give_up_at:
            return
        try:
            reading.shown[name] = driver.get_account(name)
        except AccountMissing:
            reading.missing.append(name)


def _keep(reading: _Reading) -> None:
    names = sorted(reading.shown)
    for start in range(0, len(names), BATCH):
        _keep_some(reading, names[start : start + BATCH])
    if reading.missing:
        lost = PanelAccount.objects.filter(panel=reading.panel, name__in=reading.missing)
        backlog.mark_drifted(list(lost.values_list("access_id", flat=True)), before=reading.asked_at)


@transaction.atomic
def _keep_some(reading: _Reading, names: list[str]) -> None:
    """Write down the traffic; what the reconciler or a full sync saw meanwhile may be newer and stays."""
    rows = PanelAccount.objects.filter(panel=reading.panel, name__in=names)
    older = [
        row
        for row in rows.select_for_update(no_key=True).order_by("pk")
        if row.observed_at is None or row.observed_at < reading.asked_at
    ]
    growth: Counter[int] = Counter()
    for row in older:
        before = row.used_bytes
        take_in_traffic(row, reading.shown[row.name])
        row.observed_at = reading.seen_at
        growth[row.access_id] += row.used_bytes - before
    if older:
        update_each(older, ("observed_status", *sorted(TRAFFIC), "observed_at"))
    usage.note_growth(growth, at=reading.asked_at)


def _let_limits_follow(access_ids: list[int]) -> None:
    """Have panels told their limits anew where what was used elsewhere has moved them."""
    now = clock.now()
    accesses = list(Access.objects.filter(pk__in=access_ids, traffic_limit__gt=0))
    used = used_in_all(accesses)
    shared: defaultdict[int, list[PanelAccount]] = defaultdict(list)
    used_ones = PanelAccount.objects.in_use().filter(access__in=access_ids)
    for account in used_ones.only("pk", "access", "counter", "observed_limit"):
        shared[account.access_id].append(account)
    moved = []
    for access in accesses:
        accounts = shared[access.pk] if len(shared[access.pk]) > 1 else []
        for account in accounts:
            if limit_to_set(access, account, used[access.pk], account.observed_limit) is not None:
                moved.append(account)
    backlog.mark_to_set(moved, before=now)
