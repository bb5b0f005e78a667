"""Planned moves for staff: begun from a panel's page after a preview, followed and steered on their own."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Count, Max
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from core.acts import Act, ActForm, Change
from core.staff import HistoryAdmin, column, link_to, page_of
from vpnpanel.errors import CannotMove
from vpnpanel.grace import default_hours
from vpnpanel.models import LONGEST_GRACE_HOURS, MOST_IN_FLIGHT, Move, MoveItem, Panel, PanelAccount
from vpnpanel.panel_form import SECRETS as PANEL_SECRETS
from vpnpanel.previews import preview
from vpnpanel.services import moves

TONES = {
    "running": "info",
    "waiting": "warning",
    "paused": "warning",
    "done": "success",
    "cancelled": "default",
    "rolled_back": "default",
}
ITEM_TONES = {"moving": "info", "moved": "success", "failed": "danger", "returning": "info"}
SECRETS = tuple(f"{side}__{name}" for side in ("source", "target") for name in PANEL_SECRETS)
ANYWHERE = ""
SHOWN = 20


class MoveForm(ActForm):
    """Where to, and how many customers at a time."""

    target = forms.ChoiceField(label=_("To"), required=False)
    batch = forms.IntegerField(
        label=_("Customers at a time"),
        min_value=1,
        max_value=MOST_IN_FLIGHT,
        initial=10,
        help_text=_("So many are on their way at once; each keeps the old server until the new one works."),
    )

    grace_hours = forms.IntegerField(
        label=_("Old servers serve on, hours"),
        min_value=0,
        max_value=LONGEST_GRACE_HOURS,
        help_text=_(
            "Apps learn of the new server when they refresh; until then they go on by the old one. 0: it "
            "stops at once."
        ),
    )

    def fit(self) -> None:
        others = Panel.objects.exclude(pk=self.subject.pk).filter(
            state__in=[Panel.State.OPEN, Panel.State.CLOSED]
        )
        self.fields["grace_hours"].initial = default_hours()
        field = self.fields["target"]
        assert isinstance(field, forms.ChoiceField)
        names = [(str(panel.pk), str(panel)) for panel in others.only("name")]
        field.choices = [(ANYWHERE, _("Wherever their groups have room")), *names]


def _target(values: dict[str, Any]) -> Panel | None:
    return Panel.objects.get(pk=int(values["target"])) if values.get("target") else None


def show_preview(panel: Panel, values: dict[str, Any]) -> list[Change]:
    """Say what the move would mean. Raises CannotMove if it cannot be started."""
    if not values:
        return []
    seen = preview(panel, _target(values))
    if seen.problem:
        raise CannotMove(seen.problem)
    room = _("any number") if seen.room is None else seen.room
    minutes = max(seen.seconds // 60, 1)
    return [
        Change(_("Customers here"), seen.customers, max(seen.customers - seen.fitting, seen.too_many)),
        Change(_("Will move"), "", seen.fitting - seen.too_many),
        Change(_("Room there"), room, ""),
        Change(_("Stay: their groups do not have the target"), "", seen.outside),
        Change(_("Stay: no room for them"), "", seen.too_many),
        Change(_("Takes about"), "", ngettext("%(n)d minute", "%(n)d minutes", minutes) % {"n": minutes}),
    ]


def begin(panel: Panel, values: dict[str, Any], actor: str) -> Any:
    target = _target(values)
    asked = {"batch": values["batch"], "grace_hours": values["grace_hours"]}
    move = moves.start_move(panel.pk, target.pk if target else None, actor=actor, **asked)
    return format_html(
        '{} <a class="bo-link" href="{}">{}</a>', _("The move has begun:"), page_of(move), str(move)
    )


MOVE_AWAY = Act(
    name="move",
    title=_("Move customers away"),
    about=_(
        "Each customer gets an account on the other panel. Once that works their link leads to it, and the "
        "old account goes when its hours are over. The link stays the same. From now on this panel takes "
        "nobody new."
    ),
    permission="vpnpanel.change_panel",
    run=begin,
    form=MoveForm,
    changes=show_preview,
    is_possible=lambda panel: panel.state in Panel.SERVING,
    icon="moving",
)


def _steer(verb: Any, done: Any) -> Any:
    def run(move: Move, values: dict[str, Any], actor: str) -> Any:
        return done if verb(move.pk, actor=actor) else _("That was done already.")

    return run


MOVE_ACTS = (
    Act(
        name="pause",
        title=_("Pause"),
        permission="vpnpanel.change_panel",
        run=_steer(moves.pause, _("Nobody more begins; who is on the way arrives.")),
        is_possible=lambda move: move.state in (Move.State.RUNNING, Move.State.WAITING),
        icon="pause",
        is_harmless=True,
    ),
    Act(
        name="resume",
        title=_("Resume"),
        permission="vpnpanel.change_panel",
        run=_steer(moves.resume, _("The move goes on.")),
        is_possible=lambda move: move.state == Move.State.PAUSED,
        icon="play_arrow",
        tone="primary",
        is_harmless=True,
    ),
    Act(
        name="cancel",
        title=_("Cancel"),
        about=_("Who has moved stays there; who is on the way stays where they were."),
        permission="vpnpanel.change_panel",
        run=_steer(moves.cancel, _("The move is over.")),
        is_possible=lambda move: move.state in Move.OPEN,
        icon="cancel",
        tone="danger",
    ),
    Act(
        name="back",
        title=_("Roll back"),
        about=_(
            "Everybody who has moved goes back to the panel they came from: to the old account while that "
            "still serves, otherwise to a new one."
        ),
        permission="vpnpanel.change_panel",
        run=_steer(moves.roll_back, _("They are on their way back.")),
        is_possible=lambda move: not move.is_back,
        icon="undo",
        tone="danger",
    ),
)


@admin.register(Move)
class MoveAdmin(HistoryAdmin):
    secrets = SECRETS
    list_display = (
        "__str__",
        "shown_state",
        "progress",
        "shown_trouble",
        "asked_by",
        "started_at",
        "finished_at",
    )
    list_filter = ("state", "source")
    list_select_related = ("source", "target")
    fields = (
        "source",
        "target",
        "shown_state",
        "progress",
        "moved",
        "failed",
        "returned",
        "batch",
        "grace_hours",
        "shown_trouble",
        "asked_by",
        "started_at",
        "finished_at",
    )
    readonly_fields = fields
    change_form_outer_before_template = "admin/move.html"
    acts = MOVE_ACTS

    def beside(self, move: Move) -> dict[str, Any]:
        return {"move_parts": move_parts(move.pk)}

    @column(_("state"), tones=TONES, ordering="state")
    def shown_state(self, move: Move) -> tuple[str, Any]:
        if move.state == Move.State.RUNNING and move.is_back:
            return move.state, _("On the way back")
        return move.state, move.get_state_display()

    @column(_("why it stands still"))
    def shown_trouble(self, move: Move) -> str:
        return move.trouble

    @column(_("progress"))
    def progress(self, move: Move) -> str:
        share = min(move.done * 100 // move.total, 100) if move.total else 100
        bar = '<span class="bo-bar"><span style="width: {}%"></span></span> {} / {}'
        return format_html(bar, share, move.done, move.total)


def move_parts(move_id: int) -> dict[str, Any]:
    """Return what stands on a move's page beside its figures: who could not be moved, and why; how many old
    accounts serve on, and until when the last."""
    serving = PanelAccount.objects.filter(serves_until__isnull=False, access__moves__move=move_id)
    failed = MoveItem.objects.filter(move=move_id, state=MoveItem.State.FAILED)
    return {
        "failed": list(failed.select_related("access__user").order_by("-id")[:SHOWN]),
        "items_url": f"{page_of(MoveItem)}?move__id__exact={move_id}",
        **serving.aggregate(old_ones=Count("pk"), old_until=Max("serves_until")),
    }


@admin.register(MoveItem)
class MoveItemAdmin(HistoryAdmin):
    list_display = ("id", "move_link", "customer", "shown_state", "error", "started_at", "finished_at")
    list_filter = ("state",)
    list_select_related = ("move__source", "move__target", "access__user")
    secrets = tuple(f"move__{name}" for name in SECRETS)
    fields = (
        "move_link",
        "customer",
        "from_account",
        "to_account",
        "shown_state",
        "error",
        "started_at",
        "finished_at",
    )
    readonly_fields = fields

    def lookup_allowed(self, lookup: str, value: Any, request: Any = None) -> bool:
        return lookup == "move__id__exact" or super().lookup_allowed(lookup, value, request)

    @column(_("move"))
    def move_link(self, item: MoveItem) -> str:
        return link_to(item.move)

    @column(_("customer"))
    def customer(self, item: MoveItem) -> str:
        return link_to(item.access.user)

    @column(_("state"), tones=ITEM_TONES, ordering="state")
    def shown_state(self, item: MoveItem) -> tuple[str, Any]:
        return item.state, item.get_state_display()
