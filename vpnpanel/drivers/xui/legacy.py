"""The legacy dialect (v2.6.0 to v3.0.2): clients live in the inbounds' settings, one by one, without a lock.

An account is one client per inbound that is sold; each bears the account's name and the inbound's number,
and all of them the same subscription id. The panel reads and writes an inbound's whole settings for each
change, so of two at once one is lost: there may be one writer at a time, and each write is read back.
"""

import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from core.said import said
from vpnpanel.drivers.base import Desired, Observed, Outcome, PanelAddress, Wish
from vpnpanel.drivers.xui import families
from vpnpanel.drivers.xui.accounts import COMPARED, VERIFIED, must_write
from vpnpanel.drivers.xui.api import XuiApi
from vpnpanel.drivers.xui.envelope import AnswerLost, RouteMissing
from vpnpanel.drivers.xui.errands import ROUNDS
from vpnpanel.drivers.xui.families import Family, Member
from vpnpanel.drivers.xui.inbounds import Inbound, read_inbound, read_inbounds, to_sell
from vpnpanel.drivers.xui.known import Known
from vpnpanel.drivers.xui.legacy_writes import ROOT, Change, FamilyErrand, Writer
from vpnpanel.drivers.xui.links import LinkWriter
from vpnpanel.errors import AccountFailed, AccountMissing, PanelDown, PanelError, PanelRefused

# More of them are read back by one list than one by one.
MOST_READ_ONE_BY_ONE = 3


class LegacyDialect:
    name = "legacy"

    def __init__(self, api: XuiApi, address: PanelAddress, known: Known) -> None:
        self._api = api
        self._address = address
        self._known = known
        self._writer = Writer(api)

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
        (outcome,) = self._run([FamilyErrand(Wish(name, desired, is_new), may_make)])
        if isinstance(outcome, Observed):
            return outcome
        raise outcome or AccountMissing(f"the panel has no client of account {name}")

    def remove(self, name: str) -> None:
        """Switch off, then delete, each client of the account; the last of an inbound stays, switched off."""
        (outcome,) = self._run([FamilyErrand(Wish(name, None))])
        if isinstance(outcome, PanelError):
            raise outcome

    def carry_out(self, wishes: Sequence[Wish]) -> list[Outcome]:
        """Bring many accounts to what is wished. Raises what is wrong with the panel itself."""
        return self._run([FamilyErrand(wish) for wish in wishes])

    def _run(self, errands: list[FamilyErrand]) -> list[Outcome]:
        is_blank = all(_makes_new(errand.wish) for errand in errands)
        inbounds = self._blank() if is_blank else self._read()
        for number in range(ROUNDS):
            self._plan(errands, inbounds)
            if not any(errand.changes for errand in errands):
                break
            self._writer.make(errands, together=number == 0)
            if not all(errand.is_refused for errand in errands if errand.changes):
                inbounds = self._read_back(errands, inbounds)
            if self._is_under_way(errands, inbounds):
                time.sleep(self._api.read_seconds)
                inbounds = self._read()
                break
        return [self._judge(errand, inbounds) for errand in errands]

    def _is_under_way(self, errands: list[FamilyErrand], inbounds: list[Inbound]) -> bool:
        """Tell whether the panel may yet be at a write whose answer we did not wait for.

        Whatever is written beside it would be lost when it ends, though it was seen on the panel before.
        """
        lost = [
            each for each in errands if isinstance(each.problem, AnswerLost) and not each.problem.was_quick
        ]
        return any(isinstance(self._judge(errand, inbounds), PanelError) for errand in lost)

    def _plan(self, errands: list[FamilyErrand], inbounds: list[Inbound]) -> None:
        """Put down at each errand what is to be written now."""
        for errand in errands:
            try:
                errand.changes = [] if errand.is_over else self._changes(errand, inbounds, COMPARED)
            except PanelRefused as refused:
                errand.changes, errand.problem = [], refused

    def _judge(self, errand: FamilyErrand, inbounds: list[Inbound]) -> Outcome:
        """Return how it ended, by what the panel shows now."""
        name = errand.wish.name
        if errand.is_refused:
            return errand.problem
        try:
            left = self._changes(errand, inbounds, VERIFIED)
        except PanelRefused as unfit:
            return unfit
        if errand.wish.desired is None:
            still = AccountFailed(
                said("account %(name)s: the panel still shows it after removing it", name=name)
            )
            return (errand.trouble or still) if left else None
        if errand.wish.desired.is_enabled and (refused := self._refusal(inbounds)):
            return errand.trouble or refused
        if left:
            emails = ", ".join(str((change.new or {}).get("email")) for change in left)
            return errand.trouble or AccountFailed(
                said("account %(name)s: the panel does not show what was written", name=emails)
            )
        family = families.of_name(name, inbounds)
        if not family.members:
            return AccountMissing(f"the panel has no client of account {name}")
        return self._show(family, inbounds)

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

    def _changes(self, errand: FamilyErrand, inbounds: list[Inbound], names: Iterable[str]) -> list[Change]:
        """Return what to write so that the account's clients are as wished. Raises PanelRefused."""
        wish, family = errand.wish, families.of_name(errand.wish.name, inbounds)
        if wish.desired is None:
            return [each for member in family.members if not member.is_stuck for each in _removal(member)]
        if not (family.members or errand.may_make):
            return []
        if wish.is_new and not wish.rotates:
            family.require_ours(wish.desired)
        sold = self._sold(inbounds, wish.desired, family)
        wanted = families.wanted_clients(family, wish.desired, sold)
        return [
            Change(inbound, member.client if member else None, new)
            for inbound, member, new in wanted
            if member is None or must_write(new, member.client, member.row, names)
        ]

    def _sold(self, inbounds: list[Inbound], desired: Desired, family: Family) -> list[Inbound]:
        """Return where to have the account. A mistyped inbound must not keep anybody from being cut off, nor
        from what was paid for where they stand."""
        refused = self._refusal(inbounds)
        if refused is None:
            return to_sell(inbounds, self._address.inbounds)
        if not desired.is_enabled:
            return []
        if not family.members:
            raise refused
        return [each.inbound for each in family.members if each.client.get("enable")]

    def _refusal(self, inbounds: list[Inbound]) -> PanelRefused | None:
        """Return why accounts cannot stand where they should; None if they can."""
        try:
            to_sell(inbounds, self._address.inbounds)
        except PanelRefused as refused:
            return refused
        return None

    def _read_back(self, errands: list[FamilyErrand], inbounds: list[Inbound]) -> list[Inbound]:
        changes = [change for errand in errands for change in errand.changes]
        touched = {change.inbound.id for change in changes}
        is_much = len(touched) > MOST_READ_ONE_BY_ONE or any(change.needs_rows for change in changes)
        if is_much or any(errand.trouble for errand in errands if errand.changes):
            return self._read()
        fresh = {key: read_inbound(self._api.get(f"{ROOT}/get/{key}")) for key in touched}
        made = [change for change in changes if change.old is None]
        return [_with_rows_of(each, fresh[each.id], made) if each.id in fresh else each for each in inbounds]

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


def _with_rows_of(old: Inbound, fresh: Inbound, made: list[Change]) -> Inbound:
    """Give an inbound read by itself its traffic rows: panels of version 2 show them only in the whole list.

    Those of the last list stand for them, and a client made since then has used nothing.
    """
    rows = fresh.stats or old.stats
    known = {row.get("email") for row in rows}
    emails = [change.new["email"] for change in made if change.new and change.inbound.id == old.id]
    blank = [{"email": email, "up": 0, "down": 0} for email in emails if email not in known]
    return replace(fresh, stats=(*rows, *blank))


def _makes_new(wish: Wish) -> bool:
    """Tell whether nobody can have the account yet, so that who stands where need not be read."""
    return wish.is_new and not wish.rotates and wish.desired is not None and wish.desired.is_enabled


def _removal(member: Member) -> list[Change]:
    """Switch off, then delete: a deletion that fails half-way must not leave a key that works."""
    off = Change(member.inbound, member.client, {**member.client, "enable": False})
    gone = Change(member.inbound, member.client, None)
    return [off, gone] if member.client.get("enable") else [gone]
