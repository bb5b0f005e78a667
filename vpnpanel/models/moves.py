"""Planned moves: who is to leave a panel for another, and how far each of them came."""

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from core.said import SaidField, Sentence
from vpnpanel.models.accesses import Access, PanelAccount
from vpnpanel.models.outages import LONGEST_GRACE_HOURS
from vpnpanel.models.panels import Panel

MOST_IN_FLIGHT = 200
# Accounts of the journal have a "from" and a "to" as well, which other languages call otherwise.
FROM, TO = pgettext_lazy("move", "from"), pgettext_lazy("move", "to")


class Move(models.Model):
    """Takes the customers of a panel to another one, a few at a time, and back again if staff say so.

    One that waits goes on by itself once nothing stands in its way; one that is paused, when staff say so.
    """

    class State(models.TextChoices):
        RUNNING = "running", _("Under way")
        WAITING = "waiting", _("Waits")
        PAUSED = "paused", _("Paused")
        DONE = "done", _("Done")
        CANCELLED = "cancelled", _("Cancelled")
        ROLLED_BACK = "rolled_back", _("Rolled back")

    OPEN = (State.RUNNING, State.WAITING, State.PAUSED)

    source = models.ForeignKey(Panel, models.PROTECT, related_name="moves_away", verbose_name=FROM)
    target = models.ForeignKey(
        Panel, models.PROTECT, null=True, blank=True, related_name="moves_here", verbose_name=TO
    )
    state = models.CharField(_("state"), max_length=11, choices=State, default=State.RUNNING)
    is_back = models.BooleanField(_("on the way back"), default=False)
    batch = models.PositiveSmallIntegerField(
        _("customers at a time"),
        default=10,
        validators=[MinValueValidator(1), MaxValueValidator(MOST_IN_FLIGHT)],
    )
    grace_hours = models.PositiveSmallIntegerField(
        _("old servers serve on, hours"), default=0, validators=[MaxValueValidator(LONGEST_GRACE_HOURS)]
    )
    # A sentence (`core.said`); empty unless something stands in the way.
    why = models.JSONField(_("why it stands still"), default=dict, blank=True)
    asked_by = models.CharField(_("asked by"), max_length=150)
    total = models.PositiveIntegerField(_("customers"), default=0)
    moved = models.PositiveIntegerField(_("moved"), default=0)
    failed = models.PositiveIntegerField(_("not moved"), default=0)
    returned = models.PositiveIntegerField(_("moved back"), default=0)
    started_at = models.DateTimeField(_("started"), auto_now_add=True)
    finished_at = models.DateTimeField(_("finished"), null=True)

    class Meta:
        verbose_name = _("move")
        verbose_name_plural = _("moves")
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["source"],
                condition=Q(state__in=["running", "waiting", "paused"]),
                name="move_one_open_by_source",
            )
        ]

    def __str__(self) -> str:
        return f"{self.source} → {self.target or '…'}"

    @property
    def trouble(self) -> str:
        """Why it stands still, in the active language; empty if nothing stands in the way."""
        return str(Sentence.read(self.why)) if self.why else ""

    @property
    def goal_id(self) -> int | None:
        """The panel that accounts are made on now; None for any that has room."""
        return self.source_id if self.is_back else self.target_id

    @property
    def done(self) -> int:
        """Of how many of `total` is known how it ended."""
        return self.returned if self.is_back else self.moved + self.failed


class MoveItem(models.Model):
    """One access of a move. `from_account` leaves once `to_account`, or whatever replaces it, works."""

    class State(models.TextChoices):
        MOVING = "moving", _("Moving")
        MOVED = "moved", _("Moved")
        FAILED = "failed", _("Could not be moved")
        WITHDRAWN = "withdrawn", _("Withdrawn")
        RETURNING = "returning", _("Moving back")
        RETURNED = "returned", _("Moved back")

    OPEN = (State.MOVING, State.RETURNING)

    move = models.ForeignKey(Move, models.CASCADE, related_name="items", verbose_name=_("move"))
    access = models.ForeignKey(Access, models.PROTECT, related_name="moves", verbose_name=_("access"))
    from_account = models.ForeignKey(
        PanelAccount, models.PROTECT, related_name="moves_away", verbose_name=_("old account")
    )
    to_account = models.ForeignKey(
        PanelAccount, models.PROTECT, null=True, related_name="moves_here", verbose_name=_("new account")
    )
    state = models.CharField(_("state"), max_length=9, choices=State, default=State.MOVING)
    error = SaidField(_("error"), blank=True)
    started_at = models.DateTimeField(_("started"))
    finished_at = models.DateTimeField(_("finished"), null=True)

    class Meta:
        verbose_name = _("customer of a move")
        verbose_name_plural = _("customers of moves")
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["move", "access"], name="move_item_once"),
            models.UniqueConstraint(
                fields=["access"], condition=Q(state__in=["moving", "returning"]), name="move_item_one_open"
            ),
        ]
        indexes = [models.Index(fields=["move", "state"])]

    def __str__(self) -> str:
        return f"{self.access}"

    @property
    def leaving_id(self) -> int | None:
        """The account that goes."""
        return self.to_account_id if self.state == self.State.RETURNING else self.from_account_id
