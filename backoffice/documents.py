"""What customers agree to. A text is published in versions and never edited; who agreed to which is kept."""

from typing import Any

from django.contrib import admin
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from accounts.models import Consent, Document
from accounts.services import is_sample, publish_document
from core.staff import HistoryAdmin, column, link_to

TEXTS = ("title_en", "title_ru", "body_en", "body_ru")


@admin.register(Document)
class DocumentAdmin(HistoryAdmin):
    """New versions are added; one that customers have seen stays as it is."""

    secrets = ("body_en", "body_ru")
    list_display = ("title_shown", "kind", "version", "standing", "published_by", "published_at")
    list_filter = ("kind",)
    fields = (
        ("kind", "version"),
        ("published_by", "published_at"),
        "address",
        ("title_en", "title_ru"),
        "text_en",
        "text_ru",
    )
    readonly_fields = ("version", "published_by", "published_at", "address", "text_en", "text_ru")
    change_form_outer_before_template = "admin/document.html"

    def has_add_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("accounts.add_document"))

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj is not None:
            return [(None, {"fields": self.fields})]
        about = _(
            "From now on every customer is asked to agree to this text before the next order. "
            "Earlier versions stay as they were agreed to."
        )
        return [
            (None, {"fields": ("kind", ("title_en", "title_ru"), "body_en", "body_ru"), "description": about})
        ]

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """Begin with the text that counts now, so that only what changed has to be typed."""
        kind = request.GET.get("kind", "")
        newest = Document.objects.filter(kind=kind).order_by("-version").first()
        return {"kind": kind, **{name: getattr(newest, name) for name in TEXTS}} if newest else {}

    def save_model(self, request: HttpRequest, obj: Document, form: Any, change: bool) -> None:
        values = {name: form.cleaned_data[name] for name in (*TEXTS, "kind")}
        published = publish_document(**values, actor=request.user.get_username())
        obj.pk, obj.version = published.pk, published.version

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        later = Document.objects.filter(kind=OuterRef("kind"), version__gt=OuterRef("version"))
        documents: QuerySet[Any] = super().get_queryset(request)
        dated: QuerySet[Any] = documents.annotate(is_in_force=~Exists(later))
        return dated

    @column(_("title"))
    def title_shown(self, document: Document) -> str:
        return document.title

    @column(_("standing"), tones={"sample": "danger", "now": "success", "old": "default"})
    def standing(self, document: Any) -> tuple[str, Any]:
        if not document.is_in_force:
            return "old", _("Earlier version")
        return ("sample", _("In force: sample text")) if is_sample(document) else ("now", _("In force"))

    @column(_("as customers see it"))
    def address(self, document: Document) -> str:
        return format_html('<a class="bo-link" href="{0}" rel="noreferrer">{0}</a>', document.url)

    @column(_("text, English"))
    def text_en(self, document: Document) -> str:
        return format_html('<pre class="bo-pre">{}</pre>', document.body_en)

    @column(_("text, Russian"))
    def text_ru(self, document: Document) -> str:
        return format_html('<pre class="bo-pre">{}</pre>', document.body_ru)


@admin.register(Consent)
class ConsentAdmin(HistoryAdmin):
    list_display = ("given_at", "customer_link", "document_link")
    list_filter = ("given_at",)
    list_select_related = ("user", "document")
    search_fields = ("=id",)
    customer_columns = ("user",)
    search_help_text = _("Telegram id")
    fields = ("given_at", "customer_link", "document_link")
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        consents: QuerySet[Any] = super().get_queryset(request)
        return consents.defer("document__body_en", "document__body_ru")

    @column(_("customer"))
    def customer_link(self, consent: Consent) -> str:
        return link_to(consent.user)

    @column(_("document"))
    def document_link(self, consent: Consent) -> str:
        return link_to(consent.document)
