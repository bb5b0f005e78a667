"""Verbs over panels, as staff run them."""

from collections.abc import Iterable
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction

from accounts.services import note
from core import rules
from core.nudges import nudge
from vpnpanel.checkup import check
from vpnpanel.errors import PanelUnfit
from vpnpanel.models import Panel, PanelAccount, PanelGroup, PanelRules, normal_address
from vpnpanel.services import backlog, guard
from vpnpanel.services.outages import keep_figures, mark_up

RECONCILE_DUE = "vpnpanel.tasks.reconcile_due"
CONNECTION = frozenset({"kind", "base_url", "username", "password", "token", "totp_secret"})


@transaction.atomic
def register_panel(*, name: str, base_url: str, group: str = "main", **fields: Any) -> Panel:
    """Have a panel by this name, open for sale to the plans of `group`, without asking it anything.

    `fields`: its `kind` (Marzban if left out), what its kind needs to let us in, and others of its row. Safe
    to repeat: address and credentials follow; what staff set on a known panel stays. Raises PanelUnfit.
    """
    panel = Panel.objects.filter(name=name).first()
    is_new = panel is None
    panel = panel or Panel(name=name)
    for field, value in (fields | {"base_url": normal_address(base_url)}).items():
        if is_new or field in CONNECTION:
            setattr(panel, field, value)
    _require_fit(panel)
    panel.save()
    if is_new:
        panel.groups.add(PanelGroup.objects.get(code=group))
        guard.start(panel, asked_by="installation")
    return panel


def add_panel(*, actor: str, groups: Iterable[PanelGroup], **fields: Any) -> Panel:
    """Take a panel into service once it has answered, taken our administrator and shown what to sell.

    Safe to repeat: the panel is known by its address and administrator; the other fields follow. Calls the
    panel, so no transaction may be open. Raises PanelDown, PanelRefused, or PanelUnfit for unfit values.
    """
    fields["base_url"] = normal_address(fields["base_url"])
    known = Panel.objects.filter(base_url=fields["base_url"], username=fields.get("username", "")).first()
    panel = known or Panel()
    for name, value in fields.items():
        setattr(panel, name, value)
    return _check_and_save(panel, groups=groups, actor=actor, changed=sorted(fields))


def change_panel(
    panel_id: int, *, actor: str, groups: Iterable[PanelGroup] | None = None, **fields: Any
) -> Panel:
    """Change a panel's row once the panel has answered under the new values. Raises as add_panel."""
    panel = Panel.objects.get(pk=panel_id)
    if "base_url" in fields:
        fields["base_url"] = normal_address(fields["base_url"])
    for name, value in fields.items():
        setattr(panel, name, value)
    return _check_and_save(panel, groups=groups, actor=actor, changed=sorted(fields))


def _check_and_save(
    panel: Panel, *, groups: Iterable[PanelGroup] | None, actor: str, changed: list[str]
) -> Panel:
    is_new = panel.pk is None
    _require_fit(panel)
    found = check(panel)
    with transaction.atomic():
        panel.save(update_fields=None if is_new else changed)
        if groups is not None:
            panel.groups.set(groups)
        action = "panel.added" if is_new else "panel.changed"
        # Names of fields only: a password may be among them.
        note(
            None,
            action,
            actor=actor,
            subject=f"panel:{panel.pk}",
            data={"name": panel.name, "fields": changed},
        )
    keep_figures(panel, found.figures)
    mark_up(panel)
    guard.start(panel, asked_by=actor)
    return panel


def _require_fit(panel: Panel) -> None:
    try:
        panel.full_clean()
    except ValidationError as wrong:
        raise PanelUnfit("; ".join(dict.fromkeys(wrong.messages))) from wrong


def set_panel_state(panel_id: int, *, state: str, actor: str) -> bool:
    """Open, close, give up or switch off a panel; tell whether that changed anything.

    The customers of a panel that is lost or off get accounts elsewhere, as fast as the others take them.
    """
    with transaction.atomic():
        if not Panel.objects.filter(pk=panel_id).exclude(state=state).update(state=Panel.State(state)):
            return False
        note(None, "panel.state", actor=actor, subject=f"panel:{panel_id}", data={"state": state})
    panel = Panel.objects.get(pk=panel_id)
    if state in Panel.SERVING:
        backlog.release(panel)
    else:
        there = panel.accounts.exclude(placement=PanelAccount.Placement.GONE)
        backlog.mark_dirty(list(there.values_list("access_id", flat=True)))
    nudge(RECONCILE_DUE)
    return True


@transaction.atomic
def change_panel_rules(*, actor: str, **values: Any) -> PanelRules:
    """Set the rules for panels, with a line in the trail of what changed."""
    row, changed = rules.change(PanelRules, **values)
    if changed:
        said = {name: str(value) for name, value in changed.items()}
        note(None, "panel_rules.changed", actor=actor, data=said)
    return row
