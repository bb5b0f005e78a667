"""The legacy dialect (v2.6.0 to v3.0.2): clients live in the inbounds' settings, one by one, without a lock.

An account is one client per inbound that is sold; each bears the account's name and the inbound's number,
and all of them the same subscription id. The panel reads and writes an inbound's whole settings for each
change, so of two at once one is lost: there may be one writer at a time, and each write is read back.
"""

import json
import logging
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from vpnpanel.drivers.base import Desired, Observed, PanelAddress
from vpnpanel.drivers.xui import families
from vpnpanel.drivers.xui.accounts import COMPARED, VERIFIED, must_write
from vpnpanel.drivers.xui.api import XuiApi, segment
from vpnpanel.drivers.xui.envelope import (
    AnswerLost,
    KeyUnknown,
    LastClient,
    NameTaken,
    RouteMissing,
    may_try_again,
)
from vpnpanel.drivers.xui.families import Family
from vpnpanel.drivers.xui.inbounds import Client, Inbound, read_inbound, read_inbounds, to_sell
from vpnpanel.drivers.xui.known import Known
from vpnpanel.drivers.xui.links import LinkWriter
from vpnpanel.errors import AccountFailed, AccountMissing, PanelDown, PanelError, PanelRefused

log = logging.getLogger(__name__)

ROOT = "panel/api/inbounds"
# A write is repeated once if the panel does not show it.
ROUNDS = 2
# More of them are read back by one list than one by one.
MOST_READ_ONE_BY_ONE = 3


@dataclass(frozen=True)
class Change:
    """A client to write into an inbound: a new one, or all of `old` replaced."""

    inbound: Inbound
    old: Client | None
    new: Client

    @property
    def lets_in_again(self) -> bool:
        return self.old is not None and bool(self.new.get("enable"))


class LegacyDialect:
    name = "legacy"

    def __init__(self, api: XuiApi, address: PanelAddress, known: Known) -> None:
        self._api = api
        self._address = address
        self._known = known

    def inbounds(self) -> list[Inbound]:
        return self._read()

    def get(self, name: str) -> Observed:
        inbounds = self._read()
        family = families.of_name(name, inbounds)
        if not family.members:
            raise AccountMissing(f"the panel has no client of account {name}")
        return self._show(family, inbounds)

    def put(self, name: str, desired: Desired, *, is_new: bool = False, may_make: bool = True) -> Observed:
        """Write what differs, read back, and once more what still differs; then it failed."""
        changes_in = partial(self._changes, name, desired, is_new)
        inbounds = self._blank() if is_new and desired.is_enabled else self._read()
        if not may_make and not families.of_name(name, inbounds).members:
            raise AccountMissing(f"the panel has no client of account {name}")
        problem: PanelError | None = None
        for _ in range(ROUNDS):
            changes = changes_in(inbounds, COMPARED)
            if not changes:
                break
            problem = self._write_all(changes)
            inbounds = self._read_back(changes, inbounds, problem)
            if problem is not None and not may_try_again(problem) and changes_in(inbounds, VERIFIED):
                raise problem
        if left := changes_in(inbounds, VERIFIED):
            if isinstance(problem, PanelRefused):
                raise problem
            raise AccountFailed(f"account {name}: the panel does not show what was written ({_names(left)})")
        family = families.of_name(name, inbounds)
        if not family.members:
            raise AccountMissing(f"the panel has no client of account {name}")
        return self._show(family, inbounds)

    def remove(self, name: str) -> None:
        """Switch off, then delete, each client of the account; the last of an inbound stays, switched off."""
        problem: PanelError | None = None
        for _ in range(ROUNDS):
            members = [each for each in families.of_name(name, self._read()).members if not each.is_stuck]
            if not members:
                return
            if problem is not None and not may_try_again(problem):
                raise problem
            for member in members:
                problem = self._remove_one(member.inbound, member.client) or problem
        if any(not each.is_stuck for each in families.of_name(name, self._read()).members):
            raise problem or AccountFailed(f"account {name}: the panel still shows it after removing it")

    def accounts(self) -> list[Observed]:
        """Return every account of the panel, ours and others, oldest first."""
        inbounds = self._with_last_online(self._read())
        shown = self._show_all(families.all_of(inbounds), inbounds)
        self._known.keep_count(len(shown))
        return shown

    def numbers(self) -> tuple[int, int]:
        """Return how many accounts there are, counted once in a while, and how many are online."""
        if self._known.wants_count:
            with suppress(PanelDown, AccountFailed):  # not knowing it is no reason to call a panel down
                self._known.keep_count(sum(1 for _ in families.all_of(self._read())))
        online: Any = None
        with suppress(PanelDown, AccountFailed):  # it fails while Xray is starting
            online = self._api.post(f"{ROOT}/onlines")
        return self._known.accounts or 0, len(online or ())

    def _read(self) -> list[Inbound]:
        inbounds = read_inbounds(self._api.get(f"{ROOT}/list"))
        self._known.remember(inbounds)
        return inbounds

    def _blank(self) -> list[Inbound]:
        """Return the inbounds without who stands on them: enough for an account that nobody has yet."""
        inbounds = self._known.inbounds(self._read)
        return inbounds if self._known.sold_ids(inbounds) is not None else self._read()

    def _changes(
        self, name: str, desired: Desired, is_new: bool, inbounds: list[Inbound], names: Iterable[str]
    ) -> list[Change]:
        family = families.of_name(name, inbounds)
        if is_new:
            family.require_ours(desired)
        wanted = families.wanted_clients(family, desired, self._sold(inbounds, desired))
        return [
            Change(inbound, member.client if member else None, new)
            for inbound, member, new in wanted
            if member is None or must_write(new, member.client, member.row, names)
        ]

    def _sold(self, inbounds: list[Inbound], desired: Desired) -> list[Inbound]:
        try:
            return to_sell(inbounds, self._address.inbounds)
        except PanelRefused:
            if desired.is_enabled:
                raise
            return []  # a mistyped inbound must not keep anybody from being cut off

    def _write_all(self, changes: list[Change]) -> PanelError | None:
        """Write each change; return what went wrong last. Raises PanelRefused for what can't be written."""
        problem: PanelError | None = None
        for change in changes:
            try:
                self._write(change)
            except (NameTaken, KeyUnknown, AccountMissing) as failed:
                problem = problem or failed
            except PanelRefused:
                raise
            except PanelError as failed:
                return failed
        return problem

    def _write(self, change: Change) -> None:
        body = {"id": change.inbound.id, "settings": json.dumps({"clients": [change.new]})}
        if change.old is None:
            self._api.post(f"{ROOT}/addClient", json=body)
            return
        key = _address_of(change.inbound, change.old)
        self._api.post(f"{ROOT}/updateClient/{key}", json=body)

    def _read_back(
        self, changes: list[Change], inbounds: list[Inbound], problem: PanelError | None
    ) -> list[Inbound]:
        touched = {change.inbound.id for change in changes}
        is_much = len(touched) > MOST_READ_ONE_BY_ONE or any(change.lets_in_again for change in changes)
        if problem is not None or is_much:
            return self._read()
        fresh = {key: read_inbound(self._api.get(f"{ROOT}/get/{key}")) for key in touched}
        made = [change for change in changes if change.old is None]
        return [_with_rows_of(each, fresh[each.id], made) if each.id in fresh else each for each in inbounds]

    def _remove_one(self, inbound: Inbound, client: Client) -> PanelError | None:
        try:
            if client.get("enable"):
                self._write(Change(inbound, client, {**client, "enable": False}))
            self._api.post(f"{ROOT}/{inbound.id}/delClient/{_address_of(inbound, client)}")
        except LastClient:
            log.warning("client %s is the last one of its inbound: left, switched off", client.get("email"))
        except (AccountMissing, KeyUnknown):
            pass
        except RouteMissing:
            raise
        except (AnswerLost, AccountFailed) as failed:
            return failed
        return None

    def _with_last_online(self, inbounds: list[Inbound]) -> list[Inbound]:
        """Put in when each client was last online where the traffic rows do not say (before v2.6.8)."""
        rows = [row for inbound in inbounds for row in inbound.stats]
        if not rows or any("lastOnline" in row for row in rows):
            return inbounds
        try:
            seen: Any = self._api.post(f"{ROOT}/lastOnline")
        except (RouteMissing, AccountFailed):
            return inbounds
        seen = seen if isinstance(seen, dict) else {}
        return [
            replace(
                each, stats=tuple({**row, "lastOnline": seen.get(row.get("email"))} for row in each.stats)
            )
            for each in inbounds
        ]

    def _show(self, family: Family, inbounds: list[Inbound]) -> Observed:
        (shown,) = self._show_all([family], inbounds)
        return shown

    def _show_all(self, accounts: Iterable[Family], inbounds: list[Inbound]) -> list[Observed]:
        sold_ids = self._known.sold_ids(inbounds)
        writer = LinkWriter(self._address.base_url, self._address.public_host)
        return [families.observe_family(family, sold_ids, writer) for family in accounts]


def _address_of(inbound: Inbound, client: Client) -> str:
    """Return what names a client in addresses. Raises PanelRefused for a key that none can hold.

    The panel decodes an address before it takes it apart, so a slash in somebody's password parts it too.
    """
    key = inbound.key_of(client)
    if not key or "/" in key:
        email = client.get("email")
        raise PanelRefused(f"client {email} has a key the panel cannot be told: give it one without a slash")
    return segment(key)


def _with_rows_of(old: Inbound, fresh: Inbound, made: list[Change]) -> Inbound:
    """Give an inbound read by itself its traffic rows: panels of version 2 show them only in the whole list.

    Those of the last list stand for them, and a client made since then has used nothing.
    """
    rows = fresh.stats or old.stats
    known = {row.get("email") for row in rows}
    emails = [change.new["email"] for change in made if change.inbound.id == old.id]
    blank = [{"email": email, "up": 0, "down": 0} for email in emails if email not in known]
    return replace(fresh, stats=(*rows, *blank))


def _names(changes: list[Change]) -> str:
    return ", ".join(str(change.new.get("email")) for change in changes)
