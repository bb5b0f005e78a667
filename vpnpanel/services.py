"""Verbs over desired access. They write only Access; the reconciler brings the panels there.

The caller holds the customer's lock (`accounts.services.lock_customer`) and the transaction.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import F

from accounts.models import User
from core import clock
from core.nudges import nudge
from vpnpanel.models import Access, Panel, PanelGroup

RECONCILE = "vpnpanel.tasks.reconcile_access"


def open_access(
    customer: User,
    *,
    until: datetime,
    traffic_limit: int,
    devices: int,
    groups: Iterable[PanelGroup],
    announce: bool = True,
) -> Access:
    """Want an account for the customer on a panel of `groups`; tell them once it works if `announce`."""
    access = Access.objects.create(
        user=customer,
        until=until,
        traffic_limit=traffic_limit,
        devices=devices,
        announce=announce,
        changed_at=clock.now(),
    )
    access.groups.set(groups)
    nudge(RECONCILE, access.pk)
    return access


def change_access(access_id: int, **terms: Any) -> None:
    """Change what is wanted: any of `until`, `traffic_limit`, `devices`, `is_enabled`, `is_gone`, `announce`.

    Safe to repeat. Applied as soon as the panel can, newest change first.
    """
    unknown = set(terms) - {"until", "traffic_limit", "devices", "is_enabled", "is_gone", "announce"}
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
    nudge(RECONCILE, access_id)


def request_reconcile(access_ids: Iterable[int]) -> int:
    """Have accesses compared with their panels again now; returns how many there are."""
    keys = list(access_ids)
    Access.objects.filter(pk__in=keys).update(is_dirty=True, next_try_at=None)
    for key in keys[:50]:
        nudge(RECONCILE, key)
    return len(keys)


@transaction.atomic
def register_panel(*, name: str, base_url: str, username: str, password: str, group: str = "main") -> Panel:
    """Have a Marzban panel by this name, open for sale to the plans of `group`.

    Safe to repeat: address and credentials follow; what staff set on a known panel stays.
    """
    access = {"base_url": base_url.rstrip("/"), "username": username, "password": password}
    panel, is_new = Panel.objects.update_or_create(name=name, defaults=access)
    if is_new:
        panel.groups.add(PanelGroup.objects.get(code=group))
    return panel
