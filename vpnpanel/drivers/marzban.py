"""Marzban 0.8: what the shop needs of it, with its traps kept inside.

Numbers of traps are those of the project's notes on the API; each was seen on a running 0.8.4.
"""

import logging
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from typing import Any
from urllib.parse import urlsplit

from core.http import site_of
from core.said import said
from vpnpanel.drivers.base import (
    WHOLE,
    Advises,
    Credentials,
    Desired,
    Figures,
    ListsInbounds,
    Observed,
    Page,
    PanelAddress,
    PanelDriver,
    RotatesKeys,
)
from vpnpanel.drivers.links import usable_links
from vpnpanel.drivers.marzban_api import AnswerLost, MarzbanApi, NameTaken
from vpnpanel.errors import AccountFailed, AccountMissing, PanelDown, PanelError, PanelRefused

log = logging.getLogger(__name__)

# An `expire` in milliseconds is stored and breaks every list that contains the row (trap 3).
EXPIRE_LIMIT = 4_102_444_800
CREATE_TRIES = 2
# More of them on one page, and it is the panel that fails, not a row.
MOST_BROKEN_ROWS = 3
INBOUNDS_SECONDS = 300
# `limited` has used up its traffic, `on_hold` waits for the first connection: both are let in by rule.
ENABLED = frozenset({"active", "limited", "on_hold"})
OLDEST_SAFE_VERSION = (0, 8, 0)

# What this process knows of panels' inbounds, and when it was read by the monotonic clock.
INBOUNDS: dict[tuple[str, str], tuple[float, dict[str, list[str]]]] = {}


@dataclass
class _Rows:
    """What was read of one page so far."""

    shown: list[Observed] = field(default_factory=list)
    total: int = 0
    calls: int = 0
    broken: list[int] = field(default_factory=list)


class MarzbanDriver(PanelDriver, ListsInbounds, RotatesKeys, Advises):
    """A Marzban panel under an administrator of the shop's own, who sees only the shop's accounts."""

    def __init__(self, address: PanelAddress, *, read_seconds: float) -> None:
        self._api = MarzbanApi(address, read_seconds=read_seconds)
        self._address = address

    def figures(self) -> Figures:
        system = _whole(self._api.read("/api/system"), "version")
        if self._says_core_is_stopped():
            raise PanelDown(said("the panel's Xray does not run: nobody gets through until it is started"))
        details = {name: value for name, value in system.items() if name != "version"}
        version = str(system["version"])
        if _version(version) < OLDEST_SAFE_VERSION:
            details["warning"] = f"Marzban {version} is older than 0.8.0, which this driver was made for"
        return Figures(
            version=version[:40],
            accounts=int(system.get("total_user") or 0),
            online=int(system.get("online_users") or 0),
            details=details,
        )

    def inbounds(self) -> dict[str, list[str]]:
        found = self._api.read("/api/inbounds")
        try:
            return {
                protocol: [str(each["tag"]) for each in entries]
                for protocol, entries in found.items()
                if entries
            }
        except (KeyError, TypeError) as wrong:
            raise PanelDown(said("the panel's list of inbounds cannot be read")) from wrong

    def _says_core_is_stopped(self) -> bool:
        """A panel that does not tell is believed to run."""
        try:
            core = self._api.read("/api/core")
        except (AccountFailed, PanelRefused):
            return False
        return core.get("started") is False

    def advice(self) -> tuple[str, ...]:
        return ("sudo",) if self._api.is_sudo() else ()

    def get_account(self, name: str) -> Observed:
        return self._show(self._api.read(f"/api/user/{name}"))

    def put_account(self, name: str, desired: Desired, *, is_new: bool = False) -> Observed:
        try:
            shown = self._put(name, desired, is_new)
        except PanelRefused:
            if not self._inbounds_changed():
                raise
            shown = self._put(name, desired, is_new)
        if desired.is_enabled and not shown.links:  # trap 1
            raise PanelRefused(
                said("account %(name)s got no usable link: check the panel's inbounds and hosts", name=name)
            )
        return shown

    def rotate_account(self, name: str, desired: Desired) -> Observed:
        if desired.credentials is None:
            raise PanelRefused(said("account %(name)s: no keys were made for it", name=name))
        user = self._api.read(f"/api/user/{name}")
        return self._tell_keys(name, desired, desired.credentials, user) or self._change(name, desired)

    def remove_account(self, name: str) -> None:
        # Deleting an ownerless account fails half-way and leaves its key working (trap 4), so it is
        # switched off first. A row the panel cannot show (traps 2, 3) can't be changed, only deleted.
        try:
            self._api.call("PUT", f"/api/user/{name}", json={"status": "disabled"})
        except AccountMissing:
            return
        except AccountFailed:
            if not self._is_broken(name):
                raise
        self._delete(name)

    def pages(self, start: int = 0) -> Iterator[Page]:
        for offset in count(start, self.page_size):
            rows = _Rows()
            self._read_rows(rows, offset, self.page_size)
            is_last = offset + self.page_size >= rows.total
            broken = tuple(f"row {number}" for number in rows.broken)
            yield Page(tuple(rows.shown), rows.total, is_last, calls=rows.calls, unreadable=broken)
            if is_last:
                return

    def _read_rows(self, rows: _Rows, offset: int, limit: int) -> None:
        """Read rows; where one that the panel cannot show breaks the list (traps 2, 3), read around it."""
        # By creation, so that accounts made meanwhile come at the end and move nothing.
        query = {"offset": offset, "limit": limit, "sort": "created_at,username"}
        rows.calls += 1
        try:
            answer = _whole(self._api.read("/api/users", **query), "users", "total")
        except AccountFailed:
            if limit > 1:
                half = limit // 2
                self._read_rows(rows, offset, half)
                self._read_rows(rows, offset + half, limit - half)
                return
            rows.broken.append(offset)
            if len(rows.broken) > MOST_BROKEN_ROWS:
                raise
            log.warning("%s: the panel cannot show its row %s", site_of(self._address.base_url), offset)
            return
        rows.shown += [self._show(user) for user in answer["users"]]
        rows.total = int(answer["total"])

    def close(self) -> None:
        self._api.close()

    def _show(self, user: Any) -> Observed:
        return _observed(user, urlsplit(self._address.base_url).hostname or "")

    @property
    def _panel(self) -> tuple[str, str]:
        return self._address.base_url, self._address.username

    def _put(self, name: str, desired: Desired, is_new: bool) -> Observed:
        if is_new and desired.is_enabled:
            return self._create(name, desired)
        try:
            return self._change(name, desired)
        except AccountMissing:
            if not desired.is_enabled:
                raise
            return self._create(name, desired)

    def _change(self, name: str, desired: Desired, proxies: dict[str, Any] | None = None) -> Observed:
        # No `proxies` unless the keys are not those we told it: they would replace them (trap 6). Always
        # `status`: an account that was disabled or limited stays so whatever else is changed.
        terms = _terms(desired) | {"status": "active" if desired.is_enabled else "disabled"}
        if proxies:
            terms["proxies"] = proxies
        if desired.is_enabled:  # a mistyped inbound must not keep anybody from being cut off
            terms["inbounds"] = self._inbounds_to_sell()
        try:
            user = self._api.call("PUT", f"/api/user/{name}", json=terms)
        except PanelRefused:
            if terms.pop(
                "inbounds", None
            ):  # what was paid for arrives all the same, where the account stands
                self._api.call("PUT", f"/api/user/{name}", json=terms)
            raise
        told = None
        if proxies is None and desired.is_enabled and desired.credentials:
            told = self._tell_keys(name, desired, desired.credentials, user)
        return told or self._show(user)

    def _tell_keys(self, name: str, desired: Desired, keys: Credentials, user: Any) -> Observed | None:
        """Give an account the protocols it lacks, and our keys in place of others; None if it has all that.

        It lacks what is sold only since it was made. Other keys are there before the first rotation, and
        after an older copy of the panel was put back: then what leads to the panel's own feed is as old,
        and revoking ends that. But revoking makes other keys each time, so who has ours is left alone.
        """
        shown = _whole(user, "proxies")["proxies"]
        known = _with_keys(shown, keys)
        # A mistyped inbound must not keep anybody from being cut off.
        sold = self._inbounds_to_sell() if desired.is_enabled else {}
        told = _proxies(sold, keys) | known
        if told == shown:
            return None
        if known != shown:
            self._api.call("POST", f"/api/user/{name}/revoke_sub")
        return self._change(name, desired, proxies=self._served(told))

    def _served(self, proxies: dict[str, Any]) -> dict[str, Any]:
        """Leave out protocols that the panel gave up: naming one would refuse all of it."""
        served = self.inbounds()
        return {protocol: keys for protocol, keys in proxies.items() if protocol in served}

    def _create(self, name: str, desired: Desired) -> Observed:
        """Create, whatever an earlier or lost try of ours may have left under the name."""
        inbounds = self._inbounds_to_sell()
        body = _terms(desired) | {
            "username": name,
            "status": "active",
            "data_limit_reset_strategy": "no_reset",
            "inbounds": inbounds,
            "proxies": _proxies(inbounds, desired.credentials),
        }
        problem: PanelError | None = None
        for _ in range(CREATE_TRIES):
            try:
                return self._show(self._api.call("POST", "/api/user", may_repeat=False, json=body))
            except (NameTaken, AnswerLost, AccountFailed) as failed:
                problem = failed
                if (adopted := self._adopt(name, desired)) is not None:
                    return adopted
        assert problem is not None
        words = said("account %(name)s could not be created: %(why)s", name=name, why=problem.sentence)
        if isinstance(problem, AnswerLost):  # a panel that reads and does not write, as during a back-up
            raise PanelDown(words) from problem
        raise AccountFailed(words) from problem

    def _adopt(self, name: str, desired: Desired) -> Observed | None:
        """After a create whose end is unknown take what it made, clear away what it broke, or return None."""
        try:
            user = self._api.read(f"/api/user/{name}")
        except AccountMissing:
            return None
        except AccountFailed:
            if self._is_broken(name):
                self._delete(name)
            return None
        if user.get("note") != desired.note:
            raise PanelRefused(said("the panel has an account %(name)s that is not ours", name=name))
        return self._change(name, desired)

    def _is_broken(self, name: str) -> bool:
        """Tell a row the panel cannot show from a panel that failed once: the row fails again."""
        try:
            self._api.read(f"/api/user/{name}")
        except AccountFailed:
            return True
        except AccountMissing:
            pass
        return False

    def _delete(self, name: str) -> None:
        try:
            self._api.call("DELETE", f"/api/user/{name}")
        except AccountMissing:
            return
        except AccountFailed:
            # 500 and yet deleted: that is how the panel deletes an account without owner (trap 4).
            if not self._is_missing(name):
                raise

    def _is_missing(self, name: str) -> bool:
        try:
            self._api.read(f"/api/user/{name}")
        except AccountMissing:
            return True
        return False

    def _inbounds_to_sell(self) -> dict[str, list[str]]:
        """Never empty: left out or empty means no entrance at all, or every one (trap 1)."""
        if chosen := {protocol: tags for protocol, tags in self._address.inbounds.items() if tags}:
            return chosen
        read_at, known = INBOUNDS.get(self._panel, (0.0, {}))
        if not known or time.monotonic() - read_at > INBOUNDS_SECONDS:
            known = self.inbounds()
            INBOUNDS[self._panel] = (time.monotonic(), known)
        if not known:
            raise PanelRefused(said("the panel has no inbound to sell"))
        return known

    def _inbounds_changed(self) -> bool:
        """After a refusal tell whether the inbounds we knew are others now, and forget them."""
        _, known = INBOUNDS.pop(self._panel, (0.0, {}))
        return bool(known) and not self._address.inbounds and self.inbounds() != known


def _terms(desired: Desired) -> dict[str, Any]:
    expire = int(desired.until.timestamp())
    if not 0 < expire < EXPIRE_LIMIT:
        raise PanelRefused(said("the panel cannot hold an end at %(day)s", day=f"{desired.until:%Y-%m-%d}"))
    return {"expire": expire, "data_limit": desired.traffic_limit, "note": desired.note}


def _proxies(protocols: Iterable[str], keys: Credentials | None) -> dict[str, Any]:
    """Return what a new account enters by: under our keys, so that one the panel lost comes back with them.

    The panel makes keys where we have none, and leaves the flow out where an inbound has none.
    """
    blank = {name: {"flow": "xtls-rprx-vision"} if name == "vless" else {} for name in protocols}
    return _with_keys(blank, keys) if keys else blank


def _with_keys(proxies: Any, keys: Credentials) -> dict[str, Any]:
    """Return all of an account's protocols under these keys; flow and cipher stay."""
    if not isinstance(proxies, dict) or not all(isinstance(each, dict) for each in proxies.values()):
        raise PanelDown(said("the panel's list of protocols cannot be read"))
    own = {"vless": {"id": keys.uuid}, "vmess": {"id": keys.uuid}}
    return {name: {**kept, **own.get(name, {"password": keys.password})} for name, kept in proxies.items()}


def _secrets(proxies: Any) -> frozenset[str]:
    """Return what lets an account in, by whichever of its protocols."""
    every = proxies.values() if isinstance(proxies, dict) else ()
    found = (each.get("id") or each.get("password") for each in every if isinstance(each, dict))
    return frozenset(str(secret) for secret in found if secret)


def _observed(user: Any, own_host: str) -> Observed:
    _whole(user, "username", "status", "links")
    status = str(user["status"])
    name = str(user["username"])
    try:
        return Observed(
            name=name,
            status=status[:20],
            is_enabled=status in ENABLED,
            until=datetime.fromtimestamp(user["expire"], UTC) if user.get("expire") else None,
            traffic_limit=int(user.get("data_limit") or 0),
            counters={
                _life(user): None if user.get("used_traffic") is None else max(0, int(user["used_traffic"]))
            },
            online_at=_moment(user.get("online_at")),
            links=usable_links(name, user["links"] or (), own_host),
            note=str(user.get("note") or ""),
            inbounds=user.get("inbounds"),
            resets=_resets(user),
            keys=_secrets(user.get("proxies")),
        )
    except (ArithmeticError, OSError, TypeError, ValueError) as wrong:
        raise AccountFailed(
            said("account %(name)s cannot be read: %(error)s", name=name, error=type(wrong).__name__)
        ) from wrong


def _life(user: dict[str, Any]) -> str:
    """Return what tells an account from another one that had its name: each has a counter of its own, and the
    one that the panel lost comes back with an older copy of it."""
    return str(user.get("created_at") or WHOLE)


def _resets(user: dict[str, Any]) -> str:
    strategy = str(user.get("data_limit_reset_strategy") or "no_reset")
    return "" if strategy == "no_reset" or not user.get("data_limit") else strategy


def _moment(text: str | None) -> datetime | None:
    """The panel's times are UTC without saying so."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC) if text else None


def _whole(answer: Any, *fields: str) -> dict[str, Any]:
    if not isinstance(answer, dict) or any(field not in answer for field in fields):
        raise PanelDown(
            said("the answer lacks %(fields)s: is this address a Marzban panel?", fields=", ".join(fields))
        )
    return answer


def _version(text: str) -> tuple[int, ...]:
    """Return the numbers of a version such as 0.8.4 or v0.8.4-dev; unreadable ones count as new."""
    numbers = text.lstrip("v").split("-")[0].split(".")
    return (
        tuple(int(number) for number in numbers)
        if all(n.isdecimal() for n in numbers)
        else OLDEST_SAFE_VERSION
    )
