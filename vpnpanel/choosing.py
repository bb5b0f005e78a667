"""Which panels could take an access, and a place on the best of them."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Exists, F, OuterRef, Q, QuerySet

from vpnpanel.models import LOST_CHANGES, Access, Panel, PanelAccount

# So often a panel may fail to make a customer's first key before another one is asked for it.
FIRST_KEY_TRIES = 2


@dataclass(frozen=True)
class Home:
    """A panel of an access's groups, as it was when its places were settled."""

    pk: int
    location: str
    load: int
    weight: int
    is_selling: bool

    @property
    def fullness(self) -> float:
        """A panel of weight 2 is as full with two accounts as one of weight 1 with one."""
        return self.load / max(self.weight, 1)


def selling() -> "QuerySet[Panel]":
    """Return the panels that take new customers now: open, answering, tested, taking changes, with room."""
    has_room = Q(capacity=0) | Q(load__lt=F("capacity"))
    sound = Panel.objects.filter(guard=Panel.Guard.PASSED, lost_changes__lt=LOST_CHANGES)
    return sound.filter(has_room, state=Panel.State.OPEN, is_up=True)


def homes_of(access: Access) -> dict[int, Home]:
    """Return the panels of the access's groups by key. One query."""
    sells = Exists(selling().filter(pk=OuterRef("pk")))
    rows = Panel.objects.filter(groups__in=access.groups.all()).annotate(sells=sells).distinct()
    names = ("pk", "location", "load", "weight", "sells")
    return {row[0]: Home(*row) for row in rows.order_by("pk").values_list(*names)}


def in_order(homes: Iterable[Home], *, location: str, without: Collection[int]) -> list[Home]:
    """Return those that take customers, best first: of the wanted location, then the least loaded."""
    fitting = [home for home in homes if home.is_selling and home.pk not in without]
    return sorted(
        fitting, key=lambda home: (bool(location) and home.location != location, home.fullness, home.pk)
    )


def is_elsewhere(access: Access, account: PanelAccount) -> bool:
    """Tell whether the customer chose another location after this account was made.

    What was made later is where it is because of that choice, or in spite of it, and stays: else a move that
    staff make, or the way out of a lost panel, would be undone at the next renewal.
    """
    chosen_at: datetime | None = access.location_chosen_at
    is_older = chosen_at is not None and account.joined_at < chosen_at
    return bool(access.location) and is_older and account.panel.location != access.location


def can_be_left(staying: Iterable[PanelAccount]) -> bool:
    """Tell whether the accounts that stay serve the customer without those that go.

    Each must have been seen working, and one must work now: of the others a panel may be down.
    """
    accounts = list(staying)
    has_served = all(account.serving_at is not None for account in accounts)
    return has_served and any(
        account.placement == PanelAccount.Placement.SERVING
        and account.links
        and not account.error
        and account.panel.is_up
        for account in accounts
    )
