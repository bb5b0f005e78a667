"""A place on a panel: taken by one conditional update, and given up."""

from collections.abc import Iterable
from datetime import datetime

from django.db.models import F, Q

from core import clock
from vpnpanel.choosing import Home, selling
from vpnpanel.models import Panel, PanelAccount
from vpnpanel.services.moving import note_left

# A full panel is skipped; so many races for its last place are lost before the access waits for its next try.
MOST_TRIES = 5


def take_place(homes: Iterable[Home]) -> Panel | None:
    """Take a place on the first of these panels that still has one; None if none has.

    Asked again under the row's lock, so that no race fills a panel above its capacity.
    """
    for home in list(homes)[:MOST_TRIES]:
        if selling().filter(pk=home.pk).update(load=F("load") + 1):
            return Panel.objects.get(pk=home.pk)
    return None


def take_place_at(panel_id: int) -> Panel | None:
    """Take a place on a panel that staff chose; None if it does not serve, does not answer or is full."""
    has_room = Q(capacity=0) | Q(load__lt=F("capacity"))
    serving = Panel.objects.filter(has_room, pk=panel_id, state__in=Panel.SERVING, is_up=True)
    return Panel.objects.get(pk=panel_id) if serving.update(load=F("load") + 1) else None


def give_up_place(account: PanelAccount, *, serves_until: datetime | None = None) -> None:
    """Mark the account as leaving, and free its place; a move that waited for this is over.

    Until `serves_until` it is left on its panel for apps that hold its key; nobody holds one that never
    served.
    """
    account.placement = PanelAccount.Placement.LEAVING
    account.leaving_at = clock.now()
    account.serves_until = serves_until if account.serving_at else None
    account.save(update_fields=["placement", "leaving_at", "serves_until"])
    Panel.objects.filter(pk=account.panel_id, load__gt=0).update(load=F("load") - 1)
    note_left(account)


def take_back(account: PanelAccount) -> None:
    """Let an account that serves on live where it is again; its place was taken anew.

    It is in the link once the panel was seen to have it, and counts as made now.
    """
    account.placement = PanelAccount.Placement.JOINING
    account.joined_at = clock.now()
    account.leaving_at = account.serves_until = None
    account.save(update_fields=["placement", "joined_at", "leaving_at", "serves_until"])
