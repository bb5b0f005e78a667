"""What became of a plan, written in short transactions if the claim still holds."""

import logging
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import F

from core import claims, clock
from core.said import Sentence, said
from notifications.services import tell
from vpnpanel.choosing import FIRST_KEY_TRIES, can_be_left
from vpnpanel.errors import ChangeLost, PanelDown
from vpnpanel.models import Access, PanelAccount
from vpnpanel.observation import FIELDS, MISSING, take_in
from vpnpanel.plans import Plan, Result
from vpnpanel.services import findings, usage
from vpnpanel.services.outages import mark_down, note_change, note_lost_change
from vpnpanel.services.places import give_up_place

log = logging.getLogger(__name__)

Placement = PanelAccount.Placement

LONGEST_WAIT_SECONDS = 60
# Only staff can mend what a panel refuses for good; it is tried again in case they did so on the panel.
PERMANENT_WAIT_SECONDS = 300


def note_progress(plan: Plan, result: Result) -> bool:
    """Record one call of a plan while others are under way; tell whether the claim still held.

    A customer whose key works on one panel hears of it while another still keeps us waiting.
    """
    _note_panels([result])
    with transaction.atomic():
        access = _held(plan)
        if access is None:
            _apply_anew(plan)
            return False
        rows = _settle_accounts(plan, [result])
        if _tell_ready(plan, access, [rows[result.work.account.pk]]):
            Access.objects.filter(pk=access.pk).update(announce=False)
    return True


def finish(plan: Plan, results: list[Result], *, noted: int = 0) -> bool:
    """Record how a plan ended; tell whether the claim still held. Results of a lost claim are dropped.

    The first `noted` of the results were recorded as they came.
    """
    _note_panels(results[noted:])
    with transaction.atomic():
        access = _held(plan)
        if access is None:
            log.warning("access %s: another process took over, what was done is dropped", plan.access.pk)
            if results[noted:]:
                _apply_anew(plan)
            return False
        rows = _settle_accounts(plan, results[noted:])
        values = _values(plan, access, results, rows)
        if _tell_ready(plan, access, [rows[result.work.account.pk] for result in results[noted:]]):
            values["announce"] = False
        return claims.record(access, **values)


def put_off(access: Access, text: Sentence | str) -> bool:
    """Note why nothing was done for a claimed access, and try again later; tell whether the claim held."""
    return claims.record(access, **_failed(access, text, is_permanent=False))


def _note_panels(results: list[Result]) -> None:
    """Write down what the calls say of the panels: whether they answer, and whether changes arrive."""
    for result in results:
        panel = result.work.account.panel
        if isinstance(result.error, PanelDown):
            mark_down(panel.pk, result.error.sentence)
        elif isinstance(result.error, ChangeLost) and not result.error.is_counted:
            result.error.is_counted = True
            note_lost_change(panel.pk, result.error.sentence)
        elif result.error is None and panel.lost_changes and result.work.changes_something:
            note_change(panel)


def _held(plan: Plan) -> Access | None:
    held = Access.objects.filter(pk=plan.access.pk, claim_token=plan.access.claim_token)
    return held.select_for_update(no_key=True).first()


def _apply_anew(plan: Plan) -> None:
    """Have an access applied once more which another process took over while we called its panels.

    Our call may have come after that process's, and put back what was wanted before. A generation more
    outlasts whatever is being recorded meanwhile.
    """
    Access.objects.filter(pk=plan.access.pk).update(
        generation=F("generation") + 1, is_dirty=True, next_try_at=None
    )


def _values(
    plan: Plan, access: Access, results: list[Result], rows: dict[int, PanelAccount]
) -> dict[str, Any]:
    """Return what becomes of the access, having let go of accounts that others stand in for now."""
    is_replaced = bool(plan.outgoing) and can_be_left([rows[account.pk] for account in plan.staying])
    if is_replaced:
        for account in plan.outgoing:
            if rows[account.pk].is_live:
                give_up_place(rows[account.pk], serves_until=plan.serves_until)
    if problem := _problem(plan, results, is_replaced=is_replaced):
        values = _failed(access, *problem)
        if any(isinstance(result.error, PanelDown) and not _has_served(result) for result in results):
            values["next_try_at"] = None  # nobody has its key yet: another panel may take the customer
        return values
    if plan.is_partial:
        return {"attempts": 0, "next_try_at": None, "error": ""}
    if plan.outgoing and not is_replaced:
        return _failed(access, said("the accounts that are to replace others do not work yet"), False)
    values = _applied(access, plan)
    if is_replaced and (plan.lingering or any(not rows[each.pk].serves_until for each in plan.outgoing)):
        values["is_dirty"] = True  # the next pass removes them from their panels
    return values


def _has_served(result: Result) -> bool:
    return result.work.account.serving_at is not None


def _tell_ready(plan: Plan, access: Access, rows: list[PanelAccount]) -> bool:
    """Tell the customer who waits for it that a key works now; tell whether that was so."""
    is_wanted = access.is_wanted(plan.at) and plan.access.is_wanted(plan.at)
    works = any(row.links and not row.error and row.is_live for row in rows)
    if not (access.announce and is_wanted and works):
        return False
    tell(
        access.user,
        "access_ready",
        dedupe_key=f"access_ready:{access.pk}:{plan.access.generation}",
        context={"access_id": access.pk},
    )
    return True


def _applied(access: Access, plan: Plan) -> dict[str, Any]:
    """What came during the calls, a change or a wish to have it compared, leaves the access dirty, due at
    once."""
    before = plan.access
    return {
        "is_dirty": (access.generation, access.marks) != (before.generation, before.marks),
        "applied_generation": plan.access.generation,
        "applied_at": clock.now(),
        "attempts": 0,
        "next_try_at": None,
        "error": "",
    }


def _failed(access: Access, text: Sentence | str, is_permanent: bool) -> dict[str, Any]:
    attempts = access.attempts + 1
    seconds = PERMANENT_WAIT_SECONDS if is_permanent else min(2 ** min(attempts, 10), LONGEST_WAIT_SECONDS)
    return {
        "attempts": attempts,
        "error": text,
        "next_try_at": clock.now() + timedelta(seconds=seconds),
    }


def _problem(plan: Plan, results: list[Result], *, is_replaced: bool) -> tuple[Sentence | str, bool] | None:
    """Return why the access is not applied, and whether for good; None if it is.

    An account that cannot leave because its panel is away is no reason: the probe has it removed later. Nor
    is what happened to one that is let go now.
    """
    going = {account.pk for account in plan.outgoing} if is_replaced else set()
    for result in results:
        is_late_leaver = result.work.desired is None and isinstance(result.error, PanelDown)
        if result.error is not None and not is_late_leaver and result.work.account.pk not in going:
            may_ask_another = not _has_served(result) and plan.access.attempts < FIRST_KEY_TRIES
            is_permanent = result.error.permanent and not may_ask_another
            values = {"panel": result.work.account.panel.name, "why": result.error.sentence}
            return Sentence("%(panel)s: %(why)s", values), is_permanent
    return (plan.trouble, False) if plan.trouble else None


def _settle_accounts(plan: Plan, results: list[Result]) -> dict[int, PanelAccount]:
    """Write down what the calls showed; return these accounts, and those of a replacement, by key."""
    keys = {result.work.account.pk for result in results}
    if plan.outgoing:
        keys.update(account.pk for account in (*plan.staying, *plan.outgoing))
    found = PanelAccount.objects.filter(pk__in=keys).order_by("pk")
    if plan.outgoing:
        found = found.select_related("panel")
    rows = {row.pk: row for row in found.select_for_update(of=("self",))}
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
    return rows


def _settle(row: PanelAccount, result: Result, read: Access) -> None:
    """Put down how a call ended. `read` is the access as it was before the call."""
    row.error = result.error.sentence if result.error else ""
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
        elif result.observed is not None and row.is_live:
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
