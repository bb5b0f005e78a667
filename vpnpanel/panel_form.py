"""The form for a panel in the admin. Secrets go in and never come out again."""

from typing import Any

from django import forms
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminPasswordWidget

from vpnpanel.models import Panel, normal_address

SECRETS = ("password", "token", "totp_secret", "webhook_secret")

FIELDSETS: Any = (
    (None, {"fields": (("name", "location"), ("kind", "base_url"), ("public_host", "verify_tls"))}),
    (
        _("Signing in"),
        {
            "fields": (("username", "password"), ("token", "totp_secret"), "webhook_secret"),
            "description": _(
                "Marzban: an administrator of the shop's own. 3x-ui: an API token (version 3 and later), or "
                "name and password, with the secret of the second factor where there is one."
            ),
        },
    ),
    (
        _("Sale"),
        {"fields": ("groups", ("capacity", "weight"), "inbounds", ("monthly_cost", "cost_currency"))},
    ),
    (_("Full syncs"), {"fields": ("holds_changes",)}),
)


class SecretField(forms.CharField):
    """Shown empty, and empty means: keep what we have."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs["widget"] = UnfoldAdminPasswordWidget(
            render_value=False, attrs={"autocomplete": "new-password"}
        )
        super().__init__(*args, required=False, **kwargs)


class PanelForm(forms.ModelForm):  # type: ignore[type-arg]
    """What each kind needs is the model's to say: see `Panel.clean`."""

    password = SecretField(strip=False)
    token = SecretField()
    totp_secret = SecretField()
    webhook_secret = SecretField()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in SECRETS:
            if (field := self.fields.get(name)) is None:
                continue
            column: Any = Panel._meta.get_field(name)
            field.label = capfirst(column.verbose_name)
            is_kept = bool(getattr(self.instance, name))
            field.help_text = _("Leave empty to keep the one we have.") if is_kept else column.help_text

    def clean(self) -> dict[str, Any]:
        """Put in the secrets that stay."""
        given: dict[str, Any] = super().clean() or self.cleaned_data
        return given | {name: given.get(name) or getattr(self.instance, name) for name in SECRETS}

    def clean_base_url(self) -> str:
        return normal_address(self.cleaned_data["base_url"])

    @property
    def changed_names(self) -> list[str]:
        """Return what was changed; a secret that was left empty was not."""
        return [name for name in self.changed_data if name not in SECRETS or self.data.get(name)]
