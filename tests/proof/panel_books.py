"""What the auditor knows of panels, and what staff do meanwhile. Imported by tests.proof.books."""

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

from django.db import OperationalError
from django_celery_beat.models import IntervalSchedule, PeriodicTask, PeriodicTasks

from core import clock, jobs
from core.models import Job
from subscriptions import services as subscriptions
from subscriptions.models import Plan, Subscription
from vpnpanel.models import Panel, PanelAccount, SyncRun
from vpnpanel.services import guard, register_panel
from vpnpanel.services import sync as full_sync
from vpnservice.demo.database import XUI, XUI_BASE_PATH

# A plan that sells on so many panels at once; 0: on all there are.
PLANS = {"one": 1, "pair": 2, "all": 0}
REFUNDED_DAYS = 3
SWEEPS = ("vpnpanel.tasks.place_missing", "vpnpanel.tasks.probe_panels")
LONGEST_STEP_SECONDS = 20
# What a full sync finds where nothing is as the shop wants it.
FOUND = ("drifted", "missing", "returned", "held", "strays", "unreadable")

cleared: set[int] = set()


def add_panels(clients_url: str, legacy_url: str) -> None:
    """Sell on two 3x-ui panels too, one of each dialect; the older one takes no token."""
    register_panel(**XUI, base_url=f"{clients_url}{XUI_BASE_PATH}")
    old = {**XUI, "name": "Old 3x-ui", "token": ""}
    register_panel(**old, base_url=f"{legacy_url}{XUI_BASE_PATH}")


def act(customer: str, what: str, number: str) -> dict[str, Any]:
    """Do something to a customer's subscription, once: `number` tells the acts apart.

    Returns the links that worked before where keys are replaced. Not `done`: there is no subscription yet.
    """
    try:
        subscription = Subscription.objects.filter(user__telegram_id=int(customer)).first()
        if subscription is None:
            return {"done": False}
        before = _links(subscription)
        ACTS[what](subscription, f"order:{customer}:{number}")
    except OperationalError as busy:  # SQLite, with another writer
        return {"done": False, "why": str(busy)}
    return {"done": True, "replaced": before if what == "rekey" else []}


def _buy(panel_count: int) -> Callable[[Subscription, str], object]:
    def buy(subscription: Subscription, source: str) -> None:
        terms = subscriptions.terms_of(Plan.objects.get(code="month"))
        terms = replace(terms, conditions={**terms.conditions, "panel_count": panel_count})
        subscriptions.start(subscription.user_id, terms=terms, source=source, actor="customer")

    return buy


def _refund(subscription: Subscription, by: str) -> None:
    source = subscription.grants.filter(plan__is_trial=False).latest("pk").source
    seconds = REFUNDED_DAYS * 86_400
    subscriptions.take_back(source=source, by=by, seconds=seconds, actor="olga", reason="refund")


ACTS: dict[str, Callable[[Subscription, str], object]] = {
    **{name: _buy(count) for name, count in PLANS.items()},
    "refund": _refund,
    "stop": lambda subscription, _: subscriptions.disable(subscription.pk, reason="abuse", actor="olga"),
    "go": lambda subscription, _: subscriptions.enable(subscription.pk, actor="olga"),
    "rekey": lambda subscription, _: subscriptions.rotate_link(subscription.pk, actor="olga", keys=True),
}


def holdings() -> dict[int, dict[str, Any]]:
    """Return what each customer has, by Telegram id."""
    rows = Subscription.objects.select_related("user", "access").prefetch_related("access__accounts__panel")
    return {row.user.telegram_id or 0: _holding(row) for row in rows}


def _holding(row: Subscription) -> dict[str, Any]:
    accounts = [
        {
            "panel": account.panel.name,
            "name": account.name,
            "placement": account.placement,
            "serves_on": account.serves_until is not None,
            "until": _seconds(account.observed_until),
            "links": account.links,
        }
        for account in row.access.accounts.all()
    ]
    return {
        "link": row.link,
        "days": (row.expires_at - row.created_at) / timedelta(days=1),
        "end": _seconds(row.expires_at),
        "wanted_end": _seconds(row.access.until),
        "is_behind": row.access.applied_generation != row.access.generation,
        "accounts": accounts,
    }


def _links(subscription: Subscription) -> list[str]:
    live = PanelAccount.objects.filter(access=subscription.access_id, placement__in=PanelAccount.LIVE)
    return [link for links in live.values_list("links", flat=True) for link in links]


def _seconds(moment: Any) -> int | None:
    return int(moment.timestamp()) if moment else None


def sync() -> int:
    """Have every panel read whole."""
    return full_sync.sync_panels(asked_by="olga")


def compare(seconds: str) -> dict[str, Any]:
    """Have every panel read whole, wait for the end of it, and return what was found, by panel."""
    give_up_at = time.monotonic() + float(seconds)
    while _syncing() and time.monotonic() < give_up_at:
        time.sleep(0.3)
    last = SyncRun.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    count = sync()
    while _syncing() and time.monotonic() < give_up_at:
        time.sleep(0.3)
    runs = SyncRun.objects.filter(pk__gt=last, finished_at__isnull=False).select_related("panel")
    found = {run.panel.name: {name: getattr(run, name) for name in FOUND} for run in runs}
    return {"panels": count, "found": found}


def _free_jobs() -> None:
    """Let others take the jobs of processes that were killed at once, instead of after two minutes.

    None that is alive is at one step for so long, now that calls go well.
    """
    old = clock.now() + timedelta(seconds=jobs.LEASE_SECONDS - LONGEST_STEP_SECONDS)
    Job.objects.filter(state__in=Job.OPEN, claimed_until__lt=old).update(claimed_until=clock.now())


def _syncing() -> bool:
    _free_jobs()
    return Job.objects.filter(kind=full_sync.KIND, state__in=Job.OPEN).exists()


def passed() -> bool:
    """Tell whether every panel has passed its test, twice if it kept something; have others tested."""
    _free_jobs()
    if Job.objects.filter(kind=guard.KIND, state__in=Job.OPEN).exists():
        return False
    doubtful = [each for each in Panel.objects.all() if each.guard != "passed" or _is_to_clear(each)]
    for panel in doubtful:
        guard.start(panel, asked_by="olga")
    return not doubtful


def _is_to_clear(panel: Panel) -> bool:
    """Tell once of a panel that keeps accounts of earlier tests. The last client of an inbound may stay."""
    is_first = bool(panel.guard_report.get("leftovers")) and panel.pk not in cleared
    cleared.add(panel.pk)
    return is_first


def look_often() -> int:
    """Look for panels that are back, and for places that are missing, every 3 s, as staff may set it."""
    interval, _ = IntervalSchedule.objects.get_or_create(every=3, period="seconds")
    count = PeriodicTask.objects.filter(task__in=SWEEPS).update(interval=interval)
    PeriodicTasks.update_changed()
    return count


WORDS: dict[str, Callable[..., Any]] = {
    each.__name__: each for each in (act, holdings, sync, compare, passed, look_often)
}
