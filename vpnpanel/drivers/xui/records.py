"""Customers as a panel of the clients dialect keeps them, read from its answers.

The reading side calls the key `uuid`, the writing side `id`; versions before 3.3.1 make a new one if it is
left out.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from core.said import said
from vpnpanel.drivers.base import Desired
from vpnpanel.drivers.xui.accounts import Row, differences
from vpnpanel.drivers.xui.inbounds import Client, Inbound
from vpnpanel.errors import PanelDown, PanelRefused


@dataclass(frozen=True)
class Record:
    """A customer as the panel keeps them, `client` under the names of the writing side."""

    client: Client
    inbound_ids: frozenset[int]
    row: Row | None = None

    @property
    def is_enabled(self) -> bool:
        return bool(self.client.get("enable"))


def read_record(shown: Any, row: Any) -> Record:
    """Return a record from an answer of the reading side. Raises PanelDown if it is none."""
    client = shown.get("client", shown) if isinstance(shown, dict) else None
    if not isinstance(client, dict) or not client.get("email"):
        raise PanelDown(said("a client of the panel cannot be read"))
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


def records_of(rows: list[Any], inbounds: list[Inbound]) -> dict[str, Record]:
    """Return the records of a list's answer by name, oldest first; keys a row lacks stand in the inbounds."""
    placed = records_in(inbounds)
    found: dict[str, Record] = {}
    for row in sorted((each for each in rows if isinstance(each, dict)), key=_number):
        record = read_record(row, row.get("traffic"))
        email = str(record.client["email"])
        there = placed.get(email)
        if there is not None:
            said = {field: value for field, value in record.client.items() if value not in ("", None)}
            client = {**record.client, **there.client, **said}
            record = Record(client, record.inbound_ids or there.inbound_ids, record.row or there.row)
        found[email] = record
    return found


def records_named(names: Iterable[str], rows: list[Any]) -> dict[str, Record | None]:
    """Return the clients of these names as a list's answer shows them, None for who is not on it.

    Left out is whoever has a row without a key: what it lacks would be lost when it is written back.
    """
    found = dict.fromkeys(names)
    odd = []
    for row in rows:
        name = row.get("email") if isinstance(row, dict) else None
        if name in found:
            record = read_record(row, row.get("traffic"))
            if record.client["id"]:
                found[name] = record
            else:
                odd.append(name)
    return {name: record for name, record in found.items() if name not in odd}


def records_in(inbounds: list[Inbound]) -> dict[str, Record]:
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


def require_ours(name: str, record: Record, desired: Desired) -> None:
    """Raise PanelRefused if the client was not made by us: as a repeat of ours it has our keys."""
    if desired.credentials is None:
        is_ours = record.client.get("comment") == desired.note
    else:
        own = {"id": desired.credentials.uuid, "subId": desired.credentials.sub_id}
        is_ours = not differences(own, record.client)
    if not is_ours:
        raise PanelRefused(said("the panel has a client %(name)s that is not ours", name=name))


def _number(row: Mapping[str, Any]) -> int:
    shown = row.get("client", row)
    number = shown.get("id") if isinstance(shown, dict) else None
    return number if isinstance(number, int) else 2**62
