"""Customers take trials while calls go wrong and processes are killed; all of it drawn from one seed."""

import heapq
import itertools
import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

import requests

from tests.proof.processes import Shop
from tests.world import StandIn

FIRST_CUSTOMER = 810_001
TRIAL = "v1:trial"
VITAL_CALLS = ("sendMessage", "POST /api/user")
KINDS = ("refuse", "lost", "duplicate", "hang")
PRESSES_TWICE = REDELIVERED = 0.1
PAUSE_SECONDS = 10


@dataclass(frozen=True)
class Dose:
    """How much of it. Times in seconds; `rounds` is how often each role is killed."""

    seed: int
    customers: int
    arrive_within: float
    kill_every: tuple[float, float]
    rounds: int
    hang: float
    give_up_after: float
    settle_within: float
    # Lets the leases that killed processes held run out soon, instead of waiting 60 to 100 s for them.
    is_hurried: bool = False


@dataclass
class Seen:
    """What a storm did, as far as the outside can tell."""

    updates: dict[int, str] = field(default_factory=dict)  # Telegram's number -> what the customer did
    pressed: set[int] = field(default_factory=set)
    kills: Counter[str] = field(default_factory=Counter)
    redelivered: int = 0
    seconds: float = 0.0


def fault_rules(hang_seconds: float, first_hit: Sequence[str]) -> list[dict[str, object]]:
    """Return rules under which 5 % of calls are refused, 5 % lost, 10 % doubled and 5 % hang.

    A rule is drawn only where those before it missed, hence the divisions. On top each kind hits one of the
    calls `first_hit` names, those that matter most, so that even a small dose meets all of them.
    """
    dice: list[dict[str, object]] = [
        {"kind": "refuse", "probability": 0.05},
        {"kind": "lost", "probability": 0.05 / 0.95},
        {"kind": "duplicate", "probability": 0.10 / 0.90},
        {"kind": "hang", "probability": 0.05 / 0.80, "seconds": hang_seconds},
    ]
    once = [{**rule, "call": call, "times": 1, "probability": 1} for call in first_hit for rule in dice]
    return [*once, *dice]


class Storm:
    """Trials: each customer says /start and presses the trial. Others override what customers do."""

    def __init__(self, shop: Shop, dose: Dose) -> None:
        self._shop, self._dose = shop, dose
        self._random = random.Random(dose.seed)
        self._stand_ins: tuple[StandIn, ...] = (shop.telegram, shop.panel)
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._roles_to_kill = [role for _ in range(dose.rounds) for role in self._shuffled_roles()]
        self.customers = list(range(FIRST_CUSTOMER, FIRST_CUSTOMER + dose.customers))
        self.seen = Seen()

    def run(self) -> Seen:
        """Return once every customer has pressed and every role was killed, or the time is up."""
        began = time.monotonic()
        for stand_in in self._stand_ins:
            self._let_fail(stand_in)
        for customer in self.customers:
            self._later(self._random.uniform(0, self._dose.arrive_within), partial(self._start, customer))
        self._later(self._random.uniform(1, 2), self._kill_next)
        while not self._is_over() and time.monotonic() - began < self._dose.give_up_after:
            self._do_what_is_due()
            self._shop.mind()
            time.sleep(0.02)
        self._heal()
        self.seen.seconds = time.monotonic() - began
        return self.seen

    def _let_fail(self, stand_in: StandIn) -> None:
        stand_in.emu("POST", "seed", seed=self._dose.seed)
        for rule in fault_rules(self._dose.hang, VITAL_CALLS):
            stand_in.emu("POST", "fail", **rule)

    def _heal(self) -> None:
        for stand_in in self._stand_ins:
            stand_in.heal()
        for role in self._shop.roles:
            if not self._shop.children[role].is_alive():
                self._shop.restart(role)

    def _is_over(self) -> bool:
        return len(self.seen.pressed) == len(self.customers) and not self._roles_to_kill

    def _later(self, seconds: float, act: Callable[[], None]) -> None:
        heapq.heappush(self._due, (time.monotonic() + seconds, next(self._order), act))

    def _do_what_is_due(self) -> None:
        while self._due and self._due[0][0] <= time.monotonic():
            heapq.heappop(self._due)[2]()

    def _start(self, customer: int) -> None:
        said = self._shop.telegram.say(customer, "/start", first_name=f"Customer {customer}")
        self._note(said["update_id"], f"/start of {customer}")
        self._later(0.5, partial(self._press, customer))

    def _press(self, customer: int) -> None:
        """Press the trial as soon as its button is there; some press twice."""
        try:
            pressed = self._shop.telegram.press(customer, data=TRIAL)
        except AssertionError:
            self._later(0.5, partial(self._press, customer))
            return
        self.seen.pressed.add(customer)
        self._note(pressed["update_id"], f"trial of {customer}")
        if self._random.random() < PRESSES_TWICE:
            shown = self._shop.telegram.answers(customer)[-1]["message_id"]
            again = self._shop.telegram.press(customer, data=TRIAL, message_id=shown, stale=True)
            self._note(again["update_id"], f"second press of {customer}")

    def _note(self, update_id: int, what: str) -> None:
        self.seen.updates[update_id] = what
        if self._random.random() < REDELIVERED:
            self._later(self._random.uniform(0, 3), partial(self._redeliver, update_id))

    def _redeliver(self, update_id: int) -> None:
        self._shop.telegram.emu("POST", "duplicate", update_id=update_id)
        self.seen.redelivered += 1

    def _kill_next(self) -> None:
        """Kill the next role of the plan and start it again soon."""
        role = self._roles_to_kill.pop()
        self._shop.kill(role)
        self.seen.kills[role] += 1
        self._later(self._random.uniform(0, 1), partial(self._shop.restart, role))
        if self._roles_to_kill:
            self._later(self._random.uniform(*self._dose.kill_every), self._kill_next)

    def _shuffled_roles(self) -> list[str]:
        return self._random.sample(self._shop.roles, len(self._shop.roles))


def settle(shop: Shop, dose: Dose, *, is_known: Callable[[], bool] = lambda: True) -> float:
    """Wait until nothing is on its way any more or the time is up; return the seconds it took.

    `is_known` says whether the shop has heard of all there is to do; until then its quiet means nothing.
    What has failed often, as a forged notice has, is not waited for until its minutes are over.
    """
    began = tried_at = time.monotonic()
    while time.monotonic() - began < dose.settle_within:
        if dose.is_hurried:
            shop.books.ask("end_waiting")
        elif time.monotonic() - tried_at > PAUSE_SECONDS:
            tried_at = time.monotonic()
            shop.books.ask("end_pauses")
        if is_known() and is_quiet(shop) and is_open(shop):
            break
        shop.mind()
        time.sleep(1 if dose.is_hurried else 0.3)
    return time.monotonic() - began


def is_quiet(shop: Shop) -> bool:
    """Tell whether nothing is on its way, neither in the books nor at Telegram, where taps wait for a bot."""
    waiting = shop.telegram.emu("GET", "queue")["pending"]
    return not waiting and not any(shop.books.ask("unfinished").values())


def is_open(shop: Shop) -> bool:
    try:
        return requests.get(f"{shop.web}/readyz", timeout=5).ok
    except requests.RequestException:
        return False
