"""Customers buy on three panels of three dialects; calls fail, one panel comes and goes, processes die."""

from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from tests.proof.processes import Shop
from tests.proof.storm import KINDS, Dose, Seen, Storm, fault_rules
from tests.world import StandIn, XuiWorld

# The calls that matter most, one client's or many's: each kind of fault hits each of them.
VITAL_CALLS = {
    "Demo panel": ("POST /api/user",),
    "Demo 3x-ui": ("POST /panel/api/clients/[ab]*",),
    "Old 3x-ui": ("POST /panel/api/inbounds/addClient",),
}
FLAPPING = "Demo 3x-ui"
# What becomes of customers after the trial, and how often of a hundred: first what they buy, then what comes.
BOUGHT = {"": 10, "one": 20, "pair": 35, "all": 35}
THEN = {"": 30, "stop": 20, "stop go": 10, "rekey": 15, "one": 10, "all": 5, "refund": 10}
SHARED_INBOUNDS = (1, 3)


@dataclass(frozen=True)
class PanelDose(Dose):
    """`flap`: seconds that a panel is away, and back, at a time. `sync_every` seconds; 0: never.

    `strangers`: accounts of others on each panel. `write_ms`: how long the old panel takes to write.
    """

    flap: tuple[float, float] = (2, 4)
    sync_every: float = 5
    strangers: int = 30
    write_ms: int = 30


@dataclass
class PanelSeen(Seen):
    """What was done to each customer, and the keys that were replaced."""

    acts: dict[int, list[str]] = field(default_factory=dict)
    replaced: dict[int, list[str]] = field(default_factory=dict)
    strangers: dict[str, dict[str, Any]] = field(default_factory=dict)
    flaps: int = 0

    @property
    def done(self) -> Counter[str]:
        return Counter(act for acts in self.acts.values() for act in acts)


class PanelStorm(Storm):
    """Trials, and what staff and purchases make of them, on all the shop's panels."""

    def __init__(self, shop: Shop, dose: PanelDose) -> None:
        super().__init__(shop, dose)
        self._flap_seconds, self._sync_every = dose.flap, dose.sync_every
        self._stand_ins = (shop.telegram, *shop.panels.values())
        self.seen: PanelSeen = PanelSeen(acts={customer: [] for customer in self.customers})
        self._ahead = {customer: self._draw_acts() for customer in self.customers}
        for name, panel in shop.panels.items():
            settle_strangers(panel, dose.strangers)
            self.seen.strangers[name] = raw_rows(panel)
        shop.panels["Old 3x-ui"].emu("POST", "panel", write_ms=dose.write_ms)
        self._later(1, self._flap_down)
        if dose.sync_every:
            self._later(dose.sync_every, self._sync)

    def _draw_acts(self) -> list[str]:
        bought, then = (self._random.choices([*each], [*each.values()])[0] for each in (BOUGHT, THEN))
        if then == "refund" and not bought:
            then = ""
        return [*bought.split(), *then.split()]

    def _let_fail(self, stand_in: StandIn) -> None:
        stand_in.emu("POST", "seed", seed=self._dose.seed)
        name = next((name for name, panel in self._shop.panels.items() if panel is stand_in), "")
        for rule in fault_rules(self._dose.hang, VITAL_CALLS.get(name, ("sendMessage",))):
            stand_in.emu("POST", "fail", **rule)

    def _is_over(self) -> bool:
        return super()._is_over() and not any(self._ahead.values())

    def _press(self, customer: int) -> None:
        super()._press(customer)
        if customer in self.seen.pressed:
            self._later(self._random.uniform(0.5, 3), partial(self._act, customer))

    def _act(self, customer: int) -> None:
        """Do the next thing to the customer's subscription, once there is one."""
        if not (ahead := self._ahead[customer]):
            return
        what = ahead[0]
        answer = self._shop.books.ask(f"act {customer} {what} {len(self.seen.acts[customer])}")
        if answer["done"]:
            ahead.pop(0)
            self.seen.acts[customer].append(what)
            self.seen.replaced.setdefault(customer, []).extend(answer["replaced"])
        self._later(self._random.uniform(0.5, 3), partial(self._act, customer))

    def _flap_down(self) -> None:
        self._shop.panels[FLAPPING].outage(True)
        self.seen.flaps += 1
        self._later(self._random.uniform(0.5, 1) * self._flap_seconds[0], self._flap_up)

    def _flap_up(self) -> None:
        self._shop.panels[FLAPPING].outage(False)
        self._later(self._random.uniform(0.5, 1) * self._flap_seconds[1], self._flap_down)

    def _sync(self) -> None:
        self._shop.books.ask("sync")
        self._later(self._sync_every, self._sync)

    def _heal(self) -> None:
        super()._heal()
        for panel in self._shop.panels.values():
            panel.outage(False)


def settle_strangers(panel: Any, count: int) -> None:
    """Let others have accounts on the panel, on the inbounds that the shop sells."""
    if isinstance(panel, XuiWorld):
        for inbound in SHARED_INBOUNDS:
            panel.strangers(count, inbound=inbound, prefix=f"guest-{inbound}")
        return
    rows = [{"username": f"guest_{n}", "expire": 1_950_000_000, "owner": "shop"} for n in range(count)]
    panel.emu_list("users", rows)


def raw_rows(panel: Any) -> dict[str, Any]:
    """Return what the panel stores of others, but for addresses that it draws anew for each answer."""
    drawn = ("links", "subscription_url")
    return {
        name: {key: value for key, value in user.items() if key not in drawn}
        for name, user in panel.users().items()
        if name.startswith("guest")
    }


def silent(fired: dict[str, dict[str, int]], *, on_each: bool) -> list[str]:
    """Return the kinds of faults that a panel, or all of them, never met: without them nothing is proved."""
    met = fired if on_each else {"any panel": dict(sum(map(Counter, fired.values()), Counter()))}
    missing = [f"{kind} at {name}" for name, counts in met.items() for kind in KINDS if not counts.get(kind)]
    return missing + (["outage"] if on_each and not fired[FLAPPING].get("outage") else [])


def is_in_place(shop: Shop, seen: PanelSeen) -> bool:
    """Tell whether everybody is on as many panels as they should, and every panel has passed its test again.

    A test that the storm broke closes the panel for sale, until the next one within half an hour.
    """
    if not shop.books.ask("passed"):
        return False
    held = {int(key): value for key, value in shop.books.ask("holdings").items()}
    return all(has_its_places(held[key], acts) for key, acts in seen.acts.items() if key in held)


def has_its_places(mine: dict[str, Any], acts: list[str]) -> bool:
    """Tell whether somebody is on as many panels as they should; who is shut out is given no new ones."""
    count, wanted = len(live(mine)), wanted_count(acts)
    return count <= wanted if is_shut_out(acts) else count == wanted


def live(mine: dict[str, Any]) -> list[dict[str, Any]]:
    return [account for account in mine["accounts"] if account["placement"] in ("joining", "serving")]


def wanted_count(acts: list[str]) -> int:
    """Return on how many panels somebody should be: as bought last. A trial is for one."""
    counts = {"one": 1, "pair": 2, "all": len(VITAL_CALLS)}
    return next((counts[act] for act in reversed(acts) if act in counts), 1)


def is_shut_out(acts: list[str]) -> bool:
    return next((act == "stop" for act in reversed(acts) if act in ("stop", "go")), False)
