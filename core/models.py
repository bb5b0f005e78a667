"""Technical rows that every room may use."""

import uuid

from django.db import models
from django.utils.translation import gettext_lazy as _

from core.claims import Claimable
from core.said import SaidField


class Installation(models.Model):
    """Whose database this is. There is one row; its id must match the INSTALLATION_ID setting."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    only = models.BooleanField(default=True, unique=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(only=True), name="installation_only_one")]

    def __str__(self) -> str:
        return str(self.id)

    @property
    def short(self) -> str:
        """Six hex digits that begin the names of this shop's accounts on panels."""
        return self.id.hex[:6]


class Lease(models.Model):
    """The right to be the one active process of a role, until a time."""

    name = models.CharField(max_length=40, primary_key=True)
    holder = models.CharField(max_length=120)
    token = models.UUIDField()
    until = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.name}: {self.holder}"


class ServiceHealth(models.Model):
    """What was last seen of an outside service that has no row of its own."""

    name = models.CharField(_("service"), max_length=40, primary_key=True)
    is_up = models.BooleanField(_("answers"), default=True)
    changed_at = models.DateTimeField(_("since"))
    seen_at = models.DateTimeField(_("last answer"), null=True)
    error = models.TextField(_("error"), blank=True)

    class Meta:
        verbose_name = _("service health")
        verbose_name_plural = _("service health")

    def __str__(self) -> str:
        return self.name


class Job(Claimable):
    """Long work done in small steps, each of which remembers how far it came."""

    class State(models.TextChoices):
        QUEUED = "queued", _("Queued")
        RUNNING = "running", _("Running")
        DONE = "done", _("Done")
        FAILED = "failed", _("Failed")
        CANCELLED = "cancelled", _("Cancelled")

    OPEN = (State.QUEUED, State.RUNNING)

    kind = models.CharField(_("kind"), max_length=40)
    subject = models.CharField(_("subject"), max_length=80, blank=True)
    params = models.JSONField(_("parameters"), default=dict)
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.QUEUED)
    cursor = models.JSONField(null=True, editable=False)
    done = models.PositiveIntegerField(_("done"), default=0)
    total = models.PositiveIntegerField(_("total"), null=True)
    result = models.JSONField(_("result"), default=dict)
    error = SaidField(_("error"), blank=True)
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    next_try_at = models.DateTimeField(null=True)
    asked_by = models.CharField(_("asked by"), max_length=150)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    finished_at = models.DateTimeField(_("finished"), null=True)

    class Meta:
        verbose_name = _("job")
        verbose_name_plural = _("jobs")
        ordering = ["-id"]
        indexes = [models.Index(fields=["state", "next_try_at"])]
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "subject"],
                condition=models.Q(state__in=["queued", "running"]),
                name="job_one_open",
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.subject}".strip()


class RetentionRule(models.Model):
    """For how many days old rows of a kind are kept."""

    key = models.CharField(_("rows"), max_length=60, primary_key=True)
    days = models.PositiveIntegerField(_("days kept"))
    swept_at = models.DateTimeField(_("last cleaned"), null=True, editable=False)
    swept_rows = models.PositiveIntegerField(_("rows removed last time"), default=0, editable=False)

    class Meta:
        verbose_name = _("retention rule")
        verbose_name_plural = _("retention rules")
        ordering = ["key"]

    def __str__(self) -> str:
        return self.key
