"""Panels that stop answering: one call notices, everything on the panel waits, a probe ends it."""

import logging
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet, Value
from django.db.models.functions import Greatest

from accounts.services import note
from core import clock, rules
from core.retention import delete_in_batches
from core.said import Sentence
from core.services import require_installation
from notifications.services import tell_staff
from vpnpanel.drivers.base import Figures
from vpnpanel.models import LOST_CHANGES, Access, Outage, Panel, PanelAccount, PanelRules
from vpnpanel.probing import Look, look_at_all
from vpnpanel.services import backlog

log = logging.getLogger(__name__)

# A panel that was back for less than this had not recovered.
FLAPPING = timedelta(minutes=2)


def probe() -> list[Panel]:
    """Look at every panel that is not switched off; return those that came back, their backlog released."""
    require_installation()
    looks = look_at_all(Panel.objects.exclude(state=Panel.State.OFF))
    back = [seen.panel for seen in looks if _note(seen)]
    backlog.release_misplaced()
    return back


def read_figures() -> int:
    """Keep what each panel says of itself; return how many answered."""
    require_installation()
    answered = 0
    for seen in look_at_all(Panel.objects.exclude(state=Panel.State.OFF)):
        _note(seen)
        if seen.figures is not None:
            keep_figures(seen.panel, seen.figures)
            answered += 1
    return answered


def keep_figures(panel: Panel, figures: Figures) -> None:
    """Keep what a panel said of itself."""
    kept = {"accounts": figures.accounts, "online": figures.online, "details": figures.details}
    Panel.objects.filter(pk=panel.pk).update(
        figures=kept, figures_at=clock.now(), version=figures.version, dialect=figures.dialect
    )


def _note(seen: Look) -> bool:
    """Write down whether the panel answers; tell whether it has come back."""
    if seen.figures is None:
        mark_down(seen.panel.pk, seen.error)
        return False
    Panel.objects.filter(pk=seen.panel.pk).update(seen_at=clock.now())
    if seen.panel.figures_at is None:  # a new panel: staff need not wait for the next reading
        keep_figures(seen.panel, seen.figures)
    return mark_up(seen.panel)


def mark_up(panel: Panel) -> bool:
    """Let what waits for the panel go on; tell whether it had been down. Safe to repeat."""
    with transaction.atomic():
        now = clock.now()
        was_down = Panel.objects.filter(pk=panel.pk, is_up=False)
        is_back = was_down.update(is_up=True, up_changed_at=now, error="")
        Outage.objects.filter(panel=panel.pk, ended_at__isnull=True).update(
            ended_at=Greatest(F("began_at"), Value(now))
        )
    if is_back:
        log.info("panel %s answers again", panel)
        backlog.release(panel)
    return bool(is_back)


def mark_down(panel_id: int, error: Sentence | str) -> None:
    """Have everything on the panel wait for the probe. Safe to repeat."""
    with transaction.atomic():
        now = clock.now()
        went_down = Panel.objects.filter(pk=panel_id, is_up=True).update(
            is_up=False, up_changed_at=now, error=error
        )
        # A panel that was down before outages were kept has none yet.
        if went_down or not Outage.objects.filter(panel=panel_id, ended_at__isnull=True).exists():
            _open_outage(panel_id, now, error)
    if went_down:
        log.warning("panel %s does not answer: %s", panel_id, error)
    else:
        Panel.objects.filter(pk=panel_id).exclude(error=error).update(error=error)


def note_lost_change(panel_id: int, error: Sentence | str) -> None:
    """Count a change that was lost on a panel that answers; after a few in a row nobody new is placed there.

    Whoever waits for a first key there gets another panel at once.
    """
    counted = Panel.objects.filter(pk=panel_id, lost_changes__lt=LOST_CHANGES)
    if not counted.update(lost_changes=F("lost_changes") + 1):
        return
    if Panel.objects.filter(pk=panel_id, lost_changes__gte=LOST_CHANGES).exists():
        log.error("panel %s answers but takes no changes, nobody new is placed there: %s", panel_id, error)
        first_keys = PanelAccount.objects.filter(panel=panel_id, placement=PanelAccount.Placement.JOINING)
        backlog.mark_dirty(list(first_keys.values_list("access_id", flat=True)))


def note_change(panel: Panel) -> None:
    """End the count of lost changes: one has arrived. Safe to repeat."""
    Panel.objects.filter(pk=panel.pk, lost_changes__gt=0).update(lost_changes=0)
    if panel.lost_changes >= LOST_CHANGES:
        log.info("panel %s takes changes again", panel)
        backlog.release(panel)


def _open_outage(panel_id: int, now: datetime, error: Sentence | str) -> None:
    """Write down that the panel is away. One that was back for a moment only goes on with the same outage,
    unless staff have done something about it already.
    Where nobody was ever placed there is nobody to tell."""
    if not PanelAccount.objects.filter(panel=panel_id).exists():
        return
    last = Outage.objects.filter(
        panel=panel_id,
        ended_at__gt=now - FLAPPING,
        told_at__isnull=True,
        credit=Outage.Credit.NONE,
        settled_at__isnull=True,
    ).order_by("-began_at")
    again = last.values_list("pk", flat=True).first()
    if again is not None:
        Outage.objects.filter(pk=again).update(ended_at=None, error=error)
    else:
        Outage.objects.bulk_create(
            [Outage(panel_id=panel_id, began_at=now, error=error)], ignore_conflicts=True
        )


def alert_outages() -> int:
    """Tell staff, once for each, of panels that have not answered for too long; returns of how many.

    A panel that was switched off is asked no more: its outage would never end, so it ends here.
    """
    of_no_use = Outage.objects.filter(ended_at__isnull=True, panel__state=Panel.State.OFF)
    of_no_use.update(ended_at=Greatest(F("began_at"), Value(clock.now())))
    minutes = rules.read(PanelRules).alert_after_minutes
    long_ago = clock.now() - timedelta(minutes=minutes)
    lasting = Outage.objects.filter(ended_at__isnull=True, alerted_at__isnull=True, began_at__lte=long_ago)
    alerted = 0
    for outage_id in list(lasting.values_list("pk", flat=True)):
        with transaction.atomic():
            if Outage.objects.filter(pk=outage_id, alerted_at__isnull=True).update(alerted_at=clock.now()):
                key = f"panel_outage:{outage_id}"
                tell_staff("panel_outage", dedupe_key=key, context={"outage_id": outage_id})
                alerted += 1
    return alerted


@transaction.atomic
def settle_outage(outage_id: int, *, actor: str) -> bool:
    """Take an outage off the list of what needs attention; tell whether it was on it. Safe to repeat."""
    unsettled = Outage.objects.filter(pk=outage_id, settled_at__isnull=True)
    if not unsettled.update(settled_at=clock.now()):
        return False
    note(None, "outage.settled", actor=actor, subject=f"outage:{outage_id}")
    return True


def affected_by(outage: Outage, *, now: datetime) -> "QuerySet[Access]":
    """Return the accesses that had nothing but the panel to get through by while it was away.

    By the history of placements: they had an account there meanwhile, their time was not over, nobody held
    them back, and no other account in their link served all the while on a panel that answered.
    """
    began, ended = outage.began_at, outage.ended_at or now
    # One that was taken back counts as made then, though it served before.
    came = Q(joined_at__lt=ended) | Q(serving_at__lt=ended)
    there = PanelAccount.objects.filter(came, access=OuterRef("pk")).filter(
        Q(gone_at__isnull=True) | Q(gone_at__gt=began)
    )
    away_too = Outage.objects.filter(panel=OuterRef("panel"), began_at__lt=ended).filter(
        Q(ended_at__isnull=True) | Q(ended_at__gt=began)
    )
    elsewhere = (
        PanelAccount.objects.filter(access=OuterRef("pk"), serving_at__lte=began)
        .filter(Q(leaving_at__isnull=True) | Q(leaving_at__gte=ended))
        .exclude(panel=outage.panel_id)
        .filter(~Exists(away_too))
    )
    return Access.objects.filter(
        Exists(there.filter(panel=outage.panel_id)), ~Exists(elsewhere), until__gt=began, is_enabled=True
    ).order_by("pk")


def remove_outages(before: datetime) -> int:
    """Delete outages that were over before then."""
    return delete_in_batches(Outage.objects.filter(ended_at__lt=before))
