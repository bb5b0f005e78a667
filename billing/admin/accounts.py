"""Our accounts with payment providers: set up, proved, opened. Keys go in and never come out again."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponseRedirect
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy
from unfold.widgets import UnfoldAdminPasswordWidget

from billing import services
from billing.errors import AccountUnfit
from billing.models import ProviderAccount
from core import clock
from core.acts import Act, Change
from core.staff import KeptAdmin, column, copied

IDENTITY = ("kind", "remote_account", "is_test")
NOTICES = {"yookassa": "payment.succeeded, payment.canceled, payment.waiting_for_capture, refund.succeeded"}
LIVE = pgettext_lazy("provider account", "Live")
STANDINGS: dict[str, tuple[str, Any]] = {
    "refused": ("danger", _("Keys refused")),
    "unchecked": ("warning", _("Not checked yet")),
    "hidden": ("warning", _("Hidden: too many lost answers")),
    "open": ("success", pgettext_lazy("provider account", "Open")),
    "closed": ("default", _("Closed")),
}


def standing_of(account: ProviderAccount, now: datetime) -> str:
    """Return where an account stands, the worst first: a key of STANDINGS."""
    if account.refused_at is not None:
        return "refused"
    if account.checked_at is None:
        return "unchecked"
    if account.hidden_until is not None and account.hidden_until > now:
        return "hidden"
    return "open" if account.is_open else "closed"


@dataclass(frozen=True)
class Health:
    """What the page of an account shows above its form."""

    word: Any
    tone: str
    hidden_until: datetime | None
    address: str
    events: str


def health_of(account: ProviderAccount) -> Health:
    now = clock.now()
    tone, word = STANDINGS[standing_of(account, now)]
    is_hidden = account.hidden_until is not None and account.hidden_until > now
    return Health(
        word=word,
        tone=tone,
        hidden_until=account.hidden_until if is_hidden else None,
        address=copied(f"{settings.PUBLIC_BASE_URL}/webhooks/{account.kind}"),
        events=NOTICES.get(account.kind, ""),
    )


class ProviderForm(forms.ModelForm):  # type: ignore[type-arg]
    """The secret key goes in and never comes out again."""

    secret = forms.CharField(
        label=_("Secret key"),
        required=False,
        widget=UnfoldAdminPasswordWidget(render_value=False, attrs={"autocomplete": "new-password"}),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        is_new = self.instance.pk is None
        self.fields["secret"].required = is_new
        self.fields["secret"].help_text = "" if is_new else _("Leave empty to keep the one we have.")

    def clean(self) -> dict[str, Any]:
        values: dict[str, Any] = super().clean() or self.cleaned_data
        if values.get("sends_receipts") and not values.get("receipt_email"):
            self.add_error("receipt_email", _("Receipts need it for customers who gave none."))
        return values


def check(account: ProviderAccount, values: dict[str, Any], actor: str) -> str:
    """Say what the check found. Raises AccountUnfit if it proved nothing, so that it does not look well."""
    proved_before = account.checked_at
    said = services.check_account(account.pk, actor=actor)
    account.refresh_from_db(fields=["checked_at"])
    if account.checked_at in (None, proved_before):
        raise AccountUnfit(said)
    return said


def turn(*, is_open: bool) -> Any:
    said = _("Customers can pay with it now.") if is_open else _("Customers can't pay with it any more.")

    def run(account: ProviderAccount, values: dict[str, Any], actor: str) -> Any:
        services.set_account_open(account.pk, is_open=is_open, actor=actor)
        return said

    return run


def offered(*, is_open: bool) -> Any:
    words = {False: _("not offered to customers"), True: _("offered to customers")}

    def changes(account: ProviderAccount, values: dict[str, Any]) -> list[Change]:
        return [Change(str(account), words[account.is_open], words[is_open])]

    return changes


PERMISSION = "billing.change_provideraccount"
ACTS = (
    Act(
        name="check",
        title=_("Check"),
        about=_("Ask the provider who we are: proves address, shop and key, and changes nothing there."),
        permission=PERMISSION,
        run=check,
        icon="network_check",
        tone="primary",
        is_harmless=True,
    ),
    Act(
        name="open",
        title=_("Open"),
        about=_("Customers are offered this way to pay, once a check has proved the keys."),
        permission=PERMISSION,
        run=turn(is_open=True),
        changes=offered(is_open=True),
        is_possible=lambda account: not account.is_open,
        icon="lock_open",
    ),
    Act(
        name="close",
        title=_("Close"),
        about=_("Nobody new is led there. What is under way is finished, and money that comes is honoured."),
        permission=PERMISSION,
        run=turn(is_open=False),
        changes=offered(is_open=False),
        is_possible=lambda account: account.is_open,
        icon="lock",
        tone="danger",
    ),
)


@admin.register(ProviderAccount)
class ProviderAccountAdmin(KeptAdmin):
    form = ProviderForm
    secrets = ("secret",)
    list_display = ("title", "mode", "standing", "name_en", "answered_at", "checked_at", "position")
    list_filter = ("kind", "is_test", "is_open")
    fieldsets = (
        (
            None,
            {"fields": (("kind", "is_test"), ("remote_account", "secret"))},
        ),
        (_("For customers"), {"fields": (("name_en", "name_ru"), "position")}),
        (_("Receipts"), {"fields": ("sends_receipts", ("receipt_email", "vat_code"))}),
    )
    acts = ACTS
    change_form_outer_before_template = "admin/money/provider.html"

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Payments refer to the account, so with the first of them it stays what it is."""
        return IDENTITY if obj is not None and obj.payments.exists() else ()

    def save_model(self, request: HttpRequest, obj: ProviderAccount, form: Any, change: bool) -> None:
        actor, values = request.user.get_username(), dict(form.cleaned_data)
        if change:
            services.change_account(obj.pk, actor=actor, **values)
        else:
            obj.pk = services.add_account(actor=actor, **values).pk

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        """What the verb refuses is said on the page; nothing was saved."""
        try:
            return super().changeform_view(request, object_id, form_url, extra_context)
        except AccountUnfit as refused:
            messages.error(request, str(refused))
            return HttpResponseRedirect(request.path)

    def beside(self, account: ProviderAccount) -> dict[str, Any]:
        return {"health": health_of(account)}

    @column(_("provider"), ordering="remote_account")
    def title(self, account: ProviderAccount) -> str:
        return f"{account.get_kind_display()} {account.remote_account}"

    @column(_("mode"), tones={True: "warning", False: "info"}, ordering="is_test")
    def mode(self, account: ProviderAccount) -> tuple[bool, Any]:
        return account.is_test, _("Test") if account.is_test else LIVE

    @column(_("standing"), tones={name: tone for name, (tone, _word) in STANDINGS.items()})
    def standing(self, account: ProviderAccount) -> tuple[str, Any]:
        found = standing_of(account, clock.now())
        return found, STANDINGS[found][1]
