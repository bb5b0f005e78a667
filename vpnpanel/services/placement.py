"""Which accounts an access should have and where: decided and committed before any panel is called.

An account that is to leave stays until what replaces it was seen working: the pass that sees it works marks
the old one as leaving. It serves on beside the new one for a while, out of the link, and is removed then.
Where nothing can replace it, it stays.
"""

import secrets
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db import transaction

from core import clock
from core.errors import LeaseLost
from core.models import Installation, RetentionRule
from core.said import Sentence, said
from vpnpanel.choosing import FIRST_KEY_TRIES, Home, can_be_left, homes_of, in_order, is_elsewhere
from vpnpanel.drivers.base import Credentials, Desired
from vpnpanel.grace import end_of_grace
from vpnpanel.models import NO_ROOM, Access, MoveItem, Panel, PanelAccount
from vpnpanel.observation import limit_on_panel, used_in_all
from vpnpanel.plans import Plan, Work
from vpnpanel.services.moving import note_new_home, open_item
from vpnpanel.services.places import give_up_place, take_back, take_place, take_place_at

Placement = PanelAccount.Placement

NAME_ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"
NAME_LENGTH = 16  # 80 bits: nobody guesses another customer's account
KEPT_DAYS = 30
KEPT_RULE = "panel accounts after the end"


@dataclass
class Places:
    """Where an access lives: who stays, who leaves once those work, who has left.

    `lingering` have left too, and serve on for a while, as whoever is `outgoing` will until `serves_until`.
    """

    staying: list[PanelAccount] = field(default_factory=list)
    outgoing: list[PanelAccount] = field(default_factory=list)
    lingering: list[PanelAccount] = field(default_factory=list)
    left: list[PanelAccount] = field(default_factory=list)
    item: MoveItem | None = None
    serves_until: datetime | None = None

    def let_go(self, accounts: list[PanelAccount], *, serves_until: datetime | None = None) -> None:
        for account in accounts:
            give_up_place(account, serves_until=serves_until)
            (self.lingering if account.serves_until else self.left).append(account)

    def note_left(self, accounts: list[PanelAccount]) -> None:
        """Remember those among these that do not serve on: they are to be removed, now for good."""
        known = [*self.lingering, *self.left]
        self.left += [each for each in accounts if not each.is_live and each not in known]
        over = [account for account in self.left if account.serves_until]
        for account in over:
            account.serves_until = None
        if over:
            PanelAccount.objects.filter(pk__in=[each.pk for each in over]).update(serves_until=None)


@transaction.atomic
def make_plan(claimed: Access, installation: Installation, busy: Collection[int] = ()) -> Plan:
    """Settle where a claimed access lives, and return the calls that takes; none on panels that are `busy`.

    Safe to repeat: a live placement on a panel that serves is kept, also while that panel is down.
    Raises LeaseLost if the claim no longer holds.
    """
    held = Access.objects.filter(pk=claimed.pk, claim_token=claimed.claim_token)
    access = held.select_for_update(no_key=True).first()
    if access is None:
        raise LeaseLost(f"access {claimed.pk} is held by another process")
    now = clock.database_now()
    places = _settle(access, installation, now)
    to_call = [
        account
        for account in _to_call(access, places)
        if account.panel.may_be_called and not account.is_held(access)
    ]
    free = [account for account in to_call if account.panel_id not in busy]
    note = f"{installation.short} access {access.pk}"
    used = used_in_all([access]).get(access.pk, 0)
    return Plan(
        access,
        now,
        tuple(_work(access, account, note=note, now=now, used=used) for account in free),
        _trouble(access, places, now),
        is_partial=len(free) < len(to_call),
        staying=tuple(places.staying),
        outgoing=tuple(places.outgoing),
        lingering=tuple(places.lingering),
        serves_until=places.serves_until,
    )


def ended_before(now: datetime) -> datetime:
    """Return the time before which an access must have ended for its accounts to be removed."""
    rule = RetentionRule.objects.filter(key=KEPT_RULE).first()
    return now - timedelta(days=rule.days if rule else KEPT_DAYS)


def _settle(access: Access, installation: Installation, now: datetime) -> Places:
    """Decide who stays, give places to who is missing, and let go of whoever is not needed any more."""
    accounts = list(access.accounts.exclude(placement=Placement.GONE).select_related("panel").order_by("pk"))
    is_due = not access.is_gone and (access.until > now or access.until > ended_before(now))
    live = [account for account in accounts if account.is_live]
    places = Places(lingering=[account for account in accounts if _serves_on(access, account, now)])
    kept = [account for account in live if is_due and account.panel.state in Panel.SERVING]
    places.let_go([account for account in live if account not in kept])
    # Those that serve come first: where there are too many, the last ones go.
    kept.sort(key=lambda account: (not account.panel.is_up, account.serving_at is None, account.pk))
    places.item = open_item(access)
    if access.is_wanted(now):
        homes = homes_of(access)
        _move(access, kept, homes, places, installation)
        _sort(access, kept, homes, places)
        _fill(access, homes, places, installation)
    else:
        places.outgoing = [each for each in kept if places.item and each.pk == places.item.leaving_id]
        places.staying = [each for each in kept if each not in places.outgoing]
    _part(access, places, now)
    places.note_left(accounts)
    return places


def _serves_on(access: Access, account: PanelAccount, now: datetime) -> bool:
    """Tell whether an account that was replaced may serve on.

    Not if nobody should get through, nor by these keys, and not where the panel was given up.
    """
    is_time = account.serves_until is not None and account.serves_until > now
    has_right_keys = account.key_epoch == access.key_epoch
    return is_time and has_right_keys and access.is_wanted(now) and account.panel.state in Panel.SERVING


def _part(access: Access, places: Places, now: datetime) -> None:
    """Part with those that are too many, and with those that are replaced, as soon as the others serve."""
    if access.panel_count:
        surplus = places.staying[access.panel_count :]
        del places.staying[access.panel_count :]
        if surplus and can_be_left(places.staying):
            places.let_go(surplus)  # apps know those that stay
        else:
            places.outgoing += surplus
    if not access.is_wanted(now):
        places.let_go(places.outgoing)
        places.outgoing = []
    elif places.outgoing:
        places.serves_until = end_of_grace(places.item, now)
        if can_be_left(places.staying):
            places.let_go(places.outgoing, serves_until=places.serves_until)
            places.outgoing = []
    # As many as live: who is moved again and again is not served in ever more places.
    places.lingering.sort(key=lambda account: account.leaving_at or now, reverse=True)
    del places.lingering[max(len(places.staying), 1) :]


def _move(
    access: Access,
    kept: list[PanelAccount],
    homes: dict[int, Home],
    places: Places,
    installation: Installation,
) -> None:
    """Let the account go that a planned move takes away, once the move's target has a place for it.

    A target that is down keeps it where it is. Without a target any other panel with room will do.
    """
    item = places.item
    account = next((each for each in kept if item and each.pk == item.leaving_id), None)
    if item is None or account is None:
        return
    goal = item.move.goal_id
    there = next((each for each in kept if each.panel_id == goal), None)
    if goal in homes and there is None and (panel := take_place_at(goal)):
        there = _join(access, panel, places, installation)
        kept.append(there)
    if goal is not None and (there is None or not there.panel.is_up):
        return
    kept.remove(account)
    places.outgoing.append(account)
    if there is not None:
        note_new_home(item, there)


def _sort(access: Access, kept: list[PanelAccount], homes: dict[int, Home], places: Places) -> None:
    """Part those that stay from those that go as soon as others can take their place."""
    unmoved = []
    for account in kept:
        if _is_stuck(access, account, kept) or account.panel_id not in homes:
            places.outgoing.append(account)
        elif access.panel_count and is_elsewhere(access, account):
            unmoved.append(account)
        else:
            places.staying.append(account)
    taken = {account.panel_id for account in kept}
    wished = [home for home in homes.values() if home.is_selling and home.location == access.location]
    room = sum(home.pk not in taken for home in wished)
    short = max(access.panel_count - len(places.staying) - room, 0)
    places.staying += unmoved[:short]  # the wanted location cannot take them
    places.outgoing += unmoved[short:]


def _is_stuck(access: Access, account: PanelAccount, kept: list[PanelAccount]) -> bool:
    """Tell whether another panel should be asked instead: nobody has the key of an account that never served,
    so nobody need wait for its panel. One that fails is left where that is all the customer has to wait for.
    """
    if not access.panel_count or account.serving_at is not None:
        return False
    is_first = all(each.serving_at is None for each in kept)
    is_late = is_first and access.attempts >= FIRST_KEY_TRIES and bool(account.error)
    return is_late or not account.panel.takes_changes


def _fill(access: Access, homes: dict[int, Home], places: Places, installation: Installation) -> None:
    """Take places until the access has as many as it should; where too few are to be had, nobody goes."""
    without = {account.panel_id for account in [*places.staying, *places.outgoing]}
    fitting = in_order(homes.values(), location=access.location, without=without)
    missing = access.panel_count - len(places.staying) if access.panel_count else len(fitting)
    # The best of them, but in one order for everybody: else two who take the same two wait for each other.
    fitting = sorted(fitting[: max(missing, 0)], key=lambda home: home.pk) + fitting[max(missing, 0) :]
    while missing > 0 and (panel := take_place(fitting)):
        fitting = [home for home in fitting if home.pk != panel.pk]
        places.staying.append(_join(access, panel, places, installation))
        missing -= 1
        if places.item and places.item.move.goal_id is None:
            note_new_home(places.item, places.staying[-1])
    if not access.panel_count:
        missing = 0 if places.staying else len(places.outgoing)
    if missing > 0:
        places.staying += places.outgoing[:missing]
        del places.outgoing[:missing]


def _join(access: Access, panel: Panel, places: Places, installation: Installation) -> PanelAccount:
    """Return an account on the panel: the one that still serves there, otherwise a new one."""
    if there := next((each for each in places.lingering if each.panel_id == panel.pk), None):
        places.lingering.remove(there)
        take_back(there)
        return there
    account = PanelAccount(
        access=access,
        panel=panel,
        name=_new_name(installation),
        credentials=Credentials.fresh().written,
        credentials_epoch=access.key_epoch,
        key_epoch=access.key_epoch,
    )
    account.save(force_insert=True)
    return account


def _new_name(installation: Installation) -> str:
    """Return a name that Marzban and 3x-ui both take, and that begins with whose it is."""
    return f"{installation.short}_" + "".join(secrets.choice(NAME_ALPHABET) for _ in range(NAME_LENGTH))


def _to_call(access: Access, places: Places) -> list[PanelAccount]:
    """Return the accounts to bring in line; those about to go only where what is wanted has changed."""
    going = [*places.outgoing, *places.lingering]
    behind = [each for each in going if each.applied_generation < access.generation]
    return [*places.staying, *behind, *places.left]


def _trouble(access: Access, places: Places, now: datetime) -> Sentence | str:
    if access.is_wanted(now) and not places.staying and not places.outgoing:
        return NO_ROOM
    down = [account.panel.name for account in places.staying if not account.panel.is_up]
    return said("%(panels)s: no answer", panels=", ".join(down)) if down else ""


def _work(access: Access, account: PanelAccount, *, note: str, now: datetime, used: int) -> Work:
    if not account.is_kept_in_line:
        return Work(account, None)
    _make_keys(access, account)
    return Work(
        account,
        rotates=account.key_epoch != access.key_epoch,
        desired=Desired(
            is_enabled=access.is_wanted(now),
            until=access.until,
            traffic_limit=limit_on_panel(access, account, used),
            note=note,
            credentials=Credentials.read(account.credentials),
            devices=access.devices if access.enforces_devices else 0,
        ),
    )


def _make_keys(access: Access, account: PanelAccount) -> None:
    """Make other keys where that was asked for, once: a repeated call tells the panel the same ones."""
    if account.credentials_epoch == access.key_epoch:
        return
    account.credentials = Credentials.fresh().written
    account.credentials_epoch = access.key_epoch
    account.save(update_fields=["credentials", "credentials_epoch"])
