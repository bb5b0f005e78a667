"""Verbs over desired access, and over panels as staff run them; the reconciler brings the panels there.

For a customer's access the caller holds the customer's lock (`accounts.services.lock_customer`) and the
transaction.
"""

from collections.abc import Iterable
from datetime import date, datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import F, Q, Sum

from accounts.models import User
from accounts.services import note
from core import clock, rules
from core.nudges import nudge
from vpnpanel import backlog, guard, usage
from vpnpanel.checkup import check
from vpnpanel.choosing import selling
from vpnpanel.errors import NoSuchLocation, PanelUnfit
from vpnpanel.models import Access, Panel, PanelAccount, PanelGroup, PanelRules, normal_address
from vpnpanel.near_limits import read_traffic as read_traffic
from vpnpanel.outages import affected_by as affected_by
from vpnpanel.outages import keep_figures, mark_up
from vpnpanel.outages import settle_outage as settle_outage
from vpnpanel.placement import ended_before

RECONCILE = "vpnpanel.tasks.reconcile_access"
CONNECTION = frozenset({"kind", "base_url", "username", "password", "token", "totp_secret"})
RECONCILE_DUE = "vpnpanel.tasks.reconcile_due"
TERMS = frozenset(
    {
        "until",
        "traffic_limit",
        "devices",
        "is_enabled",
        "is_gone",
        "announce",
        "panel_count",
        "enforces_devices",
        "location",
        "location_chosen_at",
    }
)


def open_access(
    customer: User,
    *,
    until: datetime,
    traffic_limit: int,
    devices: int,
    groups: Iterable[PanelGroup],
    panel_count: int = 1,
    enforces_devices: bool = False,
    announce: bool = True,
) -> Access:
    """Want an account for the customer on a panel of `groups`; tell them once it works if `announce`."""
    access = Access.objects.create(
        user=customer,
        until=until,
        traffic_limit=traffic_limit,
        devices=devices,
        panel_count=panel_count,
        enforces_devices=enforces_devices,
        announce=announce,
        changed_at=clock.now(),
    )
    access.groups.set(groups)
    nudge(RECONCILE, access.pk)
    return access


def change_access(access_id: int, **terms: Any) -> None:
    """Change what is wanted: any of the TERMS, and the `groups` of panels it may live on.

    Safe to repeat. Applied as soon as the panel can, newest change first.
    """
    groups = terms.pop("groups", None)
    unknown = set(terms) - TERMS
    if unknown:
        raise TypeError(f"no such term of access: {', '.join(sorted(unknown))}")
    Access.objects.filter(pk=access_id).update(
        generation=F("generation") + 1,
        is_dirty=True,
        changed_at=clock.now(),
        next_try_at=None,
        attempts=0,
        **terms,
    )
    if groups is not None:
        Access(pk=access_id).groups.set([group.pk for group in groups])
    nudge(RECONCILE, access_id)


def rotate_keys(access_id: int) -> None:
    """Have every account of the access get other keys; whoever holds the old ones is cut off.

    Each call makes other keys, once on each panel, however often the call to it is repeated.
    """
    Access.objects.filter(pk=access_id).update(key_epoch=F("key_epoch") + 1)
    change_access(access_id)


def locations_for(access_id: int) -> dict[str, int]:
    """Return the locations an access may live at, by name, each with the key of a panel there.

    Those of panels of its groups that take it now, and where it lives already. One query.
    """
    of_its_groups = Panel.objects.filter(groups__access=access_id).exclude(location="")
    lives = PanelAccount.objects.filter(access=access_id, placement__in=PanelAccount.LIVE)
    offered = of_its_groups.filter(Q(pk__in=selling().values("pk")) | Q(pk__in=lives.values("panel")))
    return dict(offered.order_by("location", "-pk").values_list("location", "pk"))


def choose_location(access_id: int, location: str) -> bool:
    """Let the access live at another location, anywhere for an empty one; tell whether that changed anything.

    Where it lives now it stays until the new place works, or where no panel of the location takes it.
    Raises NoSuchLocation unless the location is offered.
    """
    if location and location not in locations_for(access_id):
        raise NoSuchLocation(f"no panel at {location!r} takes access {access_id}")
    if not Access.objects.filter(pk=access_id).exclude(location=location).exists():
        return False
    change_access(access_id, location=location, location_chosen_at=clock.now())
    return True


def request_reconcile(access_ids: Iterable[int]) -> int:
    """Have accesses compared with their panels again now; returns how many there are."""
    keys = list(access_ids)
    backlog.mark_dirty(keys)
    for key in keys[:50]:
        nudge(RECONCILE, key)
    return len(keys)


def remove_long_ended() -> int:
    """Have the accounts removed whose access ended longer ago than the retention rule keeps them.

    Returns how many accesses that is. A renewal later gets a new account under a new name.
    """
    over = Access.objects.filter(until__lt=ended_before(clock.now()), is_dirty=False)
    live = over.filter(accounts__placement__in=PanelAccount.LIVE).distinct()
    return backlog.mark_dirty(list(live.values_list("pk", flat=True)))


def links_of(access_id: int) -> list[str]:
    """Return the keys that panels serve, or served when last seen, for the access."""
    serving = PanelAccount.objects.filter(access=access_id, placement=PanelAccount.Placement.SERVING)
    return [link for links in serving.order_by("pk").values_list("links", flat=True) for link in links]


def traffic_by_day(access_ids: Iterable[int], *, days: int) -> dict[int, list[tuple[date, int]]]:
    """Return by access the bytes of each of the last `days`, today the last one, 0 for none. One query."""
    return usage.by_day(access_ids, days=days, until=usage.day_of(clock.now()))


def used_bytes(access_ids: Iterable[int]) -> dict[int, int]:
    """Return the traffic of each access in bytes, over all accounts it ever had."""
    used = PanelAccount.objects.filter(access__in=list(access_ids)).order_by().values("access")
    return {row["access"]: row["total"] for row in used.annotate(total=Sum("used_bytes"))}


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
        live = panel.accounts.filter(placement__in=PanelAccount.LIVE)
        backlog.mark_dirty(list(live.values_list("access_id", flat=True)))
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
