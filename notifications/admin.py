"""The outbox for staff: what was told to whom, and what did not arrive."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from core.acts import Act
from core.staff import HistoryAdmin, column, link_to
from notifications import kinds
from notifications.models import OutboxMessage
from notifications.services import retry_failed

State = OutboxMessage.State
TONES = {
    State.PENDING: "info",
    State.SENT: "success",
    State.DROPPED: "default",
    State.UNREACHABLE: "warning",
    State.FAILED: "danger",
}
RETRIABLE = (State.FAILED, State.UNREACHABLE)


def send_again(message: OutboxMessage, values: dict[str, Any], actor: str) -> Any:
    if retry_failed([message.pk], actor=actor):
        return _("The message is in the outbox again.")
    return _("The message needs no other try.")


SEND_AGAIN = Act(
    name="send-again",
    title=_("Send again"),
    permission="notifications.change_outboxmessage",
    run=send_again,
    is_possible=lambda message: message.state in RETRIABLE,
    icon="send",
    is_harmless=True,
)


class KindFilter(admin.SimpleListFilter):
    """Kinds come from their registry: asking the table for them would read all of it."""

    title = _("kind")
    parameter_name = "kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(kind, kind) for kind in sorted(kinds.KINDS)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[OutboxMessage]) -> QuerySet[OutboxMessage]:
        return queryset.filter(kind=self.value()) if self.value() else queryset


@admin.register(OutboxMessage)
class OutboxMessageAdmin(HistoryAdmin):
    list_display = (
        "id",
        "kind",
        "customer_link",
        "shown_state",
        "attempts",
        "created_at",
        "sent_at",
        "short_error",
    )
    list_display_links = ("id", "kind")
    list_filter = ("state", KindFilter, "lane", "created_at")
    list_select_related = ("user",)
    search_fields = ("=dedupe_key",)
    customer_columns = ("user",)
    search_help_text = _("Telegram id")
    fields = (
        "kind",
        "customer_link",
        "channel",
        "address",
        "lane",
        "shown_state",
        "attempts",
        "next_try_at",
        "error",
        "context",
        "dedupe_key",
        "remote_id",
        "created_at",
        "sent_at",
    )
    readonly_fields = fields
    actions = ("send_all_again",)
    acts = (SEND_AGAIN,)

    def has_send_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("notifications.change_outboxmessage")

    @admin.action(description=_("Send again"), permissions=["send"])
    def send_all_again(self, request: HttpRequest, rows: QuerySet[OutboxMessage]) -> None:
        count = retry_failed(list(rows.values_list("pk", flat=True)), actor=request.user.get_username())
        said = ngettext("%d message is in the outbox again.", "%d messages are in the outbox again.", count)
        messages.success(request, said % count)

    @column(_("customer"))
    def customer_link(self, message: OutboxMessage) -> str:
        return link_to(message.user)

    @column(_("state"), tones=TONES)
    def shown_state(self, message: OutboxMessage) -> tuple[str, str]:
        return message.state, message.get_state_display()

    @column(_("error"))
    def short_error(self, message: OutboxMessage) -> str:
        return message.error[:80]
