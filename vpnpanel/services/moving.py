"""What a planned move means for one access: which account goes, and where its place is taken."""

from django.db.models import Q

from core import clock
from vpnpanel.models import Access, MoveItem, PanelAccount

State = MoveItem.State


def open_item(access: Access) -> MoveItem | None:
    """Return the access's part in a move that is not over, with its move. One query."""
    items = MoveItem.objects.filter(access=access, state__in=MoveItem.OPEN)
    return items.select_related("move").first()


def note_new_home(item: MoveItem, account: PanelAccount) -> None:
    """Remember which account takes the place of the one that goes."""
    if item.state == State.MOVING and item.to_account_id != account.pk:
        MoveItem.objects.filter(pk=item.pk).update(to_account=account)


def note_left(account: PanelAccount) -> None:
    """End what was to be moved: the account has left, for whatever reason. Safe to repeat."""
    is_open = Q(state=State.MOVING, from_account=account) | Q(state=State.RETURNING, to_account=account)
    for item in MoveItem.objects.filter(is_open):
        state = State.MOVED if item.state == State.MOVING else State.RETURNED
        MoveItem.objects.filter(pk=item.pk).update(state=state, error="", finished_at=clock.now())
