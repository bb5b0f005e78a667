"""What this process knows of panels without asking: their dialect, and for a while inbounds and ways in."""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from threading import Lock
from typing import Any

from vpnpanel.drivers.base import PanelAddress
from vpnpanel.drivers.xui.inbounds import Inbound, to_sell
from vpnpanel.drivers.xui.links import Way
from vpnpanel.errors import PanelRefused

INBOUNDS_SECONDS = 120
WAYS_SECONDS = 3600
# A legacy panel tells the number of its clients only with the whole list, too much for every probe.
COUNT_SECONDS = 300
# A list that did not come in time may be too long, or the panel was about to go away.
LOST_LIST_SECONDS = 900

# Where accounts are to stand, or why that cannot be.
Sold = list[Inbound] | PanelRefused


@dataclass
class Known:
    """Of one panel, under one address."""

    chosen: dict[str, list[str]]
    dialect: str = ""
    # Held by whoever finds it out.
    detecting: Lock = field(default_factory=Lock, repr=False, compare=False)
    # Numbers of the version, of a panel in the clients dialect.
    version: tuple[int, ...] = ()
    has_old_status: bool = False
    # Of a panel with the old status, as far as it can be told.
    old_version: str = ""
    accounts: int | None = None
    accounts_at: float = 0.0
    # When it took more time to list all clients than we wait.
    _list_lost_at: float | None = None
    # The ways in that the panel's own links showed, by inbound; none where they did not tell.
    ways: dict[int, tuple[Way, ...]] = field(default_factory=dict)
    _ways_at: dict[int, float] = field(default_factory=dict)
    _inbounds: list[Inbound] = field(default_factory=list)
    _inbounds_at: float | None = None

    def remember(self, inbounds: Iterable[Inbound]) -> None:
        """Keep the inbounds themselves, not who stands on them. Other ones may have other ways in."""
        fresh = [_bare(each) for each in inbounds]
        if fresh != self._inbounds:
            self.ways, self._ways_at = {}, {}
        self._inbounds, self._inbounds_at = fresh, time.monotonic()

    def inbounds(self, read: Callable[[], Any]) -> list[Inbound]:
        """Return the inbounds, read anew where we know none or too old ones. `read` remembers."""
        if self._inbounds_at is None or time.monotonic() - self._inbounds_at > INBOUNDS_SECONDS:
            read()
        return self._inbounds

    def sold(self, read: Callable[[], Any]) -> Sold:
        """Return the inbounds to sell, or why there are none; they are read anew before that is said."""
        try:
            return to_sell(self.inbounds(read), self.chosen)
        except PanelRefused:
            self.forget_inbounds()
        try:
            return to_sell(self.inbounds(read), self.chosen)
        except PanelRefused as refused:
            return refused

    def forget_inbounds(self) -> None:
        self._inbounds_at = None

    def wants_ways(self, inbound: Inbound) -> bool:
        """Tell whether the panel should be asked which ways lead in through an inbound."""
        at = self._ways_at.get(inbound.id)
        return at is None or time.monotonic() - at > WAYS_SECONDS

    def learn_ways(self, ways: Mapping[int, tuple[Way, ...]]) -> None:
        """Keep them; an inbound that showed none is not asked about again for a while either."""
        self.ways |= ways
        self._ways_at |= dict.fromkeys(ways, time.monotonic())

    @property
    def is_list_too_long(self) -> bool:
        """Whether a list of all clients did not come lately."""
        at = self._list_lost_at
        return at is not None and time.monotonic() - at < LOST_LIST_SECONDS

    def note_lost_list(self, *, was_quick: bool) -> None:
        """Remember that the list did not come, unless the connection just broke."""
        self._list_lost_at = None if was_quick else time.monotonic()

    @property
    def wants_count(self) -> bool:
        return self.accounts is None or time.monotonic() - self.accounts_at > COUNT_SECONDS

    def keep_count(self, accounts: int) -> None:
        self.accounts, self.accounts_at = accounts, time.monotonic()

    def sold_ids(self, inbounds: Iterable[Inbound]) -> frozenset[int] | None:
        """Return the ids of those to sell; None where what was chosen is not there."""
        try:
            return frozenset(each.id for each in to_sell(inbounds, self.chosen))
        except PanelRefused:
            return None


PANELS: dict[tuple[str, ...], Known] = {}


def known_of(address: PanelAddress) -> Known:
    """Return what all drivers of this process know of the panel."""
    key = (address.base_url, address.username, address.token, repr(sorted(address.inbounds.items())))
    return PANELS.setdefault(key, Known(address.inbounds))


def _bare(inbound: Inbound) -> Inbound:
    settings = {name: value for name, value in inbound.settings.items() if name != "clients"}
    return replace(inbound, settings=settings, stats=())
