"""Customers and staff are one table: a person is a User, whichever door they come through."""

from typing import Any, ClassVar

from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.db import models
from django.db.models.functions import Upper
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _


class UserManager(BaseUserManager["User"]):
    def create_user(self, username: str, password: str | None = None, **fields: Any) -> "User":
        """Create a member of staff who signs in with a name and a password."""
        user = self.model(username=self.model.normalize_username(username), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, username: str, password: str | None = None, **fields: Any) -> "User":
        return self.create_user(username, password, is_staff=True, is_superuser=True, **fields)


class User(AbstractBaseUser, PermissionsMixin):
    """A customer, a member of staff, or both.

    The row is the one lock for a customer's money and access: verbs lock it first.
    """

    class Reach(models.TextChoices):
        """Whether the bot can write to this person."""

        NEVER = "never", _("Never wrote to the bot")
        OK = "ok", _("Reachable")
        BLOCKED = "blocked", _("Blocked the bot")
        GONE = "gone", _("Telegram account deleted")

    username = models.CharField(_("sign-in name"), max_length=150, unique=True, null=True, blank=True)
    is_staff = models.BooleanField(_("staff"), default=False)
    is_active = models.BooleanField(_("may sign in"), default=True)
    telegram_id = models.BigIntegerField(_("Telegram id"), unique=True, null=True, blank=True)
    telegram_username = models.CharField(_("Telegram name"), max_length=64, blank=True, db_index=True)
    first_name = models.CharField(_("first name"), max_length=128, blank=True)
    last_name = models.CharField(_("last name"), max_length=128, blank=True)
    language = models.CharField(
        _("language"), max_length=2, choices=[("en", _("English")), ("ru", _("Russian"))], default="en"
    )
    is_language_chosen = models.BooleanField(default=False, editable=False)
    start_payload = models.CharField(_("came with"), max_length=64, blank=True)
    reach = models.CharField(_("bot"), max_length=8, choices=Reach, default=Reach.NEVER)
    reach_changed_at = models.DateTimeField(null=True, blank=True)
    banned_at = models.DateTimeField(_("banned"), null=True, blank=True, db_index=True)
    ban_reason = models.CharField(_("ban reason"), max_length=300, blank=True)
    joined_at = models.DateTimeField(_("joined"), auto_now_add=True, db_index=True)
    seen_at = models.DateTimeField(_("last seen"), null=True, blank=True)

    objects: ClassVar[UserManager] = UserManager()

    USERNAME_FIELD = "username"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        verbose_name = _("customer")
        verbose_name_plural = _("customers")
        constraints = [
            models.CheckConstraint(
                condition=models.Q(username__isnull=False) | models.Q(telegram_id__isnull=False),
                name="user_has_a_name_or_telegram",
            )
        ]
        # What PostgreSQL compares when it ignores case.
        indexes = [models.Index(Upper("telegram_username"), name="user_telegram_name")]

    def __str__(self) -> str:
        return self.full_name or self.username or f"#{self.pk}"

    @property
    def full_name(self) -> str:
        return f"{self.first_name} {self.last_name}".strip()

    @property
    def is_banned(self) -> bool:
        return self.banned_at is not None


class AuditEvent(models.Model):
    """One line of the trail: what was done to or by a customer, by whom, and the values that matter."""

    customer = models.ForeignKey(
        User, models.PROTECT, null=True, related_name="events", verbose_name=_("customer")
    )
    action = models.CharField(_("action"), max_length=60)
    subject = models.CharField(_("subject"), max_length=80, blank=True)
    actor = models.CharField(_("by"), max_length=150)
    data = models.JSONField(_("details"), default=dict)
    created_at = models.DateTimeField(_("time"), auto_now_add=True)

    class Meta:
        verbose_name = _("event")
        verbose_name_plural = _("events")
        ordering = ["-id"]
        indexes = [models.Index(fields=["customer", "-id"]), models.Index(fields=["subject", "-id"])]

    def __str__(self) -> str:
        return self.action


class Document(models.Model):
    """A text that customers agree to, in one version. Published once, never edited; the newest one counts."""

    class Kind(models.TextChoices):
        OFFER = "offer", _("Offer")
        PERSONAL_DATA = "personal_data", _("Consent to personal data processing")

    kind = models.CharField(_("kind"), max_length=16, choices=Kind)
    version = models.PositiveIntegerField(_("version"))
    title_en = models.CharField(_("title, English"), max_length=120)
    title_ru = models.CharField(_("title, Russian"), max_length=120)
    body_en = models.TextField(_("text, English"))
    body_ru = models.TextField(_("text, Russian"))
    published_by = models.CharField(_("published by"), max_length=150)
    published_at = models.DateTimeField(_("published"), auto_now_add=True)

    class Meta:
        verbose_name = _("document")
        verbose_name_plural = _("documents")
        ordering = ["-id"]
        constraints = [models.UniqueConstraint(fields=["kind", "version"], name="document_version_once")]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.version}"

    @property
    def title(self) -> str:
        return self.title_ru if get_language() == "ru" else self.title_en

    @property
    def body(self) -> str:
        return self.body_ru if get_language() == "ru" else self.body_en

    @property
    def path(self) -> str:
        """The address of this version on the web role, without a language."""
        return f"/documents/{self.kind}/{self.version}"

    @property
    def url(self) -> str:
        """The public address of this version, in the active language."""
        language = "ru" if get_language() == "ru" else "en"
        return f"{settings.PUBLIC_BASE_URL}{self.path}?lang={language}"

    @property
    def subject(self) -> str:
        """How lines of the trail name this version."""
        return f"document:{self.pk}"


class Consent(models.Model):
    """A customer agreed to one version of one document, at one time. Proof, so it is never changed."""

    user = models.ForeignKey(User, models.PROTECT, related_name="consents", verbose_name=_("customer"))
    document = models.ForeignKey(
        Document, models.PROTECT, related_name="consents", verbose_name=_("document")
    )
    given_at = models.DateTimeField(_("given"), auto_now_add=True)

    class Meta:
        verbose_name = _("consent")
        verbose_name_plural = _("consents")
        ordering = ["-id"]
        constraints = [models.UniqueConstraint(fields=["user", "document"], name="consent_once")]

    def __str__(self) -> str:
        return f"{self.user}: {self.document}"
