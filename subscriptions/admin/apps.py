"""The catalogue of apps: staff edit it, and see what customers would."""

from functools import partial
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Prefetch, URLField
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from accounts.services import note
from core.staff import Inline, StaffAdmin, column
from subscriptions import pages
from subscriptions.models import AppPlace, ClientApp

EXAMPLE = "https://vpn.example.com/s/EXAMPLE?one=1&two=a+b"


class PlaceInline(Inline):
    model = AppPlace
    extra = 0

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if isinstance(db_field, URLField):
            kwargs["assume_scheme"] = "https"  # of an address typed without one; a store is nothing else
        return super().formfield_for_dbfield(db_field, request, **kwargs)


@admin.register(ClientApp)
class ClientAppAdmin(StaffAdmin):
    list_display = ("name", "code", "platforms_shown", "link_template", "tells", "offered")
    list_filter = ("is_enabled", "tells_device", "places__platform")
    search_fields = ("name", "code")
    fieldsets = (
        (None, {"fields": (("name", "code"), "link_template", ("is_enabled", "tells_device"), "preview")}),
        (_("What to do"), {"fields": (("guide_en", "guide_ru"),)}),
    )
    readonly_fields = ("preview",)
    inlines = (PlaceInline,)

    def get_queryset(self, request: HttpRequest) -> Any:
        return (
            super()
            .get_queryset(request)
            .prefetch_related(Prefetch("places", AppPlace.objects.order_by("position")))
        )

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(partial(_preview, self))
        return [
            path("<int:pk>/preview/", view, name="subscriptions_clientapp_preview"),
            *super().get_urls(),
        ]

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        changed = {name: str(form.cleaned_data.get(name))[:200] for name in form.changed_data}
        changed |= {
            f"platform {place.instance.platform}": place.instance.store_url
            for formset in formsets
            for place in formset.forms
            if place.has_changed()
        }
        if changed:
            action = "app.changed" if change else "app.added"
            actor = request.user.get_username()
            note(None, action, actor=actor, subject=f"app:{form.instance.code}", data=changed)

    def delete_model(self, request: HttpRequest, app: ClientApp) -> None:
        note(None, "app.removed", actor=request.user.get_username(), subject=f"app:{app.code}")
        super().delete_model(request, app)

    @column(_("platforms"))
    def platforms_shown(self, app: ClientApp) -> str:
        return ", ".join(place.get_platform_display() for place in app.places.all()) or "–"

    @column(_("device"), tones={True: "success", False: "default"}, ordering="tells_device")
    def tells(self, app: ClientApp) -> tuple[bool, Any]:
        return app.tells_device, _("Told") if app.tells_device else _("Not told")

    @column(_("offer"), tones={True: "success", False: "default"}, ordering="is_enabled")
    def offered(self, app: ClientApp) -> tuple[bool, Any]:
        return app.is_enabled, _("Offered") if app.is_enabled else _("Hidden")

    @column(_("preview"))
    def preview(self, app: ClientApp) -> Any:
        """What the button would open, and the page around it, as last saved."""
        if app._state.adding:
            return _("Save it first.")
        page = reverse("admin:subscriptions_clientapp_preview", args=[app.pk])
        return format_html(
            '<code>{}</code><br><a class="bo-link" href="{}?lang=en" target="_blank">English</a>'
            ' · <a class="bo-link" href="{}?lang=ru" target="_blank">Русский</a>',
            app.import_link(EXAMPLE, "My VPN") or "–",
            page,
            page,
        )


def _preview(model_admin: ClientAppAdmin, request: HttpRequest, pk: int) -> HttpResponse:
    """Show the page that customers would see, with a link that is nobody's."""
    if not model_admin.has_view_permission(request):
        raise PermissionDenied
    app = ClientApp.objects.filter(pk=pk).first()
    if app is None:
        raise Http404
    return pages.render_preview(request, app, EXAMPLE)
