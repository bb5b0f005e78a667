"""Acts: what staff do to one row from its page. Shown first, then confirmed, then done by one verb.

An admin lists its acts; each gets an address of its own. A GET never changes anything. The first POST
of a form shows what would change; the second, with `confirm`, does it. Whatever must not happen twice
carries a `form_uuid` that is made when the form is first shown.
"""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext_lazy as _
from unfold import widgets

from core.errors import ShopError

if TYPE_CHECKING:
    from django.contrib.admin import ModelAdmin
    from django.utils.functional import _StrPromise as Text

    Base = ModelAdmin[Any]
else:
    Text = str
    from unfold.admin import ModelAdmin as Base


@dataclass(frozen=True)
class Change:
    """One value as it is and as it would be."""

    label: "str | Text"
    before: Any
    after: Any


class ActForm(forms.Form):
    """What an act asks for. The base asks for nothing: such an act is only confirmed.

    `subject` is the row it is about, None on a list: a form may fit its questions to it in `fit`.
    """

    def __init__(self, *args: Any, subject: Any = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.subject = subject
        self.fit()
        for field in self.fields.values():
            if type(field.widget) in STYLED:
                styled = STYLED[type(field.widget)](attrs=field.widget.attrs)
                styled.is_required = field.required
                field.widget = styled
                if isinstance(field, forms.ChoiceField):
                    field.choices = field.choices  # hands them to the new widget

    def fit(self) -> None:
        """Fit the questions to `subject`, before they are dressed."""

    def answers(self) -> list[tuple[Any, Any]]:
        """Return what was answered as people read it: choices by their names, no hidden values."""
        given = []
        for field in self:
            value = field.value()
            if field.is_hidden or value in (None, ""):
                continue
            if isinstance(value, bool):
                value = _("Yes") if value else _("No")
            elif isinstance(field.field, forms.ChoiceField):
                choices: Any = field.field.choices
                value = next((word for key, word in choices if str(key) == str(value)), value)
            given.append((field.label, value))
        return given


STYLED: dict[type[forms.Widget], type[forms.Widget]] = {
    forms.TextInput: widgets.UnfoldAdminTextInputWidget,
    forms.NumberInput: widgets.UnfoldAdminIntegerFieldWidget,
    forms.Textarea: widgets.UnfoldAdminTextareaWidget,
    forms.Select: widgets.UnfoldAdminSelectWidget,
    forms.RadioSelect: widgets.UnfoldAdminRadioSelectWidget,
    forms.CheckboxInput: widgets.UnfoldBooleanSwitchWidget,
}


class ReasonForm(ActForm):
    """Asks why. Whatever moves money or access is done for a reason."""

    reason = forms.CharField(
        label=_("Reason"), max_length=300, help_text=_("Kept in the trail; staff read it.")
    )


class OnceForm(ReasonForm):
    """Asks why, and does it once however often the form is sent."""

    form_uuid = forms.UUIDField(widget=forms.HiddenInput, initial=uuid.uuid4)


def nothing(subject: Any, values: dict[str, Any]) -> list[Change]:
    return []


def always(subject: Any) -> bool:
    return True


@dataclass(frozen=True)
class Act:
    """One thing staff may do to a row.

    `run(subject, values, actor)` calls one verb and returns the sentence that tells staff what happened.
    `is_harmless` acts are done at the first press, without a page that asks.
    """

    name: str
    title: "str | Text"
    permission: str
    run: Callable[[Any, dict[str, Any], str], "str | Text"]
    about: "str | Text" = ""
    form: type[ActForm] = ActForm
    changes: Callable[[Any, dict[str, Any]], list[Change]] = nothing
    is_possible: Callable[[Any], bool] = always
    icon: str = ""
    tone: str = "default"
    is_harmless: bool = False


@dataclass(frozen=True)
class Button:
    """An act that may be done to a row now, with its address."""

    act: Act
    url: str


class ActsAdmin(Base):
    """A model whose rows have a page with `acts`, and `list_acts` above the list."""

    change_form_outer_before_template = "admin/acts.html"
    list_before_template = "admin/acts.html"
    acts: tuple[Act, ...] = ()
    list_acts: tuple[Act, ...] = ()

    def beside(self, subject: Any) -> dict[str, Any]:
        """Return what the page of a row shows beside its fields, by the names its templates know."""
        return {}

    def get_urls(self) -> list[URLPattern]:
        opts = self.opts
        view = self.admin_site.admin_view(partial(act_view, self))
        list_view = self.admin_site.admin_view(partial(list_act_view, self))
        name = f"{opts.app_label}_{opts.model_name}"
        return [
            path("do/<slug:name>/", list_view, name=f"{name}_list_act"),
            path("<path:object_id>/do/<slug:name>/", view, name=f"{name}_act"),
            *super().get_urls(),
        ]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        extra = {"act_buttons": list_buttons(self, request), **(extra_context or {})}
        return super().changelist_view(request, extra)

    def render_change_form(
        self,
        request: HttpRequest,
        context: dict[str, Any],
        add: bool = False,
        change: bool = False,
        form_url: str = "",
        obj: Any = None,
    ) -> HttpResponse:
        # A form that was refused has put what was typed into the row.
        if obj is not None and request.method == "GET":
            context |= self.beside(obj) | {"act_buttons": buttons(self, request, obj)}
        return super().render_change_form(request, context, add, change, form_url, obj)


def buttons(model_admin: ActsAdmin, request: HttpRequest, subject: Any) -> list[Button]:
    """Return what this member of staff may do to `subject` as it is now. Runs no query of its own."""
    return [
        Button(act, address(model_admin, act, subject))
        for act in model_admin.acts
        if request.user.has_perm(act.permission) and act.is_possible(subject)
    ]


def list_buttons(model_admin: ActsAdmin, request: HttpRequest) -> list[Button]:
    """Return what this member of staff may do from the list, without a row."""
    opts = model_admin.opts
    name = f"admin:{opts.app_label}_{opts.model_name}_list_act"
    return [
        Button(act, reverse(name, args=[act.name]))
        for act in model_admin.list_acts
        if request.user.has_perm(act.permission)
    ]


def address(model_admin: ActsAdmin, act: Act, subject: Any) -> str:
    opts = model_admin.opts
    return reverse(f"admin:{opts.app_label}_{opts.model_name}_act", args=[subject.pk, act.name])


def act_view(model_admin: ActsAdmin, request: HttpRequest, object_id: str, name: str) -> HttpResponse:
    """Show an act's form, then what it would change, and do it once it is confirmed."""
    act = next((act for act in model_admin.acts if act.name == name), None)
    subject = model_admin.get_object(request, object_id)
    if act is None or subject is None:
        raise Http404
    return _asked(model_admin, request, act, subject)


def list_act_view(model_admin: ActsAdmin, request: HttpRequest, name: str) -> HttpResponse:
    """The same for an act that is about no row: `subject` is None."""
    act = next((act for act in model_admin.list_acts if act.name == name), None)
    if act is None:
        raise Http404
    return _asked(model_admin, request, act, None)


def _asked(model_admin: ActsAdmin, request: HttpRequest, act: Act, subject: Any) -> HttpResponse:
    if not request.user.has_perm(act.permission):
        raise PermissionDenied
    try:
        form = act.form(request.POST if request.method == "POST" else None, subject=subject)
    except ShopError as refused:  # found out while the form was fitted to the row
        messages.error(request, str(refused))
        return HttpResponseRedirect(_back(model_admin, request, subject))
    is_confirmed = request.method == "POST" and (act.is_harmless or "confirm" in request.POST)
    if is_confirmed and form.is_valid() and _run(act, request, subject, form.cleaned_data):
        return HttpResponseRedirect(_back(model_admin, request, subject))
    is_asking = request.method == "POST" and form.is_valid() and not is_confirmed
    changes = _shown_changes(act, form, subject, is_asking)
    is_asking = is_asking and form.is_valid()
    context = {
        **model_admin.admin_site.each_context(request),
        "opts": model_admin.opts,
        "original": subject,
        "title": act.title,
        "act": act,
        "form": form,
        "is_last_step": is_asking or all(field.is_hidden for field in form),
        "changes": changes,
        "next": request.POST.get("next") or request.GET.get("next", ""),
        "back": _back(model_admin, request, subject),
    }
    request.current_app = model_admin.admin_site.name
    return TemplateResponse(request, "admin/act.html", context)


def _shown_changes(act: Act, form: ActForm, subject: Any, is_asking: bool) -> list[Change]:
    """Return what would change; what a verb refuses beforehand is an error of the form."""
    try:
        return act.changes(subject, form.cleaned_data if is_asking else {})
    except ShopError as refused:
        if form.is_bound:
            form.add_error(None, str(refused))
        return []


def _run(act: Act, request: HttpRequest, subject: Any, values: dict[str, Any]) -> bool:
    try:
        messages.success(request, str(act.run(subject, values, request.user.get_username())))
    except ShopError as refused:
        messages.error(request, str(refused))
        return act.is_harmless
    return True


def _back(model_admin: ActsAdmin, request: HttpRequest, subject: Any) -> str:
    asked = request.POST.get("next") or request.GET.get("next", "")
    if url_has_allowed_host_and_scheme(asked, {request.get_host()}, require_https=request.is_secure()):
        return asked
    opts = model_admin.opts
    if subject is None:
        return reverse(f"admin:{opts.app_label}_{opts.model_name}_changelist")
    return reverse(f"admin:{opts.app_label}_{opts.model_name}_change", args=[subject.pk])
