"""The clients dialect (from v3.1.0): one record per customer, attached to several inbounds.

An update replaces the whole record, so it is read, changed, and sent with everything in it. One account and
many go the same way: what is shown is read, what differs is written, and it is read back. Many are read by
one list where that is cheaper, and written together where the panel has a call for it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from core.said import said
from vpnpanel.drivers.base import Credentials, Desired, Observed, Outcome, PanelAddress, Wish
from vpnpanel.drivers.xui.accounts import (
    COMPARED,
    VERIFIED,
    VISION,
    Part,
    differences,
    fresh_client,
    keys,
    must_write,
    observe,
    shown_keys,
    terms,
)
from vpnpanel.drivers.xui.api import XuiApi, segment
from vpnpanel.drivers.xui.envelope import AnswerLost, RouteMissing
from vpnpanel.drivers.xui.errands import ROUNDS
from vpnpanel.drivers.xui.inbounds import Client, Inbound, read_inbounds
from vpnpanel.drivers.xui.known import Known, Sold
from vpnpanel.drivers.xui.learnt import learn
from vpnpanel.drivers.xui.links import LinkWriter
from vpnpanel.drivers.xui.naming import part_of
from vpnpanel.drivers.xui.records import (
    Record,
    read_record,
    records_in,
    records_named,
    records_of,
    require_ours,
)
from vpnpanel.drivers.xui.upgraded import is_part_of, parted
from vpnpanel.drivers.xui.writes import (
    ADD,
    ATTACH,
    DETACH,
    ROOT,
    SWITCH_OFF,
    UPDATE,
    Call,
    RecordErrand,
    Writer,
    removal_of,
)
from vpnpanel.errors import AccountFailed, AccountMissing, PanelError, PanelRefused

# From here on the panel leaves the flow out by itself where an inbound cannot carry it.
DROPS_FLOW = (3, 2, 8)
# A list of so many clients, some 150 kB, takes as long as one more call does.
CLIENTS_PER_CALL = 200
# A record, and its traffic row.
CALLS_PER_LOOK = 2


class ClientsDialect:
    name = "clients"

    def __init__(self, api: XuiApi, address: PanelAddress, known: Known) -> None:
        self._api = api
        self._address = address
        self._known = known
        self._writer = Writer(api, known)

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
        (outcome,) = self._run([RecordErrand(Wish(name, desired, is_new), may_make)])
        if isinstance(outcome, Observed):
            return outcome
        raise outcome or AccountMissing(f"the panel has no client {name}")

    def remove(self, name: str) -> None:
        """Switch off, then delete; a client that is not there is what was wanted."""
        (outcome,) = self._run([RecordErrand(Wish(name, None))])
        if isinstance(outcome, PanelError):
            raise outcome

    def carry_out(self, wishes: Sequence[Wish]) -> list[Outcome]:
        """Bring many accounts to what is wished. Raises what is wrong with the panel itself."""
        return self._run([RecordErrand(wish) for wish in wishes])

    def _run(self, errands: list[RecordErrand]) -> list[Outcome]:
        self._look(errands)
        self._retire_parts(errands)
        for number in range(ROUNDS):
            self._plan(errands)
            if not any(errand.calls for errand in errands):
                break
            self._writer.make(errands, together=number == 0)
            if any(isinstance(errand.problem, AccountMissing) for errand in errands):
                self._known.forget_inbounds()  # one went away since we last read them
            self._look([errand for errand in errands if errand.calls and not errand.is_refused])
        return self._judge(errands)

    def _look(self, errands: list[RecordErrand]) -> None:
        """Read what the panel shows of each. Raises PanelDown and PanelRefused."""
        listed = self._list([errand.wish.name for errand in errands])
        for errand in errands:
            name, errand.unreadable = errand.wish.name, None
            try:
                errand.record = listed[name] if name in listed else self._read(name)
            except AccountFailed as failed:
                errand.unreadable = failed

    def _retire_parts(self, errands: list[RecordErrand]) -> None:
        """Remove what missing accounts were made of before an upgrade. Raises as `_look`."""
        missing = [
            each for each in errands if each.record is None and not (each.unreadable or each.wish.is_new)
        ]
        inbounds = self._known.inbounds(self.inbounds) if missing else []
        named = [(errand, part_of(errand.wish.name, each.id)) for errand in missing for each in inbounds]
        parts = [(errand, RecordErrand(Wish(name, None, is_new=True))) for errand, name in named]
        self._look([part for _, part in parts])
        ours = [each for each in parts if each[1].record and is_part_of(each[0].wish.name, each[1].record)]
        gone = self._run([part for _, part in ours]) if ours else []
        left = [(errand, outcome) for (errand, _), outcome in zip(ours, gone, strict=True)]
        for errand, problem in [*((errand, part.unreadable) for errand, part in parts), *left]:
            if isinstance(problem, PanelError):
                errand.unreadable = problem

    def _list(self, names: list[str]) -> dict[str, Record | None]:
        """Return many clients as one list shows them; those left out are to be read one by one."""
        most = CLIENTS_PER_CALL * CALLS_PER_LOOK * len(names)
        if len(names) < 2 or (self._known.accounts or 0) > most or self._known.is_list_too_long:
            return {}
        try:
            rows = self._api.get(f"{ROOT}/list")
        except AnswerLost as lost:
            self._known.note_lost_list(was_quick=lost.was_quick)
            raise
        except (RouteMissing, AccountFailed):
            return {}
        if not isinstance(rows, list):
            return {}
        self._known.keep_count(len(rows))
        return records_named(names, rows)

    def _plan(self, errands: list[RecordErrand]) -> None:
        """Put down at each errand what is to be written now. Raises as `_look`."""
        sold = self._sold(errands)
        for errand in errands:
            try:
                errand.calls = [] if errand.is_over else self._calls(errand, sold, COMPARED)
            except PanelRefused as refused:
                errand.calls, errand.problem = [], refused

    def _judge(self, errands: list[RecordErrand]) -> list[Outcome]:
        """Return how each ended, by what the panel shows now."""
        sold = self._sold(errands)
        wrong = {errand.wish.name: self._wrong(errand, sold) for errand in errands}
        there = {
            errand.wish.name: errand.record
            for errand in errands
            if errand.record is not None and wrong[errand.wish.name] is None
        }
        shown = {each.name: each for each in self._show_all(there)} if there else {}
        return [wrong[errand.wish.name] or shown.get(errand.wish.name) for errand in errands]

    def _wrong(self, errand: RecordErrand, sold: Sold) -> PanelError | None:
        """Return why it is not as wished, None if it is."""
        name = errand.wish.name
        if errand.unreadable or errand.is_refused:
            return errand.unreadable or errand.problem
        if errand.wish.desired is None:
            still = said("account %(name)s: the panel still shows it after removing it", name=name)
            return None if errand.record is None else errand.trouble or AccountFailed(still)
        if errand.record is None:
            return errand.trouble or AccountMissing(f"the panel has no client {name}")
        if errand.wish.desired.is_enabled and isinstance(sold, PanelRefused):
            return errand.trouble or sold
        try:
            if not self._calls(errand, sold, VERIFIED):
                return None
        except PanelRefused as refused:
            return refused
        return errand.trouble or AccountFailed(
            said("account %(name)s: the panel does not show what was written", name=name)
        )

    def accounts(self) -> list[Observed]:
        """Return every account of the panel, ours and others, oldest first."""
        inbounds = self.inbounds()
        try:
            rows = self._api.get(f"{ROOT}/list")
        except RouteMissing:
            rows = None
        records = records_of(rows, inbounds) if isinstance(rows, list) else records_in(inbounds)
        self._known.keep_count(len(records))
        whole, parts = parted(records)
        return [*self._show_all(whole, inbounds), *self._show_parted(parts, inbounds)]

    def numbers(self) -> tuple[int, int]:
        """Return how many clients there are, and how many are online."""
        page = self._api.get(f"{ROOT}/list/paged", page=1, pageSize=1)
        page = page if isinstance(page, dict) else {}
        summary = page.get("summary")
        online = summary.get("onlineCount") if isinstance(summary, dict) else 0
        self._known.keep_count(int(page.get("total") or 0))
        return self._known.accounts or 0, int(online or 0)

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
        return read_record(shown, row)

    def _sold(self, errands: Iterable[RecordErrand]) -> Sold:
        """Return where to have accounts. Nothing is read where none is wished for."""
        if not any(errand.wish.desired for errand in errands if not errand.is_refused):
            return []
        return self._known.sold(self.inbounds)

    def _calls(self, errand: RecordErrand, sold: Sold, names: Iterable[str]) -> list[Call]:
        """Return what to write so that the record is as wished and stands where it should.

        Raises PanelRefused if that cannot be.
        """
        desired, record = errand.wish.desired, errand.record
        if desired is None:
            return removal_of(record)
        if record is None:
            if not (desired.is_enabled and errand.may_make):
                return []
            if isinstance(sold, PanelRefused):
                raise sold
            return [self._creation(errand.wish.name, desired, sold)]
        if errand.wish.is_new and not errand.wish.rotates:
            require_ours(errand.wish.name, record, desired)
        if isinstance(sold, PanelRefused):  # what was paid for arrives all the same, where the record stands
            return list(_changes(record, desired, [], names))
        return [*_changes(record, desired, sold, names), *self._moves(record, desired, sold)]

    def _creation(self, name: str, desired: Desired, sold: list[Inbound]) -> Call:
        """Always with keys of our own: the panel does not tell which it would make."""
        own_keys = _keys(desired.credentials or Credentials.fresh(), sold)
        flow = {"flow": VISION if self._may_flow(sold) else ""}
        client = fresh_client(name) | own_keys | flow | terms(desired, 0)
        return Call(ADD, {"client": client, "inboundIds": sorted(each.id for each in sold)})

    def _moves(self, record: Record, desired: Desired, sold: list[Inbound]) -> Iterator[Call]:
        if not desired.is_enabled:
            return
        sold_ids = {each.id for each in sold}
        if missing := sorted(sold_ids - record.inbound_ids):
            yield Call(ATTACH, {"inboundIds": missing})
        if surplus := sorted(self._surplus(record, sold_ids)):
            yield Call(DETACH, {"inboundIds": surplus})

    def _surplus(self, record: Record, sold_ids: Iterable[int]) -> frozenset[int]:
        """Inbounds it should not stand on; where staff chose none, one that is switched off is no mistake."""
        return record.inbound_ids.difference(sold_ids) if self._address.inbounds else frozenset()

    def _may_flow(self, sold: list[Inbound]) -> bool:
        vless = [each.carries_flow for each in sold if each.protocol == "vless"]
        return all(vless) or self._known.version >= DROPS_FLOW if any(vless) else False

    def _show_one(self, name: str, record: Record) -> Observed:
        (shown,) = self._show_all({name: record})
        return shown

    def _show_all(
        self, records: Mapping[str, Record], inbounds: list[Inbound] | None = None
    ) -> list[Observed]:
        inbounds = self._known.inbounds(self.inbounds) if inbounds is None else inbounds
        sold_ids = self._known.sold_ids(inbounds)
        self._learn_ways(records, inbounds, sold_ids)
        writer = LinkWriter(self._address.base_url, self._address.public_host, self._known.ways)
        return [self._show(name, record, inbounds, sold_ids, writer) for name, record in records.items()]

    def _show_parted(
        self, accounts: Mapping[str, Mapping[str, Record]], inbounds: list[Inbound]
    ) -> Iterator[Observed]:
        sold_ids = self._known.sold_ids(inbounds)
        writer = LinkWriter(self._address.base_url, self._address.public_host, self._known.ways)
        for name, records in accounts.items():
            parts = [
                replace(self._part(record, inbounds, sold_ids, writer), counted_as=email.lower())
                for email, record in records.items()
            ]
            yield observe(name, parts, is_whole=False)

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
        is_whole = sold_ids is None or (
            sold_ids <= record.inbound_ids and not self._surplus(record, sold_ids)
        )
        return observe(name, [self._part(record, inbounds, sold_ids, writer)], is_whole=is_whole)

    @staticmethod
    def _part(
        record: Record, inbounds: list[Inbound], sold_ids: frozenset[int] | None, writer: LinkWriter
    ) -> Part:
        stands_on = [each for each in inbounds if each.id in record.inbound_ids]
        sold = stands_on if sold_ids is None else [each for each in stands_on if each.id in sold_ids]
        return Part(
            record.client,
            record.row,
            links=tuple(link for each in sold for link in writer.links(each, record.client)),
            keys=shown_keys(record.client, {each.protocol for each in sold}),
            entrances=tuple((each.protocol, each.tag) for each in stands_on),
        )


def _breadth(record: Record, sold: Iterable[Inbound]) -> int:
    """Return on how many of the inbounds somebody stands."""
    return sum(each.id in record.inbound_ids for each in sold)


def _keys(credentials: Credentials | None, sold: list[Inbound]) -> Client:
    """Always with the id: versions before 3.3.1 make a new one where it is left out."""
    if credentials is None:
        return {}
    protocols = {each.protocol for each in sold} | {"vless"}
    return keys(credentials, protocols, max((each.key_bytes for each in sold), default=0))


def _changes(record: Record, desired: Desired, sold: list[Inbound], names: Iterable[str]) -> Iterator[Call]:
    used = Part(record.client, record.row).used
    wanted = {**record.client, **terms(desired, used), **_keys(desired.credentials, sold)}
    if must_write(wanted, record.client, record.row, names):
        is_all = differences(wanted, record.client, (*COMPARED, "comment")) == ["enable"]
        yield Call(SWITCH_OFF if is_all and not desired.is_enabled else UPDATE, wanted)
