"""Customers buy in the bot while calls and notices are lost, doubled and hang, and processes die."""

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import requests

from tests.proof.processes import Shop
from tests.proof.storm import PRESSES_TWICE, Dose, Seen, Storm, fault_rules
from tests.world import Message

VITAL_CALLS = ("POST /v3/payments", "GET /v3/payments/*")
NOTICES = {"drop": 0.1, "duplicate": 0.1, "delay": 0.2, "reorder": 3, "speedup": 20}
# What customers do once they hold a link, and how often of a hundred.
FATES = {"pays": 44, "checks": 10, "late": 8, "declined": 10, "leaves": 10, "twice": 6, "refunded": 12}
REASONS = ("insufficient_funds", "3d_secure_failed", "general_decline", "card_expired")
AGAIN_SECONDS = 20  # people press again what did nothing
TRIES = 6
TRIALS = FULL_REFUND = 0.5
# Who has bought before often presses "pay" on an old screen, and skips those before it.
SHORT_WAY = 0.7
FORGED = 0.8

Life = Iterator[float]
Walk = Any  # a part of a life that returns something


@dataclass(frozen=True)
class MoneyDose(Dose):
    """Each customer orders `purchases` times, and looks at the chat every `look` seconds for `patience`."""

    purchases: int = 2
    look: float = 0.6
    patience: float = 20


@dataclass
class MoneySeen(Seen):
    """What customers did with their links, as far as the outside can tell."""

    fates: Counter[str] = field(default_factory=Counter)
    gave_up: list[str] = field(default_factory=list)
    forged: int = 0


class MoneyStorm(Storm):
    """`plans` are the numbers of those on sale, `till` that of the provider's account."""

    def __init__(self, shop: Shop, dose: MoneyDose, *, plans: list[int], till: int) -> None:
        super().__init__(shop, dose)
        self._stand_ins = (shop.telegram, shop.panel, shop.payments)
        self._plans, self._till, self._purchases = plans, till, dose.purchases
        self._look, self._looks = dose.look, int(dose.patience / dose.look)
        self.seen: MoneySeen = MoneySeen()
        self._links: dict[int, set[str]] = {customer: set() for customer in self.customers}
        self._pressed_at: dict[int, dict[str, float]] = {customer: {} for customer in self.customers}
        shop.payments.emu("POST", "seed", seed=dose.seed)
        # Until somebody has paid each notice comes twice: even a small dose meets one that does.
        shop.payments.set(**{**NOTICES, "drop": 0, "duplicate": 1})
        if dose.is_hurried:
            self._later(2, self._hurry)

    def _let_fail(self, stand_in: Any) -> None:
        if stand_in is not self._shop.payments:
            super()._let_fail(stand_in)
            return
        for rule in fault_rules(self._dose.hang, VITAL_CALLS):
            stand_in.emu("POST", "fail", **rule)

    def _heal(self) -> None:
        super()._heal()
        self._shop.payments.set(drop=0, duplicate=0)

    def _hurry(self) -> None:
        """Let what waits for a minute to pass be due now or soon."""
        self._shop.books.ask("end_waiting")
        self._later(2, self._hurry)

    def _is_over(self) -> bool:
        return len(self.seen.pressed) == len(self.customers) and not self._roles_to_kill

    def _start(self, customer: int) -> None:
        self._go_on(customer, self._life(customer))

    def _go_on(self, customer: int, life: Life) -> None:
        """Live until the next pause; the loop comes back after it."""
        pause = next(life, None)
        if pause is None:
            self.seen.pressed.add(customer)
        else:
            self._later(pause, partial(self._go_on, customer, life))

    def _life(self, customer: int) -> Life:
        self._say(customer, "/start")
        yield 1
        if self._random.random() < TRIALS:
            yield from self._press(customer, "v1:trial")
        for number in range(self._purchases):
            plan = self._random.choice(self._plans)
            fate = self._random.choices(list(FATES), list(FATES.values()))[0]
            is_short = number > 0 and self._random.random() < SHORT_WAY
            link = yield from self._buy(customer, plan, is_short=is_short)
            if link is None:
                self.seen.gave_up.append(f"{customer} never saw a link for plan {plan}")
                continue
            self.seen.fates[fate] += 1
            yield self._random.uniform(0.1, 1.5)
            yield from getattr(self, f"_{fate}")(customer, plan, link)
            yield self._random.uniform(0.5, 3)

    def _pays(self, customer: int, plan: int, link: str) -> Life:
        self._shop.payments.pay(link)
        self._shop.payments.set(**NOTICES)
        yield 0

    def _checks(self, customer: int, plan: int, link: str) -> Life:
        """No notice comes, so the customer presses the button."""
        self._shop.payments.pay(link, notify=False)
        yield from self._press(customer, "v1:check:")

    def _late(self, customer: int, plan: int, link: str) -> Life:
        yield from self._cancel(customer)
        yield self._random.uniform(1, 4)
        self._shop.payments.pay(link)

    def _declined(self, customer: int, plan: int, link: str) -> Life:
        self._shop.payments.decline(link, reason=self._random.choice(REASONS))
        yield from self._press(customer, "v1:again:")
        another = (yield from self._find_link(customer, plan)) or (yield from self._buy(customer, plan))
        if another is None:
            self.seen.gave_up.append(f"{customer} never saw a second link for plan {plan}")
        else:
            self._shop.payments.pay(another)

    def _leaves(self, customer: int, plan: int, link: str) -> Life:
        """Never pays; some send a notice of their own that says they did."""
        if self._random.random() < FORGED:
            self._forge(link)
        self._links[customer].discard(link)  # whoever orders the same again is given this link
        yield 0

    def _twice(self, customer: int, plan: int, link: str) -> Life:
        """Cancels, orders the same again, and pays both links."""
        yield from self._cancel(customer)
        another = yield from self._buy(customer, plan)
        for each in filter(None, (another, link)):
            self._shop.payments.pay(each)

    def _refunded(self, customer: int, plan: int, link: str) -> Life:
        """Pays, and gets all or half of it back by the provider's cabinet."""
        paid = self._shop.payments.pay(link)["amount"]["value"]
        yield self._random.uniform(0, 5)
        half = f"{float(paid) / 2:.2f}"
        self._shop.payments.refund(link, None if self._random.random() < FULL_REFUND else half)

    def _buy(self, customer: int, plan: int, *, is_short: bool = False) -> Walk:
        """Walk from /buy to the link; begin again where a screen never comes. Returns None at last."""
        self._pressed_at[customer].clear()
        if is_short:
            self._tap(customer, self._newest(customer)[-1], f"v1:pay:{plan}:{self._till}")
            if (link := (yield from self._find_link(customer, plan))) is not None:
                return link
        for _ in range(TRIES):
            self._say(customer, "/buy")
            yield self._look
            if not (yield from self._press(customer, f"v1:buy:{plan}")):
                continue
            link = yield from self._find_link(customer, plan)
            if link is not None:
                return link
        return None

    def _find_link(self, customer: int, plan: int) -> Walk:
        """Agree and press "pay" as these are shown, until there is a link not seen before.

        Who is shown a link they have paid by, since its notice was lost, presses "check" after a while.
        """
        for number in range(self._looks):
            yield self._look
            wanted = ("v1:agree:", f"v1:pay:{plan}:", "v1:check:")[: 3 if number * self._look > 10 else 2]
            shown = self._newest(customer)
            for url in _urls(shown):
                if "/pay/" in url and (link := url.rpartition("/")[2]) not in self._links[customer]:
                    self._links[customer].add(link)
                    return link
            for message, data in _buttons(shown):
                if data.startswith(wanted) and self._tap(customer, message, data):
                    break
        return None

    def _cancel(self, customer: int) -> Life:
        if (yield from self._press(customer, "v1:close:")):
            yield self._look
            yield from self._press(customer, "v1:drop:")

    def _press(self, customer: int, prefix: str) -> Walk:
        """Press the newest button whose code begins so, once it is there; tell whether it came."""
        for _ in range(self._looks):
            for message, data in _buttons(self._newest(customer)):
                if data.startswith(prefix) and self._tap(customer, message, data):
                    return True
            yield self._look
        return False

    def _newest(self, customer: int) -> list[Message]:
        """Return the bot's newest messages, without the whole chat: hundreds look every second."""
        return self._shop.telegram.answers(customer, last=10)[-5:]

    def _tap(self, customer: int, message: Message, data: str) -> bool:
        """Press a button unless that was done a moment ago; some press twice."""
        pressed_at = self._pressed_at[customer]
        if time.monotonic() - pressed_at.get(data, 0) < AGAIN_SECONDS:
            return False
        pressed_at[data] = time.monotonic()
        for _ in range(2 if self._random.random() < PRESSES_TWICE else 1):
            pressed = self._shop.telegram.press(
                customer, data=data, message_id=message["message_id"], stale=True
            )
            self._note(pressed["update_id"], f"{data} of {customer}")
        return True

    def _say(self, customer: int, text: str) -> None:
        said = self._shop.telegram.say(customer, text, first_name=f"Customer {customer}")
        self._note(said["update_id"], f"{text} of {customer}")

    def _forge(self, link: str) -> None:
        claimed = {"id": link, "status": "succeeded", "paid": True}
        body = {"type": "notification", "event": "payment.succeeded", "object": claimed}
        try:
            requests.post(f"{self._shop.web}/webhooks/yookassa", json=body, timeout=5)
        except requests.RequestException:
            return  # the web was dead just then
        self.seen.forged += 1


def _buttons(messages: list[Message]) -> Iterator[tuple[Message, str]]:
    """Return the codes of buttons, newest message first."""
    for message in reversed(messages):
        for row in message.get("reply_markup", {}).get("inline_keyboard", []):
            yield from ((message, button["callback_data"]) for button in row if "callback_data" in button)


def _urls(messages: list[Message]) -> Iterator[str]:
    for message in reversed(messages):
        for row in message.get("reply_markup", {}).get("inline_keyboard", []):
            yield from (button["url"] for button in row if "url" in button)
