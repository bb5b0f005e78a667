"""The inbox for staff: every tap, and how far we came with it."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from core.acts import Act
from core.staff import HistoryAdmin, column
from telegram_bot.models import Update
from telegram_bot.services import revive

State = Update.State
TONES = {State.RECEIVED: "info", State.DECIDED: "info", State.ANSWERED: "success", State.DEAD: "danger"}


def work_again(update: Update, values: dict[str, Any], actor: str) -> Any:
    if revive([update.pk], actor=actor):
        return _("The update is worked on again.")
    return _("The update is not given up, or its content is gone.")


@admin.register(Update)
class UpdateAdmin(HistoryAdmin):
    list_display = (
        "update_id",
        "kind",
        "chat_id",
        "shown_state",
        "attempts",
        "received_at",
        "took",
        "short_error",
    )
    list_filter = ("state", "received_at")
    search_fields = ("=update_id",)
    search_help_text = _("Number of the update")
    fields = (
        "update_id",
        "kind",
        "chat_id",
        "shown_state",
        "attempts",
        "next_try_at",
        "error",
        "payload",
        "screen",
        "received_at",
        "decided_at",
        "answered_at",
        "took",
    )
    readonly_fields = fields
    actions = ("work_all_again",)
    acts = (
        Act(
            name="work-again",
            title=_("Work on it again"),
            permission="telegram_bot.change_update",
            run=work_again,
            is_possible=lambda update: update.state == State.DEAD,
            icon="replay",
            is_harmless=True,
        ),
    )

    def has_revive_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("telegram_bot.change_update")

    @admin.action(description=_("Work on them again"), permissions=["revive"])
    def work_all_again(self, request: HttpRequest, rows: QuerySet[Update]) -> None:
        count = revive(list(rows.values_list("pk", flat=True)), actor=request.user.get_username())
        said = ngettext("%d update is worked on again.", "%d updates are worked on again.", count)
        messages.success(request, said % count)

    @column(_("state"), tones=TONES)
    def shown_state(self, update: Update) -> tuple[str, str]:
        return update.state, update.get_state_display()

    @column(_("took"))
    def took(self, update: Update) -> str:
        if update.answered_at is None:
            return "–"
        seconds = (update.answered_at - update.received_at).total_seconds()
        return _("%(seconds).2f s") % {"seconds": seconds}

    @column(_("error"))
    def short_error(self, update: Update) -> str:
        return update.error[:80]
