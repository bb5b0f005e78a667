"""Somebody who buys by the verbs and uses the link, and a panel seen from both sides."""

import base64
import itertools
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from django.test import Client

from accounts.models import User
from core import jobs
from core.models import Job
from subscriptions import services as subscriptions
from subscriptions.models import Plan, Subscription
from tests.factories import make_customer, make_panel, make_xui_panel
from tests.world import AnyPanelWorld, XuiWorld
from vpnpanel import reconciler, services, sharelinks, tasks
from vpnpanel.models import Panel, PanelAccount, SyncRun

# What lets somebody in: the rest of a link, such as names and hosts, a panel may draw anew in each answer.
Key = tuple[str, str, int]
SOLD = {"vless": ["inbound-443"], "trojan": ["inbound-2083"]}

orders = itertools.count(1)


@dataclass
class Place:
    """A panel as the shop has it, and its inside."""

    panel: Panel
    world: AnyPanelWorld

    def shown(self, buyer: "Buyer") -> list[dict[str, Any]]:
        """Return what the panel holds for a buyer: one client per inbound on 3x-ui's older versions."""
        names = tuple(self._live(buyer).values_list("name", flat=True))
        return [user for name, user in self.world.users().items() if names and name.startswith(names)]

    def lose(self, buyer: "Buyer") -> None:
        for user in self.shown(buyer):
            self.world.lose(user["username"])

    def set_state(self, state: str) -> None:
        services.set_panel_state(self.panel.pk, state=state, actor="olga")

    def _live(self, buyer: "Buyer"):
        return PanelAccount.objects.filter(
            access__user=buyer.user, panel=self.panel, placement__in=PanelAccount.LIVE
        )


@dataclass
class Buyer:
    user: User = field(default_factory=make_customer)

    def buys(self, **conditions: Any) -> Subscription:
        """Buy 30 days, the first time or once more, under conditions of a plan."""
        plan = Plan.objects.get(code="month")
        for name, value in conditions.items():
            setattr(plan, name, value)
        terms = subscriptions.terms_of(plan)
        return subscriptions.start(
            self.user.pk, terms=terms, source=f"order:story-{next(orders)}", actor="customer"
        )

    @property
    def subscription(self) -> Subscription:
        return Subscription.objects.select_related("access").get(user=self.user)

    @property
    def end(self) -> int:
        return int(self.subscription.expires_at.timestamp())

    def links(self) -> list[str]:
        """Return what an app gets at the link."""
        answer = Client().get(f"/s/{self.subscription.token}")
        assert answer.status_code == 200
        return base64.b64decode(answer.content, validate=True).decode().split()

    def keys(self) -> set[Key]:
        return keys_in(self.links())

    def gets_in(self, *places: Place) -> bool:
        """Tell whether each of these panels lets in somebody with the link, by no key that leads nowhere."""
        links = self.links()
        doors = {place.panel.pk: [place.world.connects(link) for link in links] for place in places}
        return all(any(opened) for opened in doors.values()) and all(
            map(any, zip(*doors.values(), strict=True))
        )


def keys_in(links: Iterable[str]) -> set[Key]:
    nodes = [sharelinks.read(link) for link in links]
    return {(node.scheme, node.secret, node.port) for node in nodes}


def take_into_service(world: AnyPanelWorld, name: str) -> Place:
    """Add the panel. On 3x-ui somebody stands on the inbounds already, as on any panel that is in use."""
    if not isinstance(world, XuiWorld):
        return Place(make_panel(world, name=name), world)
    world.make_user("neighbour", inbounds=[1, 3])
    return Place(make_xui_panel(world, name=name, inbounds=SOLD), world)


def bring_about() -> None:
    """Have the reconciler do all there is to do."""
    while reconciler.reconcile_due():
        pass


def full_sync() -> SyncRun:
    """Read the panels whole, and mend what differs; return what the newest run saw."""
    tasks.sync_panels()
    while jobs.run_due():
        pass
    assert not Job.objects.filter(kind="panel_sync").exclude(state=Job.State.DONE).exists()
    bring_about()
    return SyncRun.objects.latest("pk")
