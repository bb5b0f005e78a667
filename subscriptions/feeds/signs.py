"""Entries that are no servers: their names tell why there are none, because every app shows the list."""

from django.utils.translation import gettext as _

from subscriptions.feeds.formats import Format
from subscriptions.services.devices import Refusal
from subscriptions.status import State
from vpnpanel.nodes import Node
from vpnpanel.sharelinks import read, renamed

NOWHERE = "vless://00000000-0000-0000-0000-000000000000@127.0.0.1:1?encryption=none&type=tcp&security=none"
NOWHERE_FOR_CLASH = "ss://YWVzLTEyOC1nY206bm9uZQ@127.0.0.1:1"  # the first Clash knows no vless


def signs(texts: tuple[str, ...], wanted: Format) -> list[Node]:
    """Return nodes that lead nowhere and are named `texts`."""
    nowhere = read(NOWHERE_FOR_CLASH if wanted == Format.CLASH else NOWHERE)
    return [renamed(nowhere, text) for text in texts]


def reasons(state: State) -> tuple[str, ...]:
    """Return why nothing is served, in one or two names of at most 30 characters."""
    renew = _("Renew in the bot")
    match state:
        case State.PENDING:
            return _("Being activated"), _("Refresh in a minute")
        case State.EXHAUSTED:
            return _("Traffic is used up"), renew
        case State.EXPIRED:
            return _("Subscription has ended"), renew
        case State.DISABLED:
            return _("Subscription is switched off"), _("Write to support")
        case _:
            return _("Access is closed"), _("Write to support")


def refused(refusal: Refusal) -> tuple[str, ...]:
    """Return why this device gets nothing though others may."""
    if refusal == Refusal.FULL:
        return _("Too many devices"), _("Remove one in the bot")
    return _("This app is not supported"), _("Choose another in the bot")


def unfit() -> tuple[str, ...]:
    """Return what an app shows that can use none of the customer's servers."""
    return _("This app can't use your keys"), _("Choose another in the bot")
