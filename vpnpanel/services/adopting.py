"""Taking over accounts that an operator's panel had before the shop: reading them, and making them ours.

An account keeps its name, its keys and its terms, and nothing is written to the panel: what the shop would
have to change there at once is refused, with the reason, and left as it is.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import F

from accounts.models import User
from core import clock
from core.models import Installation
from core.said import Sentence, said
from vpnpanel.connections import driver_for
from vpnpanel.drivers.base import Observed
from vpnpanel.guard.examination import is_of_a_test
from vpnpanel.models import NAME_LENGTH, Access, Panel, PanelAccount, PanelGroup, StrayAccount
from vpnpanel.observation import take_in
from vpnpanel.ownership import Wish, differences
from vpnpanel.services.placement import ended_before

# How another installation of this system names its accounts, and notes them.
NAME_OF_A_SHOP = re.compile(r"[0-9a-f]{6}_[a-z2-7]{16}")
NOTE_OF_A_SHOP = re.compile(r"[0-9a-f]{6} access \d+")
WAITING = (StrayAccount.State.OPEN, StrayAccount.State.IGNORED, StrayAccount.State.REMOVING)


@dataclass(frozen=True)
class Candidate:
    """An account that may be taken over, as the panel shows it. `until` is what it would end at with us."""

    panel: Panel
    shown: Observed
    until: datetime
    seen_at: datetime

    @property
    def name(self) -> str:
        return self.shown.name

    @property
    def note(self) -> str:
        return self.shown.note

    @property
    def telegram_id(self) -> int | None:
        return self.shown.telegram_id

    @property
    def traffic_limit(self) -> int:
        return self.shown.traffic_limit

    @property
    def used_bytes(self) -> int:
        return self.shown.counter

    @property
    def is_stopped(self) -> bool:
        """Whether somebody switched it off before its time."""
        return not self.shown.is_enabled and self.until > self.seen_at


@dataclass(frozen=True)
class Piece:
    """A page of a panel: who may be taken over, who not and why (by name), how many are ours already."""

    candidates: tuple[Candidate, ...]
    refused: dict[str, Sentence]
    known: int
    next_offset: int
    total: int
    is_last: bool


@dataclass(frozen=True)
class Wanted:
    """`endless_days`: the time given to accounts without an end; 0: they are refused. `quarantined`: also
    those in quarantine."""

    endless_days: int = 0
    quarantined: bool = False


def read(panel: Panel, installation: Installation, offset: int, wanted: Wanted) -> Iterator[Piece]:
    """Yield the panel's pages from `offset` on. A fixed number of queries a page. Raises PanelError."""
    driver = driver_for(panel)
    try:
        seen_at = clock.now()
        for page in driver.pages(offset):
            offset = min(offset + driver.page_size, page.total)
            shown = [each for each in page.accounts if not is_of_a_test(each.name, installation.short)]
            ours = _ours(panel, shown)
            others = [each for each in shown if each.name not in ours]
            candidates, refused = _sort(panel, installation, others, wanted, seen_at)
            refused |= dict.fromkeys(page.unreadable, said("the panel cannot show it"))
            yield Piece(tuple(candidates), refused, len(ours), offset, page.total, page.is_last)
            seen_at = clock.now()
    finally:
        driver.close()


def _ours(panel: Panel, shown: Iterable[Observed]) -> set[str]:
    names = [each.name for each in shown]
    return set(PanelAccount.objects.filter(panel=panel, name__in=names).values_list("name", flat=True))


def _sort(
    panel: Panel,
    installation: Installation,
    others: list[Observed],
    wanted: Wanted,
    seen_at: datetime,
) -> tuple[list[Candidate], dict[str, Sentence]]:
    quarantine = StrayAccount.objects.filter(panel=panel, name__in=[each.name for each in others])
    quarantined = set(quarantine.filter(state__in=WAITING).values_list("name", flat=True))
    oldest = ended_before(seen_at)
    candidates, refused = [], {}
    for each in others:
        is_kept_back = each.name in quarantined and not wanted.quarantined
        why = said("it is in quarantine") if is_kept_back else _why_not(installation, each)
        until = each.until or (seen_at + timedelta(days=wanted.endless_days))
        if not why and each.until is None and not wanted.endless_days:
            why = said("it has no end: say how many days such accounts get")
        if not why and until <= oldest:
            why = said("it ended long ago, on %(day)s", day=f"{until:%Y-%m-%d}")
        candidate = Candidate(panel, each, until.replace(microsecond=0), seen_at)
        if why := why or _why_changed(candidate):
            refused[each.name] = why
        else:
            candidates.append(candidate)
    return candidates, refused


def _why_not(installation: Installation, shown: Observed) -> Sentence | None:
    if len(shown.name) > NAME_LENGTH:
        return said("its name is longer than %(most)s characters", most=NAME_LENGTH)
    is_a_shops = NAME_OF_A_SHOP.fullmatch(shown.name) or NOTE_OF_A_SHOP.fullmatch(shown.note.strip())
    if is_a_shops and not shown.name.startswith(f"{installation.short}_"):
        return said("it belongs to another installation of this system")
    if shown.resets:
        return said(
            "the panel starts it anew by itself (%(how)s): switch that off there first", how=shown.resets
        )
    return None


def _why_changed(candidate: Candidate) -> Sentence | None:
    """Return what the shop would change of it at once, if anything. An end it never had is agreed on."""
    access, account = _rows(candidate)
    panel, used = candidate.panel, account.used_bytes
    found = differences(Wish(access, account, panel, used, candidate.seen_at), candidate.shown)
    if candidate.shown.until is None:
        found.pop("end", None)
    if "has keys" in found:
        return said("it has no key that works")
    if {"inbounds", "whole"} & set(found):
        return said("it is in other inbounds than the panel sells: put its own into the panel's Inbounds")
    return said("the shop would change at once: %(names)s", names=", ".join(found)) if found else None


def _rows(candidate: Candidate) -> tuple[Access, PanelAccount]:
    """Return the rows that say what the panel shows, unsaved."""
    shown = candidate.shown
    access = Access(
        until=candidate.until,
        traffic_limit=shown.traffic_limit,
        is_enabled=not candidate.is_stopped,
        is_dirty=shown.until is None,
        applied_generation=0 if shown.until is None else 1,
        applied_at=candidate.seen_at,
        first_used_at=(shown.online_at or candidate.seen_at) if shown.counter else None,
    )
    account = PanelAccount(
        panel=candidate.panel,
        name=shown.name,
        placement=PanelAccount.Placement.SERVING,
        applied_generation=access.applied_generation,
        serving_at=candidate.seen_at,
        observed_at=candidate.seen_at,
    )
    take_in(account, shown)
    return access, account


def take_over(
    candidate: Candidate,
    customer: User,
    *,
    devices: int,
    groups: Iterable[PanelGroup],
    panel_count: int,
    enforces_devices: bool,
    actor: str,
) -> Access:
    """Make the account ours, as the customer's, under the name it has; return its access.

    The caller holds the customer's lock and the transaction. Nothing is due on the panel, but for an account
    without an end, which gets one, and for one whose devices it is to count from now on. Raises
    IntegrityError if it is ours already.
    """
    access, account = _rows(candidate)
    access.user, access.devices, access.panel_count = customer, devices, panel_count
    access.changed_at, access.enforces_devices = candidate.seen_at, enforces_devices
    if enforces_devices and devices:
        access.is_dirty, access.applied_generation, account.applied_generation = True, 0, 0
    access.save(force_insert=True)
    access.groups.set(groups)
    account.access = access
    account.save(force_insert=True)
    Panel.objects.filter(pk=candidate.panel.pk).update(load=F("load") + 1)
    StrayAccount.objects.filter(panel=candidate.panel, name=candidate.name).update(
        state=StrayAccount.State.ADOPTED, access=access, decided_by=actor, decided_at=clock.now()
    )
    return access


def is_known(candidate: Candidate) -> bool:
    """Tell whether the account became ours since the page was read."""
    return PanelAccount.objects.filter(panel=candidate.panel, name=candidate.name).exists()


def give_to(access: Access, customer: User) -> None:
    """Make the access another customer's; the caller holds both customers' locks and the transaction."""
    Access.objects.filter(pk=access.pk).update(user=customer)
    access.user = customer
