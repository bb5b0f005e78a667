"""3x-ui (v2.6.0 to v2.9.4, and from v3.2.5 on) as the shop needs it: finds out which dialect to speak."""

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any, TypeVar

from core.said import said
from vpnpanel.drivers.base import (
    Desired,
    Figures,
    ListsInbounds,
    Observed,
    Outcome,
    Page,
    PanelAddress,
    PanelDriver,
    RotatesKeys,
    Wish,
    WorksInBatches,
)
from vpnpanel.drivers.xui.api import XuiApi
from vpnpanel.drivers.xui.clients import ClientsDialect
from vpnpanel.drivers.xui.envelope import RouteMissing
from vpnpanel.drivers.xui.known import known_of
from vpnpanel.drivers.xui.legacy import LegacyDialect
from vpnpanel.errors import AccountFailed, AccountMissing, PanelDown, PanelError, PanelRefused

Dialect = LegacyDialect | ClientsDialect
Result = TypeVar("Result")

OLDEST_SUPPORTED = (3, 2, 5)


class XuiDriver(PanelDriver, ListsInbounds, RotatesKeys, WorksInBatches):
    """A 3x-ui panel, on inbounds of the shop's own."""

    page_size = 200
    one_writer = True

    def __init__(self, address: PanelAddress, *, read_seconds: float) -> None:
        self._api = XuiApi(address, read_seconds=read_seconds)
        self._address = address
        self._known = known_of(address)

    @property
    def reads_all_for_one(self) -> bool:
        return self._dialect().name == LegacyDialect.name

    def figures(self) -> Figures:
        try:
            return self._run(self._figures)
        except PanelError:
            self._known.dialect = ""  # it may come back as another version
            raise

    def inbounds(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for inbound in self._run(lambda dialect: dialect.inbounds()):
            if inbound.is_for_many:
                found.setdefault(inbound.protocol, []).append(inbound.tag)
        return found

    def get_account(self, name: str) -> Observed:
        return self._run(lambda dialect: dialect.get(name))

    def put_account(self, name: str, desired: Desired, *, is_new: bool = False) -> Observed:
        shown = self._run(lambda dialect: dialect.put(name, desired, is_new=is_new))
        if (useless := _useless(desired, shown)) is not None:
            raise useless
        return shown

    def rotate_account(self, name: str, desired: Desired) -> Observed:
        return self._run(lambda dialect: dialect.put(name, desired, may_make=False))

    def remove_account(self, name: str) -> None:
        self._run(lambda dialect: dialect.remove(name))

    def carry_out(self, wishes: Sequence[Wish]) -> list[Outcome]:
        outcomes = self._run(lambda dialect: dialect.carry_out(wishes))
        return [
            (_useless(wish.desired, outcome) if isinstance(outcome, Observed) else None) or outcome
            for wish, outcome in zip(wishes, outcomes, strict=True)
        ]

    def pages(self, start: int = 0) -> Iterator[Page]:
        """Two calls in all: the panel gives everything at once, and it is handed on in pieces."""
        before = self._api.calls
        accounts = self._run(lambda dialect: dialect.accounts())
        calls = self._api.calls - before
        total = len(accounts)
        rest = iter(accounts[start:])
        del accounts
        for offset in range(start, max(total, start + 1), self.page_size):
            is_last = offset + self.page_size >= total
            yield Page(tuple(islice(rest, self.page_size)), total, is_last, calls)
            calls = 0

    def close(self) -> None:
        self._api.close()

    def _run(self, work: Callable[[Dialect], Result]) -> Result:
        """Work in the panel's dialect; where a route is missing, find out whether it is another one now."""
        dialect = self._dialect()
        try:
            return work(dialect)
        except RouteMissing:
            self._known.dialect = ""
            other = self._dialect()
            if other.name == dialect.name:
                raise
            return work(other)

    def _dialect(self) -> Dialect:
        name = self._known.dialect
        if not name:
            # One at a time: an older panel's answer would have the next one log in again.
            with self._known.detecting:
                name = self._known.dialect = self._known.dialect or self._detect()
        kind = ClientsDialect if name == ClientsDialect.name else LegacyDialect
        return kind(self._api, self._address, self._known)

    def _detect(self) -> str:
        """Ask for a route of the clients dialect. Panels of that dialect tell their version, too: one that
        does and denies the route has a proxy before it that finds nothing, as while the panel starts.
        """
        try:
            page = self._api.get("panel/api/clients/list/paged", page=1, pageSize=1)
        except RouteMissing as missing:
            if self._told_version():
                raise PanelDown(missing.sentence) from missing
            return LegacyDialect.name
        if isinstance(page, dict):
            self._known.keep_count(int(page.get("total") or 0))
        self._known.version = version_of(self._told_version())
        return ClientsDialect.name

    def _told_version(self) -> str:
        try:
            return str(self._status().get("panelVersion") or "")
        except RouteMissing as missing:
            raise PanelDown(missing.sentence) from missing

    def _figures(self, dialect: Dialect) -> Figures:
        status = self._status()
        xray = _xray(status)
        if (state := str(xray.get("state") or "running")) != "running":
            raise PanelDown(
                said(
                    "the panel's Xray does not run: %(state)s",
                    state=f"{state} {xray.get('errorMsg') or ''}".rstrip(),
                )
            )
        accounts, online = dialect.numbers()
        version = str(status.get("panelVersion") or "").removeprefix("v") or self._guess_version()
        return Figures(
            version=version[:40],
            accounts=accounts,
            online=online,
            details=self._details(status, xray, version, dialect),
            dialect=dialect.name,
        )

    def _status(self) -> dict[str, Any]:
        """Up to v2.6 it is asked for in another place; a panel may be updated meanwhile."""
        is_old = self._known.has_old_status
        try:
            return self._status_of(is_old=is_old)
        except RouteMissing:
            status = self._status_of(is_old=not is_old)
            self._known.has_old_status = not is_old
            return status

    def _status_of(self, *, is_old: bool) -> dict[str, Any]:
        try:
            return _whole(
                self._api.post("server/status") if is_old else self._api.get("panel/api/server/status")
            )
        except AccountFailed as failed:
            raise PanelDown(failed.sentence) from failed

    def _guess_version(self) -> str:
        """Panels tell their version from 3.1.0 on; what others can do says about which one it is."""
        if self._api.is_version_3:
            return "3.0"
        if not self._known.has_old_status:
            return "2.7-2.9"
        self._known.old_version = self._known.old_version or self._guess_old_version()
        return self._known.old_version

    def _guess_old_version(self) -> str:
        """Up to v2.5 what was wrong stands behind "Failed:", from v2.6 on in brackets: ask for no inbound."""
        try:
            self._api.get("panel/api/inbounds/get/0")
        except (AccountFailed, AccountMissing, PanelRefused) as failed:
            if "not found" in str(failed).lower():
                return "2.4-2.5" if "failed:" in str(failed).lower() else "2.6"
        return "2.4-2.6"

    def _details(
        self, status: dict[str, Any], xray: dict[str, Any], version: str, dialect: Dialect
    ) -> dict[str, Any]:
        details: dict[str, Any] = {
            name: status[name] for name in ("cpu", "mem", "disk", "uptime", "loads") if name in status
        }
        details["xray"] = str(xray.get("version") or "")
        if dialect.name == ClientsDialect.name and version_of(version) < OLDEST_SUPPORTED:
            details["warning"] = f"3x-ui {version} is older than 3.2.5, which this driver was made for"
        elif dialect.name == LegacyDialect.name and self._api.is_version_3:
            details["warning"] = "3x-ui 3.0 is between the versions this driver was made for: update it"
        return details


def _useless(desired: Desired | None, shown: Observed) -> PanelRefused | None:
    if desired is None or not desired.is_enabled or shown.links:
        return None
    return PanelRefused(
        said("account %(name)s got no usable link: check the panel's inbounds and hosts", name=shown.name)
    )


def version_of(text: str) -> tuple[int, ...]:
    """Return the numbers of a version such as v3.5.0; a development build counts as new."""
    numbers = text.removeprefix("v").split("+")[0].split("-")[0].split(".")
    return tuple(int(each) for each in numbers) if all(each.isdecimal() for each in numbers) else (99,)


def _xray(status: dict[str, Any]) -> dict[str, Any]:
    xray = status.get("xray")
    return xray if isinstance(xray, dict) else {}


def _whole(status: Any) -> dict[str, Any]:
    if not isinstance(status, dict):
        raise PanelDown(said("the panel does not say how it is; it may just be starting"))
    return status
