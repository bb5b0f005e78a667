"""Notices for staff: what providers sent, and what became of it."""

from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from billing.admin.money import MoneyAdmin
from billing.admin.story import NOTICE_TONES, laid_out_body
from billing.models import Notice
from billing.services import notices
from core.acts import Act
from core.staff import column, copied, link_to


def work_again(notice: Notice, values: dict[str, Any], actor: str) -> Any:
    if not notices.retry([notice.pk], actor=actor):
        return _("Nothing to do: it is not given up, or its body is cleaned away.")
    return _("It is worked off again within seconds.")


@admin.register(Notice)
class NoticeAdmin(MoneyAdmin):
    list_display = (
        "received_at",
        "shown_state",
        "provider",
        "event",
        "object_id",
        "payment_link",
        "attempts",
        "error_shown",
        "source_address",
    )
    list_display_links = ("received_at",)
    list_filter = ("state", "received_at")
    list_select_related = ("payment",)
    search_help_text = _("Id at the provider, or the number of the notice")
    fields = (
        ("shown_state", "provider"),
        ("event", "object_shown"),
        ("payment_link", "source_address"),
        ("received_at", "processed_at"),
        "attempts",
        "error",
        "body_shown",
    )
    readonly_fields = (
        "shown_state",
        "provider",
        "event",
        "object_shown",
        "payment_link",
        "source_address",
        "received_at",
        "processed_at",
        "attempts",
        "error",
        "body_shown",
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: QuerySet[Any] = super().get_queryset(request)
        return rows.defer("body", "payment__request", "payment__confirmation_url")

    acts = (
        Act(
            name="work-again",
            title=_("Work off again"),
            about=_("The provider is asked about it anew. What is booked already is not booked twice."),
            permission="billing.change_notice",
            run=work_again,
            is_possible=lambda notice: notice.state == Notice.State.DEAD,
            icon="replay",
            is_harmless=True,
        ),
    )

    def found_by(self, text: str, number: int | None) -> Q:
        return Q(payment__remote_id=text[:64]) if number is None else Q(pk=number)

    @column(_("state"), tones=NOTICE_TONES, ordering="state")
    def shown_state(self, notice: Notice) -> tuple[str, str]:
        return notice.state, notice.get_state_display()

    @column(_("payment"))
    def payment_link(self, notice: Notice) -> str:
        return link_to(notice.payment)

    @column(_("object"))
    def object_shown(self, notice: Notice) -> str:
        return copied(notice.object_id)

    @column(_("error"))
    def error_shown(self, notice: Notice) -> str:
        return notice.error[:80] or "–"

    @column(_("body"))
    def body_shown(self, notice: Notice) -> str:
        return format_html('<pre class="bo-pre">{}</pre>', laid_out_body(notice.body)) if notice.body else "–"
