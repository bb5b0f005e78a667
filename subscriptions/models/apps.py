"""The catalogue of apps: staff edit it, because apps come, go and move between stores."""

from django.core.validators import URLValidator
from django.db import models
from django.utils.translation import get_language, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from subscriptions.import_links import check_template, fill

ONLY_HTTPS = URLValidator(schemes=["https"])


class Platform(models.TextChoices):
    """What a customer connects, in the order it is offered."""

    IOS = "ios", "iPhone, iPad"
    ANDROID = "android", "Android"
    WINDOWS = "windows", "Windows"
    MACOS = "macos", "macOS"
    LINUX = "linux", "Linux"
    ANDROID_TV = "tv", "Android TV"
    APPLE_TV = "appletv", "Apple TV"


class ClientApp(models.Model):
    """An app that customers may use, and the address that hands it their link."""

    code = models.SlugField(_("code"), max_length=32, unique=True, help_text=_("Part of addresses; keep it."))
    name = models.CharField(_("name"), max_length=40)
    link_template = models.CharField(
        _("address that imports"),
        max_length=200,
        blank=True,
        validators=[check_template],
        help_text=_(
            "The app's own scheme with {u} (the link as it is), {e} (percent-encoded), {b} (base64) and {n} "
            "(the shop's name). Empty: customers copy the link."
        ),
    )
    tells_device = models.BooleanField(
        _("tells which device it is on"),
        default=False,
        help_text=_("It sends x-hwid. Only such apps work on plans with a strict limit of devices."),
    )
    is_enabled = models.BooleanField(_("offered"), default=True)
    guide_en = models.TextField(
        _("what to do, English"),
        max_length=1500,
        blank=True,
        help_text=_("One step a line. Empty: the usual steps."),
    )
    guide_ru = models.TextField(_("what to do, Russian"), max_length=1500, blank=True)

    class Meta:
        verbose_name = _("app")
        verbose_name_plural = _("apps")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    @property
    def guide(self) -> list[str]:
        """The app's own steps in the active language; none where the usual ones do."""
        text = self.guide_ru if get_language() == "ru" else self.guide_en
        return [line.strip() for line in text.splitlines() if line.strip()]

    def import_link(self, address: str, name: str) -> str:
        """Return the address that makes the app import what is at `address`; empty if it has none."""
        return fill(self.link_template, address, name) if self.link_template else ""


class AppPlace(models.Model):
    """An app on one platform: where it is found, and which place it has among the others there."""

    app = models.ForeignKey(ClientApp, models.CASCADE, related_name="places", verbose_name=_("app"))
    platform = models.CharField(_("platform"), max_length=8, choices=Platform)
    store_url = models.URLField(_("where to get it"), blank=True, validators=[ONLY_HTTPS])
    russian_store_url = models.URLField(
        _("where to get it in Russia"),
        blank=True,
        validators=[ONLY_HTTPS],
        help_text=_("Only where that is another page."),
    )
    position = models.PositiveSmallIntegerField(
        pgettext_lazy("place in a list", "order"), default=50, help_text=_("The lowest is recommended.")
    )

    class Meta:
        verbose_name = _("app on a platform")
        verbose_name_plural = _("platforms")
        ordering = ["position", "id"]
        constraints = [models.UniqueConstraint(fields=["app", "platform"], name="app_place_once")]

    def __str__(self) -> str:
        return f"{self.app.name}, {self.get_platform_display()}"
