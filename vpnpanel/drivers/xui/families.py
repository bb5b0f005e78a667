"""The clients that make up one account on a legacy panel: one per inbound, told by name and subscription."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from core.said import said
from vpnpanel.drivers.base import Credentials, Desired, Observed
from vpnpanel.drivers.xui.accounts import (
    VISION,
    Part,
    Row,
    fresh_client,
    keys,
    observe,
    share_limits,
    shown_keys,
    terms,
)
from vpnpanel.drivers.xui.inbounds import Client, Inbound
from vpnpanel.drivers.xui.links import LinkWriter
from vpnpanel.drivers.xui.naming import part_of, whole_of
from vpnpanel.errors import PanelRefused


@dataclass(frozen=True)
class Member:
    """A client of an account, where it stands, and its traffic row."""

    inbound: Inbound
    client: Client
    row: Row | None

    @property
    def is_stuck(self) -> bool:
        """Whether it is off and alone on its inbound: the panel does not delete the last one."""
        return not self.client.get("enable") and len(self.inbound.clients) == 1


Wanted = tuple[Inbound, Member | None, Client]


@dataclass
class Family:
    """All clients of one account. `orphans` are traffic rows of clients that the panel has lost."""

    name: str
    members: list[Member] = field(default_factory=list)
    orphans: list[Row] = field(default_factory=list)

    def on(self, inbound_id: int) -> Member | None:
        return next((each for each in self.members if each.inbound.id == inbound_id), None)

    @property
    def subscription(self) -> Client:
        """The name of its subscription, as far as it has one: its clients share it."""
        names = [each.client["subId"] for each in self.members if each.client.get("subId")]
        return {"subId": names[0]} if names else {}

    def require_ours(self, desired: Desired) -> None:
        """Raise PanelRefused if a client of this name has other keys than an account of ours would."""
        for member in self.members:
            if not _is_ours(member.inbound, member.client, desired):
                raise PanelRefused(
                    said("the panel has a client %(name)s that is not ours", name=member.client.get("email"))
                )


def of_name(name: str, inbounds: list[Inbound]) -> Family:
    """Return the account's clients. One called like the account itself came with a customer we took over."""
    family = Family(name)
    for inbound in inbounds:
        emails = {name.lower(), part_of(name, inbound.id).lower()}
        rows = {_email(row): row for row in inbound.stats if _email(row) in emails}
        for client in inbound.clients:
            if _email(client) in emails:
                family.members.append(Member(inbound, client, rows.pop(_email(client), None)))
        family.orphans += rows.values()
    return family


def all_of(inbounds: list[Inbound]) -> Iterator[Family]:
    """Yield every account of the panel, oldest first, so that new ones move none of the others."""
    found: dict[str, dict[str, Family]] = {}
    left: list[tuple[Inbound, Row]] = []
    for inbound in inbounds:
        rows = {_email(row): row for row in inbound.stats}
        for client in inbound.clients:
            email = str(client.get("email") or "")
            name, owner = _name_and_owner(email, client, inbound)
            family = found.setdefault(name.lower(), {}).setdefault(owner, Family(name))
            family.members.append(Member(inbound, client, rows.pop(email.lower(), None)))
        left += ((inbound, row) for row in rows.values())
    for inbound, row in left:
        name, owner = _name_and_owner(_email(row), row, inbound)
        namesakes = found.get(name, {})
        if len(namesakes) == 1 or owner in namesakes:  # before 2.8.3 rows don't tell whose they are
            namesakes.get(owner, next(iter(namesakes.values()))).orphans.append(row)
    yield from sorted((family for each in found.values() for family in each.values()), key=_age)


def wanted_clients(family: Family, desired: Desired, sold: list[Inbound]) -> Iterator[Wanted]:
    """Yield for each inbound who stands there for the account, if anybody, and how that client should be."""
    sold_ids = {each.id for each in sold}
    others = [each for each in family.members if each.inbound.id not in sold_ids]
    elsewhere = sum(Part(each.client, each.row).used for each in others)
    elsewhere += sum(Part({}, row).used for row in family.orphans)
    limit = max(1, desired.traffic_limit - elsewhere) if desired.traffic_limit else 0
    members = [family.on(each.id) for each in sold]
    used = [Part(each.client, each.row).used if each else 0 for each in members]
    for inbound, member, spent, share in zip(sold, members, used, share_limits(limit, used), strict=True):
        own = terms(desired, spent, share) | _cipher(inbound) | _keys(inbound, desired.credentials)
        if member is not None:
            # Everything the panel keeps of a client goes back with it: what is left out is lost.
            yield inbound, member, member.client | own
        elif desired.is_enabled:
            some_keys = _keys(inbound, Credentials.fresh()) | family.subscription
            flow = {"flow": VISION if inbound.carries_flow else ""}
            yield inbound, None, fresh_client(part_of(family.name, inbound.id)) | some_keys | flow | own
    for member in others:
        yield member.inbound, member, {**member.client, "enable": False}


def observe_family(family: Family, sold_ids: frozenset[int] | None, writer: LinkWriter) -> Observed:
    """Return what is shown of an account. `sold_ids`: where it should stand; None: that is not known."""
    parts = []
    for member in family.members:
        is_sold = sold_ids is None or member.inbound.id in sold_ids
        links = writer.links(member.inbound, member.client) if is_sold else ()
        own_keys = shown_keys(member.client, [member.inbound.protocol]) if is_sold else frozenset()
        place = (member.inbound.protocol, member.inbound.tag)
        counted_as = _email(member.client)
        parts.append(Part(member.client, member.row, tuple(links), own_keys, is_sold, (place,), counted_as))
    parts += [Part({}, row, is_sold=False, counted_as=_email(row)) for row in family.orphans]
    stands_on = {each.inbound.id for each in family.members}
    return observe(
        family.name,
        parts,
        is_whole=sold_ids is None or sold_ids <= stands_on,
        is_stuck=all(each.is_stuck for each in family.members),
    )


def _keys(inbound: Inbound, credentials: Credentials | None) -> Client:
    return keys(credentials, [inbound.protocol], inbound.key_bytes) if credentials else {}


def _cipher(inbound: Inbound) -> Client:
    """Xray wants the older ciphers named with each client and those of 2022 with none; else it never starts.

    Only panels from version 3 on see to that themselves.
    """
    if inbound.protocol != "shadowsocks":
        return {}
    return {"method": "" if inbound.key_bytes else inbound.cipher}


def _is_ours(inbound: Inbound, client: Client, desired: Desired) -> bool:
    if desired.credentials is None:
        return bool(client.get("comment") == desired.note)
    own = _keys(inbound, desired.credentials)
    return all(str(client.get(name) or "") == value for name, value in own.items())


def _name_and_owner(email: str, shown: Any, inbound: Inbound) -> tuple[str, str]:
    """Return the account's name and subscription; two of one name may be two accounts."""
    name, inbound_id = whole_of(email) or (email, inbound.id)
    return name if inbound_id == inbound.id else email, str(shown.get("subId") or "")


def _email(shown: Any) -> str:
    return str(shown.get("email") or "").lower()


def _age(family: Family) -> int:
    """Return the number of its oldest traffic row: the panel counts them up."""
    numbers = [int(each.row["id"]) for each in family.members if each.row and each.row.get("id")]
    return min(numbers, default=2**62)
