"""What became of a plan, written in one transaction if the claim still holds."""

import logging
from datetime import timedelta
from typing import Any

from django.db import transaction

from core import claims, clock
from notifications.services import tell
from vpnpanel import findings, usage
from vpnpanel.calls import Result
from vpnpanel.errors import PanelDown
from vpnpanel.models import Access, PanelAccount
from vpnpanel.observation import FIELDS, MISSING, take_in
from vpnpanel.outages import mark_down
from vpnpanel.placement import Plan

log = logging.getLogger(__name__)

Placement = PanelAccount.Placement

LONGEST_WAIT_SECONDS = 60
# Only staff can mend what a panel refuses for good; it is tried again in case they did so on the panel.
PERMANENT_WAIT_SECONDS = 300


def finish(plan: Plan, results: list[Result]) -> bool:
    """Record how a plan ended; tell whether the claim still held. Results of a lost claim are dropped."""
    for result in results:
        if isinstance(result.error, PanelDown):
            mark_down(result.work.account.panel_id, str(result.error))
    return _record(plan, results)


@transaction.atomic
def _record(plan: Plan, results: list[Result]) -> bool:
    held = Access.objects.filter(pk=plan.access.pk, claim_token=plan.access.claim_token)
    access = held.select_for_update(no_key=True).first()
    if access is None:
        log.warning("access %s: another process took over, what was done is not recorded", plan.access.pk)
        return False
    rows = _settle_accounts(plan, results)
    problem = _problem(plan, results)
    values = _failed(access, *problem) if problem else _applied(access, plan)
    is_wanted = access.is_wanted(plan.at) and plan.access.is_wanted(plan.at)
    if access.announce and is_wanted and not problem and any(row.links for row in rows if row.is_live):
        values["announce"] = False
        tell(
            access.user,
            "access_ready",
            dedupe_key=f"access_ready:{access.pk}:{plan.access.generation}",
            context={"access_id": access.pk},
        )
    return claims.record(access, **values)


def _applied(access: Access, plan: Plan) -> dict[str, Any]:
    """A change made during the calls has raised the generation: then the access stays dirty, due at once."""
    return {
        "is_dirty": access.generation != plan.access.generation,
        "applied_generation": plan.access.generation,
        "applied_at": clock.now(),
        "attempts": 0,
        "next_try_at": None,
        "error": "",
    }


def _failed(access: Access, text: str, is_permanent: bool) -> dict[str, Any]:
    attempts = access.attempts + 1
    seconds = PERMANENT_WAIT_SECONDS if is_permanent else min(2 ** min(attempts, 10), LONGEST_WAIT_SECONDS)
    return {
        "attempts": attempts,
        "error": text,
        "next_try_at": clock.now() + timedelta(seconds=seconds),
    }


def _problem(plan: Plan, results: list[Result]) -> tuple[str, bool] | None:
    """Return why the access is not applied, and whether for good; None if it is.

    An account that cannot leave because its panel is away is no reason: the probe has it removed later.
    """
    for result in results:
        is_late_leaver = result.work.desired is None and isinstance(result.error, PanelDown)
        if result.error is not None and not is_late_leaver:
            return f"{result.work.account.panel}: {result.error}", result.error.permanent
    return (plan.trouble, False) if plan.trouble else None


def _settle_accounts(plan: Plan, results: list[Result]) -> list[PanelAccount]:
    keys = [result.work.account.pk for result in results]
    rows = {row.pk: row for row in PanelAccount.objects.select_for_update().filter(pk__in=keys)}
    before = sum(row.used_bytes for row in rows.values())
    for result in results:
        _settle(rows[result.work.account.pk], result, plan.access)
    growth = sum(row.used_bytes for row in rows.values()) - before
    usage.note_growth({plan.access.pk: growth}, at=clock.now())
    findings.settle(
        result.work.account.pk
        for result in results
        if result.error is None and result.work.account.panel.holds_changes
    )
    return list(rows.values())


def _settle(row: PanelAccount, result: Result, read: Access) -> None:
    """Put down how a call ended. `read` is the access as it was before the call."""
    row.error = str(result.error) if result.error else ""
    if result.observed is not None:
        # A full sync that looked meanwhile has counted the traffic already, and perhaps later.
        is_ours = row.observed_at == result.work.account.observed_at
        take_in(row, result.observed, with_traffic=is_ours)
        row.observed_at = result.at
    elif result.error is None:
        row.observed_status, row.links, row.observed_at = MISSING, [], result.at
    if result.error is None:
        row.applied_generation, row.key_epoch = read.generation, read.key_epoch
        if result.work.desired is None:
            row.placement, row.gone_at = Placement.GONE, result.at
        elif result.observed is not None:
            row.placement, row.serving_at = Placement.SERVING, row.serving_at or result.at
    row.save(
        update_fields=[
            *FIELDS,
            "observed_at",
            "error",
            "applied_generation",
            "key_epoch",
            "placement",
            "gone_at",
            "serving_at",
        ]
    )
