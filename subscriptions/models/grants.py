"""Why the end or the limits of a subscription moved, and what of it was taken back."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from subscriptions.models.plans import Conditions, Plan
from subscriptions.models.subscriptions import Subscription


class Grant(Conditions):
    """Why the end or the limits of a subscription moved. `source` says what for, once.

    The grants of a subscription form a queue: time is used up from the lowest `place`, and what is
    left of each follows from `queued_seconds` and the subscription's end. Taking back shortens a grant
    in the queue; what is given back joins what is left of the grant, at the queue's end.

    A grant with a `plan` replaced the terms: its plan, devices and groups count until a newer one comes.
    One without added to the terms there were.
    """

    subscription = models.ForeignKey(
        Subscription, models.PROTECT, related_name="grants", verbose_name=_("subscription")
    )
    source = models.CharField(_("source"), max_length=80, unique=True)
    plan = models.ForeignKey(
        Plan, models.PROTECT, null=True, related_name="grants", verbose_name=_("plan"), editable=False
    )
    seconds = models.PositiveBigIntegerField(_("seconds"))
    traffic = models.PositiveBigIntegerField(_("traffic, bytes"), default=0)
    devices = models.PositiveSmallIntegerField(_("devices"), default=0)
    group_ids = models.JSONField(default=list, editable=False)
    kept_traffic = models.PositiveBigIntegerField(
        default=0, editable=False, help_text="Bytes left of the limit when these terms came."
    )
    began_at = models.DateTimeField(
        _("traffic began"), null=True, help_text=_("Empty: its traffic waits for its time to come.")
    )
    place = models.PositiveIntegerField(editable=False)
    queued_seconds = models.PositiveBigIntegerField(editable=False)
    reason = models.CharField(_("reason"), max_length=300, blank=True)
    actor = models.CharField(_("by"), max_length=150)
    ends_before = models.DateTimeField(_("end before"), null=True)
    ends_after = models.DateTimeField(_("end after"))
    created_at = models.DateTimeField(_("time"), auto_now_add=True)

    class Meta:
        verbose_name = _("grant")
        verbose_name_plural = _("grants")
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["subscription", "place"], name="grant_place_once"),
            models.CheckConstraint(
                condition=Q(queued_seconds__lte=models.F("seconds")), name="grant_queues_no_more_than_given"
            ),
        ]

    def __str__(self) -> str:
        return self.source

    def part_of_traffic(self, seconds: int) -> int:
        """Return the bytes that go with so many of its seconds; a month's come whole or not at all."""
        if self.traffic_reset == self.TrafficReset.MONTHLY:
            return 0
        return self.traffic * seconds // max(self.seconds, 1)

    @property
    def keeps_traffic(self) -> bool:
        """Tell whether what is left of its traffic stays when traffic starts anew."""
        return self.carries_over or self.traffic_reset == self.TrafficReset.NEVER


class TakeBack(models.Model):
    """A part of a grant that was taken back, for a reason named once by `by`; it may be given back."""

    class State(models.TextChoices):
        TAKEN = "taken", _("Taken back")
        GIVEN_BACK = "given_back", _("Given back")

    grant = models.ForeignKey(Grant, models.PROTECT, related_name="take_backs", verbose_name=_("grant"))
    by = models.CharField(_("what for"), max_length=80, unique=True)
    seconds = models.PositiveBigIntegerField(_("seconds"))
    traffic = models.PositiveBigIntegerField(_("traffic, bytes"), default=0)
    devices = models.PositiveSmallIntegerField(_("devices"), default=0)
    is_whole = models.BooleanField(
        _("all that was unused"), default=False, help_text="The grant's terms no longer count either."
    )
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.TAKEN)
    reason = models.CharField(_("reason"), max_length=300, blank=True)
    actor = models.CharField(_("by"), max_length=150)
    ends_before = models.DateTimeField(_("end before"), null=True)
    ends_after = models.DateTimeField(_("end after"), null=True)
    taken_at = models.DateTimeField(_("taken back at"))
    given_back_at = models.DateTimeField(_("given back at"), null=True)

    class Meta:
        verbose_name = _("taking back")
        verbose_name_plural = _("takings back")
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(state="taken", given_back_at__isnull=True)
                | Q(state="given_back", given_back_at__isnull=False),
                name="take_back_given_back_has_time",
            ),
        ]

    def __str__(self) -> str:
        return self.by
