"""The writes of the clients dialect, for one client or for many together.

A bulk call has an outcome for each client, and its form differs from call to call; what the panel shows
afterwards says it all. Whoever a bulk call left as they were is written by itself in the next round, so that
one client the panel does not take cannot keep the others out.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from vpnpanel.drivers.xui.api import XuiApi, segment
from vpnpanel.drivers.xui.envelope import AnswerOdd, RouteMissing
from vpnpanel.drivers.xui.errands import Errand, keeps_us_waiting
from vpnpanel.drivers.xui.known import Known
from vpnpanel.drivers.xui.records import Record
from vpnpanel.errors import PanelDown, PanelError

ROOT = "panel/api/clients"


@dataclass(frozen=True)
class Verb:
    """A route for one client, and the one for many, if any, from the version `since` on."""

    path: str
    bulk: str = ""
    since: tuple[int, ...] = ()


ADD = Verb("add", "bulkCreate", (3, 2, 0))
SWITCH_OFF = Verb("update/{name}", "bulkDisable", (3, 4, 1))
# There is no bulk update. bulkAdjust adds to what is stored: told again after a lost answer, it gives twice.
UPDATE = Verb("update/{name}")
ATTACH = Verb("{name}/attach", "bulkAttach", (3, 2, 0))
DETACH = Verb("{name}/detach", "bulkDetach", (3, 2, 0))
DELETE = Verb("del/{name}", "bulkDel", (3, 2, 0))
# Whoever is deleted is switched off before: a deletion that fails half-way must not leave a key that works.
IN_ORDER = (ADD, SWITCH_OFF, UPDATE, ATTACH, DETACH, DELETE)


@dataclass(frozen=True)
class Call:
    """One write to make for one client."""

    verb: Verb
    body: dict[str, Any]


def removal_of(record: Record | None) -> list[Call]:
    """Return what to write so that the record is gone, if it is there."""
    if record is None:
        return []
    off = [Call(SWITCH_OFF, {**record.client, "enable": False})] if record.is_enabled else []
    return [*off, Call(DELETE, {})]


@dataclass
class RecordErrand(Errand):
    """An errand with what the panel shows of the account, and the writes that takes now."""

    record: Record | None = None
    calls: list[Call] = field(default_factory=list)


Pair = tuple[RecordErrand, Call]


class Writer:
    """Makes the writes of errands, each kind of write for all of them before the next kind."""

    def __init__(self, api: XuiApi, known: Known) -> None:
        self._api = api
        self._known = known

    def make(self, errands: Iterable[RecordErrand], *, together: bool) -> None:
        """Make the calls, and note at each errand what went wrong. Raises RouteMissing.

        A panel that does not answer in time is asked for nothing more in this round.
        """
        todo = [errand for errand in errands if errand.calls]
        for errand in todo:
            errand.problem = errand.put_off = None
        stopped: PanelError | None = None
        for verb in IN_ORDER:
            for group in self._groups(verb, todo, together=together):
                if stopped is not None:
                    for errand, _ in group:
                        errand.put_off = stopped
                elif len(group) > 1:
                    stopped = self._make_together(verb, group)
                else:
                    stopped = self._make_one(*group[0])

    def _groups(self, verb: Verb, errands: list[RecordErrand], *, together: bool) -> Iterator[list[Pair]]:
        """Yield what one call can do: many clients' writes of this kind, or one."""
        due = [
            (errand, call)
            for errand in errands
            for call in errand.calls
            if call.verb is verb and not errand.trouble
        ]
        if together and verb.bulk and self._known.version >= verb.since:
            due.sort(key=_what_is_shared)
            yield from (list(group) for _, group in groupby(due, key=_what_is_shared))
        else:
            yield from ([pair] for pair in due)

    def _make_one(self, errand: RecordErrand, call: Call) -> PanelError | None:
        path = call.verb.path.format(name=segment(errand.wish.name))
        try:
            self._api.post(f"{ROOT}/{path}", json=call.body)
        except RouteMissing:
            raise
        except PanelError as failed:
            errand.problem = failed
            return failed if keeps_us_waiting(failed) else None
        return None

    def _make_together(self, verb: Verb, group: list[Pair]) -> PanelError | None:
        try:
            self._api.post(f"{ROOT}/{verb.bulk}", json=_body_of(verb, group))
        except (PanelDown, AnswerOdd) as failed:
            for errand, _ in group:
                errand.problem = failed
            return failed if keeps_us_waiting(failed) else None
        except PanelError as failed:
            for errand, _ in group:
                errand.put_off = failed
        return None


def _what_is_shared(pair: Pair) -> list[int]:
    """Return where clients are to stand, as far as one call can say that for all of them."""
    call = pair[1]
    ids: list[int] = call.body["inboundIds"] if call.verb in (ATTACH, DETACH) else []
    return ids


def _body_of(verb: Verb, group: list[Pair]) -> Any:
    if verb is ADD:
        return [call.body for _, call in group]
    emails = {"emails": [errand.wish.name for errand, _ in group]}
    if verb is DELETE:
        return emails | {"keepTraffic": False}
    return emails | ({"inboundIds": group[0][1].body["inboundIds"]} if verb in (ATTACH, DETACH) else {})
