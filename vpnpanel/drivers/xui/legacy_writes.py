"""The writes of the legacy dialect: new clients of an inbound together, all others one by one.

The panel reads, alters and rewrites the whole inbound for each write, however many clients it is about. It
takes all of them or none, so that those it does not take are written by themselves in the next round.
"""

import json
import logging
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import groupby

from core.said import said
from vpnpanel.drivers.xui.api import XuiApi, segment
from vpnpanel.drivers.xui.envelope import AnswerOdd, KeyUnknown, LastClient, RouteMissing
from vpnpanel.drivers.xui.errands import Errand, keeps_us_waiting
from vpnpanel.drivers.xui.inbounds import Client, Inbound
from vpnpanel.errors import AccountMissing, PanelDown, PanelError, PanelRefused

log = logging.getLogger(__name__)

ROOT = "panel/api/inbounds"


@dataclass(frozen=True)
class Change:
    """A client to write into an inbound: a new one, all of `old` replaced, or `old` deleted."""

    inbound: Inbound
    old: Client | None
    new: Client | None

    @property
    def needs_rows(self) -> bool:
        """Whether what it does shows in the traffic rows too: who is let in again, and who is gone."""
        return self.old is not None and (self.new is None or bool(self.new.get("enable")))


@dataclass
class FamilyErrand(Errand):
    """An errand with what is to be written now: an account is a client on each inbound."""

    changes: list[Change] = field(default_factory=list)


Pair = tuple[FamilyErrand, Change]


class Writer:
    """Makes the writes of errands."""

    def __init__(self, api: XuiApi) -> None:
        self._api = api

    def make(self, errands: Iterable[FamilyErrand], *, together: bool) -> None:
        """Make the changes, and note at each errand what went wrong. Raises RouteMissing.

        A panel that does not answer in time is asked for nothing more in this round.
        """
        todo = [errand for errand in errands if errand.changes]
        for errand in todo:
            errand.problem = errand.put_off = None
        many, others = _sorted_out(todo, together=together)
        stopped: PanelError | None = None
        for group in many:
            stopped = stopped or self._add(group)
            for errand, _ in group:
                errand.put_off = errand.put_off or stopped
        for errand, changes in others:
            if stopped is not None:
                errand.put_off = stopped
            elif errand.put_off is None:
                stopped = self._make_in_turn(errand, changes)

    def _add(self, group: list[Pair]) -> PanelError | None:
        """Add new clients to one inbound; return what keeps us waiting, if anything does."""
        try:
            self._write(group[0][1].inbound, [change.new for _, change in group])
        except (PanelDown, AnswerOdd) as failed:
            for errand, _ in group:
                errand.note(failed)
            return failed if keeps_us_waiting(failed) else None
        except RouteMissing:
            raise
        except PanelError as failed:
            for errand, _ in group:
                errand.put_off = failed
        return None

    def _make_in_turn(self, errand: FamilyErrand, changes: list[Change]) -> PanelError | None:
        """Make an errand's changes at one inbound, up to the first that goes wrong; return as `_add`."""
        is_removal = errand.wish.desired is None
        try:
            for change in changes:
                self._make(change)
        except RouteMissing:
            raise
        except PanelError as failed:
            if is_removal and isinstance(failed, AccountMissing | KeyUnknown):
                return None
            errand.note(failed)
            return failed if keeps_us_waiting(failed) else None
        return None

    def _make(self, change: Change) -> None:
        if change.old is None:
            self._write(change.inbound, [change.new])
            return
        key = _address_of(change.inbound, change.old)
        if change.new is not None:
            self._write(change.inbound, [change.new], route=f"updateClient/{key}")
            return
        try:
            self._api.post(f"{ROOT}/{change.inbound.id}/delClient/{key}")
        except LastClient:
            email = change.old.get("email")
            log.warning("client %s is the last one of its inbound: left, switched off", email)

    def _write(self, inbound: Inbound, clients: list[Client | None], *, route: str = "addClient") -> None:
        body = {"id": inbound.id, "settings": json.dumps({"clients": clients})}
        self._api.post(f"{ROOT}/{route}", json=body)


def _sorted_out(
    errands: Iterable[FamilyErrand], *, together: bool
) -> tuple[list[list[Pair]], list[tuple[FamilyErrand, list[Change]]]]:
    """Return the new clients that go together, by inbound, and all other changes by errand and inbound."""
    new: defaultdict[int, list[Pair]] = defaultdict(list)
    others: list[tuple[FamilyErrand, list[Change]]] = []
    for errand in errands:
        for inbound_id, changes in groupby(errand.changes, key=lambda change: change.inbound.id):
            here = list(changes)
            if together and here[0].old is None:
                new[inbound_id].append((errand, here[0]))
            else:
                others.append((errand, here))
    alone = [(errand, [change]) for (errand, change), *more in new.values() if not more]
    return [group for group in new.values() if len(group) > 1], alone + others


def _address_of(inbound: Inbound, client: Client) -> str:
    """Return what names a client in addresses. Raises PanelRefused for a key that none can hold.

    The panel decodes an address before it takes it apart, so a slash in somebody's password parts it too.
    """
    key = inbound.key_of(client)
    if not key or "/" in key:
        email = client.get("email")
        raise PanelRefused(
            said(
                "client %(name)s has a key the panel cannot be told: give it one without a slash", name=email
            )
        )
    return segment(key)
