"""The clients dialect (from v3.1.0): one record per customer, attached to several inbounds.

An update replaces the whole record, so it is read, changed, and sent with everything in it. The reading side
calls the key `uuid`, the writing side `id`; versions before 3.3.1 make a new one if it is left out.
"""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from vpnpanel.drivers.base import Credentials, Desired, Observed, PanelAddress
from vpnpanel.drivers.xui.accounts import (
    COMPARED,
    VERIFIED,
    VISION,
    Part,
    Row,
    differences,
    fresh_client,
    keys,
    must_write,
    observe,
    shown_keys,
    terms,
)
from vpnpanel.drivers.xui.api import XuiApi, segment
from vpnpanel.drivers.xui.envelope import NameTaken, RouteMissing, may_try_again
from vpnpanel.drivers.xui.inbounds import Client, Inbound, read_inbounds, to_sell
from vpnpanel.drivers.xui.known import Known
from vpnpanel.drivers.xui.learnt import learn
from vpnpanel.drivers.xui.links import LinkWriter
from vpnpanel.errors import AccountFailed, AccountMissing, PanelDown, PanelError, PanelRefused

log = logging.getLogger(__name__)

ROOT = "panel/api/clients"
# A write is repeated once if the panel does not show it.
ROUNDS = 2
# From here on the panel leaves the flow out by itself where an inbound cannot carry it.
DROPS_FLOW = (3, 2, 8)


@dataclass(frozen=True)
class Record:
    """A customer as the panel keeps them, `client` under the names of the writing side."""

    client: Client
    inbound_ids: frozenset[int]
    row: Row | None = None

    @property
    def is_enabled(self) -> bool:
        return bool(self.client.get("enable"))


@dataclass(frozen=True)
class Call:
    """One write to make."""

    path: str
    body: dict[str, Any]


class ClientsDialect:
    name = "clients"

    def __init__(self, api: XuiApi, address: PanelAddress, known: Known) -> None:
        self._api = api
        self._address = address
        self._known = known

    def inbounds(self) -> list[Inbound]:
        inbounds = read_inbounds(self._api.get("panel/api/inbounds/list"))
        self._known.remember(inbounds)
        return inbounds

    def get(self, name: str) -> Observed:
        record = self._read(name)
        if record is None:
            raise AccountMissing(f"the panel has no client {name}")
        return self._show_one(name, record)

    def put(self, name: str, desired: Desired, *, is_new: bool = False, may_make: bool = True) -> Observed:
        """Write what differs, read back, and once more what still differs; then it failed."""
        sold = self._sold(desired)
        record = self._read(name)
        if record is None and not may_make:
            raise AccountMissing(f"the panel has no client {name}")
        if is_new and record is not None:
            _require_ours(name, record, desired)
        problem: PanelError | None = None
        for _ in range(ROUNDS):
            calls = self._calls(name, desired, record, sold, COMPARED)
            if not calls:
                break
            problem = self._make(calls)
            if isinstance(problem, AccountMissing):  # an inbound went away since we last read them
                self._known.forget_inbounds()
                sold = self._sold(desired)
            record = self._read(name)
            if problem is None or may_try_again(problem):
                continue
            if self._calls(name, desired, record, sold, VERIFIED):
                raise problem
        if record is None:
            raise problem or AccountMissing(f"the panel has no client {name}")
        if self._calls(name, desired, record, sold, VERIFIED):
            raise problem or AccountFailed(f"account {name}: the panel does not show what was written")
        return self._show_one(name, record)

    def remove(self, name: str) -> None:
        """Switch off, then delete; a client that is not there is what was wanted."""
        problem: PanelError | None = None
        for _ in range(ROUNDS):
            record = self._read(name)
            if record is None:
                return
            if problem is not None and not may_try_again(problem):
                raise problem
            calls = [Call(f"{ROOT}/del/{segment(name)}", {})]
            if record.client.get("enable"):
                calls.insert(0, Call(f"{ROOT}/update/{segment(name)}", {**record.client, "enable": False}))
            problem = self._make(calls)
        if self._read(name) is not None:
            raise problem or AccountFailed(f"account {name}: the panel still shows it after removing it")

    def accounts(self) -> list[Observed]:
        """Return every account of the panel, ours and others, oldest first."""
        inbounds = self.inbounds()
        try:
            rows = self._api.get(f"{ROOT}/list")
        except RouteMissing:
            rows = None
        records = _records_of(rows, inbounds) if isinstance(rows, list) else _records_in(inbounds)
        return self._show_all(records, inbounds)

    def numbers(self) -> tuple[int, int]:
        """Return how many clients there are, and how many are online."""
        page = self._api.get(f"{ROOT}/list/paged", page=1, pageSize=1)
        page = page if isinstance(page, dict) else {}
        summary = page.get("summary")
        online = summary.get("onlineCount") if isinstance(summary, dict) else 0
        return int(page.get("total") or 0), int(online or 0)

    def _read(self, name: str) -> Record | None:
        """Return the record with its traffic row; None if the panel has none."""
        try:
            shown = self._api.get(f"{ROOT}/get/{segment(name)}")
        except AccountMissing:
            return None
        if shown is None:
            return None
        try:
            row = self._api.get(f"{ROOT}/traffic/{segment(name)}")
        except AccountMissing:
            row = None
        return _record(shown, row)

    def _sold(self, desired: Desired) -> list[Inbound]:
        chosen = self._address.inbounds
        try:
            return to_sell(self._known.inbounds(self.inbounds), chosen)
        except PanelRefused:
            if not desired.is_enabled:
                return []  # a mistyped inbound must not keep anybody from being cut off
        self._known.forget_inbounds()
        return to_sell(self._known.inbounds(self.inbounds), chosen)

    def _calls(
        self,
        name: str,
        desired: Desired,
        record: Record | None,
        sold: list[Inbound],
        names: Iterable[str],
    ) -> list[Call]:
        """Return what to write so that the record is as desired and stands where it should."""
        sold_ids = {each.id for each in sold}
        if record is None:
            if not desired.is_enabled:
                return []
            client = self._new_client(name, desired, sold)
            return [Call(f"{ROOT}/add", {"client": client, "inboundIds": sorted(sold_ids)})]
        used = Part(record.client, record.row).used
        wanted = {**record.client, **terms(desired, used), **_keys(desired.credentials, sold)}
        calls = []
        if must_write(wanted, record.client, record.row, names):
            calls.append(Call(f"{ROOT}/update/{segment(name)}", wanted))
        if not desired.is_enabled:
            return calls
        if missing := sorted(sold_ids - record.inbound_ids):
            calls.append(Call(f"{ROOT}/{segment(name)}/attach", {"inboundIds": missing}))
        if surplus := sorted(self._surplus(record, sold_ids)):
            calls.append(Call(f"{ROOT}/{segment(name)}/detach", {"inboundIds": surplus}))
        return calls

    def _surplus(self, record: Record, sold_ids: Iterable[int]) -> frozenset[int]:
        """Inbounds it should not stand on; where staff chose none, one that is switched off is no mistake."""
        return record.inbound_ids.difference(sold_ids) if self._address.inbounds else frozenset()

    def _new_client(self, name: str, desired: Desired, sold: list[Inbound]) -> Client:
        """Always with keys of our own: the panel does not tell which it would make."""
        own_keys = _keys(desired.credentials or Credentials.fresh(), sold)
        flow = {"flow": VISION if self._may_flow(sold) else ""}
        return fresh_client(name) | own_keys | flow | terms(desired, 0)

    def _may_flow(self, sold: list[Inbound]) -> bool:
        vless = [each.carries_flow for each in sold if each.protocol == "vless"]
        return all(vless) or self._known.version >= DROPS_FLOW if any(vless) else False

    def _make(self, calls: Iterable[Call]) -> PanelError | None:
        """Make the calls up to the first that goes wrong, and return what did. Raises PanelRefused."""
        for call in calls:
            try:
                self._api.post(call.path, json=call.body)
            except (NameTaken, AccountMissing) as failed:
                return failed
            except PanelRefused:
                raise
            except PanelError as failed:
                return failed
        return None

    def _show_one(self, name: str, record: Record) -> Observed:
        (shown,) = self._show_all({name: record}, self._known.inbounds(self.inbounds))
        return shown

    def _show_all(self, records: Mapping[str, Record], inbounds: list[Inbound]) -> list[Observed]:
        sold_ids = self._known.sold_ids(inbounds)
        self._learn_ways(records, inbounds, sold_ids)
        writer = LinkWriter(self._address.base_url, self._address.public_host, self._known.ways)
        return [self._show(name, record, inbounds, sold_ids, writer) for name, record in records.items()]

    def _learn_ways(
        self, records: Mapping[str, Record], inbounds: list[Inbound], sold_ids: frozenset[int] | None
    ) -> None:
        """Have the panel show once in a while its own links of somebody who stands on the inbounds we sell.

        As a rule there is one who stands on them all.
        """
        sold = [each for each in inbounds if sold_ids is None or each.id in sold_ids]
        for inbound in sold:
            if not (inbound.is_enabled and self._known.wants_ways(inbound)):
                continue
            there = [each for each in records.values() if inbound.id in each.inbound_ids]
            if not there:
                continue
            sample = max(there, key=lambda each: (_breadth(each, sold), each.is_enabled))
            try:
                links = self._links(sample)
            except PanelError:
                return
            stands_on = [each for each in inbounds if each.id in sample.inbound_ids]
            self._known.learn_ways(learn(links, sample.client, stands_on, inbounds))

    def _links(self, record: Record) -> list[Any]:
        """Return the panel's own links of a client, by its subscription: by name they are without hosts."""
        sub_id, name = str(record.client.get("subId") or ""), str(record.client["email"])
        path = f"subLinks/{segment(sub_id)}" if sub_id else f"links/{segment(name)}"
        try:
            links = self._api.get(f"{ROOT}/{path}")
        except RouteMissing:
            return []
        return links if isinstance(links, list) else []

    def _show(
        self,
        name: str,
        record: Record,
        inbounds: list[Inbound],
        sold_ids: frozenset[int] | None,
        writer: LinkWriter,
    ) -> Observed:
        stands_on = [each for each in inbounds if each.id in record.inbound_ids]
        sold = stands_on if sold_ids is None else [each for each in stands_on if each.id in sold_ids]
        is_whole = sold_ids is None or (
            sold_ids <= record.inbound_ids and not self._surplus(record, sold_ids)
        )
        part = Part(
            record.client,
            record.row,
            links=tuple(link for each in sold for link in writer.links(each, record.client)),
            keys=shown_keys(record.client, {each.protocol for each in sold}),
            entrances=tuple((each.protocol, each.tag) for each in stands_on),
        )
        return observe(name, [part], is_whole=is_whole)


def _breadth(record: Record, sold: Iterable[Inbound]) -> int:
    """Return on how many of the inbounds somebody stands."""
    return sum(each.id in record.inbound_ids for each in sold)


def _keys(credentials: Credentials | None, sold: list[Inbound]) -> Client:
    """Always with the id: versions before 3.3.1 make a new one where it is left out."""
    if credentials is None:
        return {}
    protocols = {each.protocol for each in sold} | {"vless"}
    return keys(credentials, protocols, max((each.key_bytes for each in sold), default=0))


def _require_ours(name: str, record: Record, desired: Desired) -> None:
    """Raise PanelRefused if the client was not made by us: as a repeat of ours it has our keys."""
    if desired.credentials is None:
        is_ours = record.client.get("comment") == desired.note
    else:
        own = {"id": desired.credentials.uuid, "subId": desired.credentials.sub_id}
        is_ours = not differences(own, record.client)
    if not is_ours:
        raise PanelRefused(f"the panel has a client {name} that is not ours")


def _record(shown: Any, row: Any) -> Record:
    """Return a record from an answer of the reading side. Raises PanelDown if it is none."""
    client = shown.get("client", shown) if isinstance(shown, dict) else None
    if not isinstance(client, dict) or not client.get("email"):
        raise PanelDown("a client of the panel cannot be read")
    ids = shown.get("inboundIds")
    if ids is None:
        ids = client.get("inboundIds")
    used_row = row if isinstance(row, dict) else None
    return Record(_writable(client), frozenset(int(each) for each in ids or ()), used_row)


def _writable(client: Mapping[str, Any]) -> Client:
    """Put fields under the names and in the forms they are written in.

    The number of the row is the panel's own; what is read as `uuid` is written as `id`. Lists and objects are
    read as texts, and written so the panel refuses the whole record: an empty one is left out, which means
    the same, and WireGuard's addresses are put into a list.
    """
    uuid = client.get("uuid") or (client.get("id") if isinstance(client.get("id"), str) else "")
    kept = {
        name: value
        for name, value in client.items()
        if name not in ("uuid", "inboundIds", "traffic") and value not in ("", None)
    }
    if isinstance(addresses := kept.get("allowedIPs"), str):
        kept["allowedIPs"] = [each.strip() for each in addresses.split(",") if each.strip()]
    return {**kept, "id": uuid or ""}


def _records_of(rows: list[Any], inbounds: list[Inbound]) -> dict[str, Record]:
    """Return the records of a list's answer by name, oldest first; keys a row lacks stand in the inbounds."""
    placed = _records_in(inbounds)
    found: dict[str, Record] = {}
    for row in sorted((each for each in rows if isinstance(each, dict)), key=_number):
        record = _record(row, row.get("traffic"))
        email = str(record.client["email"])
        there = placed.get(email)
        if there is not None:
            said = {field: value for field, value in record.client.items() if value not in ("", None)}
            client = {**record.client, **there.client, **said}
            record = Record(client, record.inbound_ids or there.inbound_ids, record.row or there.row)
        found[email] = record
    return found


def _records_in(inbounds: list[Inbound]) -> dict[str, Record]:
    """Return the records as the inbounds' settings show them."""
    found: dict[str, Record] = {}
    rows = {row.get("email"): row for inbound in inbounds for row in inbound.stats}
    for inbound in inbounds:
        for client in inbound.clients:
            email = str(client.get("email") or "")
            known = found.get(email)
            ids = (known.inbound_ids if known else frozenset()) | {inbound.id}
            merged = {**client, **known.client} if known else client
            found[email] = Record(_writable(merged), ids, rows.get(email))
    return found


def _number(row: Mapping[str, Any]) -> int:
    shown = row.get("client", row)
    number = shown.get("id") if isinstance(shown, dict) else None
    return number if isinstance(number, int) else 2**62
