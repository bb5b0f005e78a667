"""Who owns what of an account: one table, from which every comparison with a panel is made.

What the shop owns is put back where a panel shows something else. What the panel owns is taken over as it is.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any

from vpnpanel.drivers.base import Credentials, Observed
from vpnpanel.models import Access, Panel, PanelAccount
from vpnpanel.observation import limit_on_panel

TOLERATED_PART = 10
# No panel takes a limit of 0 bytes for what it says: each part of an account that is used up keeps one.
NOTHING_LEFT = 64


class Owner(Enum):
    SHOP = "shop"
    PANEL = "panel"


@dataclass(frozen=True)
class Wish:
    """What an account is compared with: what its access wants at a time, after `used_in_all` bytes."""

    access: Access
    account: PanelAccount
    panel: Panel
    used_in_all: int
    at: datetime


@dataclass(frozen=True)
class Field:
    """One thing a panel shows of an account. `wanted` returns None where the shop has no wish for it.

    What is shown ends up in findings, so it says of secrets only whether they are the right ones.
    `even_when_off`: compared also for an account that should not get through; the rest of such an account
    matters to nobody.
    """

    owner: Owner
    shown: Callable[[Wish, Observed], Any]
    wanted: Callable[[Wish, Observed], Any] = lambda wish, observed: None
    even_when_off: bool = False


def _seconds(moment: datetime | None) -> int | None:
    return int(moment.timestamp()) if moment else None


def limit_to_set(access: Access, account: PanelAccount, used_in_all: int, shown: int) -> int | None:
    """Return the limit in bytes that is wanted on the panel instead of the one shown; None if that may stay.

    Where several accounts share an allowance each byte on one panel moves the limits on all the others, so a
    difference of up to a tenth of what is left stays. The nearer the end, the closer they are kept. Once
    nothing is left, a limit that lets nothing through is as good as any other.
    """
    wanted = limit_on_panel(access, account, used_in_all)
    if shown == wanted:
        return None
    if not wanted or not shown:
        return wanted
    is_closed = max(shown, wanted) <= account.counter + NOTHING_LEFT
    left = max(access.traffic_limit - used_in_all, 0)
    is_near = access.panel_count != 1 and abs(shown - wanted) <= left // TOLERATED_PART
    return None if is_closed or is_near else wanted


def _own_inbounds(wish: Wish, observed: Observed) -> dict[str, list[str]] | None:
    """Return the inbounds to stand on by protocol; None where all the panel has is sold.

    A protocol it has and that is not sold stays. One that it lacks it gets under keys of ours; an account
    that was taken over has none, and keeps to its protocols until its keys are changed.
    """
    chosen = {protocol: sorted(tags) for protocol, tags in wish.panel.inbounds.items() if tags}
    if not chosen or observed.inbounds is None:
        return None
    held = {protocol: chosen.get(protocol, tags) for protocol, tags in _tags(observed)}
    return {**chosen, **held} if wish.account.credentials else held


def _has_own_keys(wish: Wish, observed: Observed) -> bool:
    own = Credentials.read(wish.account.credentials)
    return own is None or own.cover(observed.keys)


def _tags(observed: Observed) -> list[tuple[str, list[str]]]:
    return [(protocol, sorted(tags)) for protocol, tags in sorted((observed.inbounds or {}).items())]


FIELDS: dict[str, Field] = {
    "enabled": Field(
        Owner.SHOP,
        lambda wish, observed: observed.is_enabled,
        lambda wish, observed: wish.access.is_wanted(wish.at),
        even_when_off=True,
    ),
    "end": Field(
        Owner.SHOP,
        lambda wish, observed: _seconds(observed.until),
        lambda wish, observed: _seconds(wish.access.until),
    ),
    "limit": Field(
        Owner.SHOP,
        lambda wish, observed: observed.traffic_limit,
        lambda wish, observed: limit_to_set(
            wish.access, wish.account, wish.used_in_all, observed.traffic_limit
        ),
    ),
    "inbounds": Field(Owner.SHOP, lambda wish, observed: dict(_tags(observed)), _own_inbounds),
    "whole": Field(Owner.SHOP, lambda wish, observed: observed.is_whole, lambda wish, observed: True),
    # What else a link says is the panel's; that there is one the customer can use is the shop's wish.
    "has keys": Field(Owner.SHOP, lambda wish, observed: bool(observed.links), lambda wish, observed: True),
    # Keys the shop never made, of accounts that were taken over, are the panel's.
    "own keys": Field(
        Owner.SHOP,
        _has_own_keys,
        lambda wish, observed: True if wish.account.credentials else None,
    ),
    "links": Field(Owner.PANEL, lambda wish, observed: observed.links),
    "status": Field(Owner.PANEL, lambda wish, observed: observed.status),
    "used": Field(Owner.PANEL, lambda wish, observed: observed.counter),
    "last online": Field(Owner.PANEL, lambda wish, observed: observed.online_at),
}
OWN = [(name, field) for name, field in FIELDS.items() if field.owner is Owner.SHOP]


def differences(wish: Wish, observed: Observed) -> dict[str, list[Any]]:
    """Return what differs in the fields the shop owns: name -> [the panel shows, the shop wants].

    Values can be written as JSON; times are Unix seconds, amounts bytes.
    """
    found: dict[str, list[Any]] = {}
    is_wanted = wish.access.is_wanted(wish.at)
    for name, field in OWN:
        if not is_wanted and not field.even_when_off:
            continue
        wanted = field.wanted(wish, observed)
        if wanted is None:
            continue
        shown = field.shown(wish, observed)
        if shown != wanted:
            found[name] = [shown, wanted]
    return found


def terms_differ(access: Access, account: PanelAccount, used_in_all: int, at: datetime) -> list[str]:
    """Return which terms of an account, "end" or "limit", were not as wanted when it was last looked at.

    `used_in_all`: by all accounts of the access, in bytes.
    """
    if not access.is_wanted(at):
        return []
    found = {
        "end": _seconds(account.observed_until) != _seconds(access.until),
        "limit": limit_to_set(access, account, used_in_all, account.observed_limit) is not None,
    }
    return [name for name, differs in found.items() if differs]


def is_own_arithmetic(found: dict[str, list[Any]], before: int) -> bool:
    """Tell whether only our own limit moved: the panel still shows the one we saw last, `before`.

    It follows what was used on other panels, and a counter that began anew; nobody changed anything there.
    """
    return set(found) == {"limit"} and found["limit"][0] == before
