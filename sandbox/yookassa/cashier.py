"""The provider's rules: how a payment comes to be, is paid, declined, held, captured and canceled."""

from __future__ import annotations

import heapq
from typing import Any

from sandbox.clock import Clock
from sandbox.events import EventHub
from sandbox.yookassa import instruments
from sandbox.yookassa.errors import ApiError, invalid
from sandbox.yookassa.knobs import Knobs
from sandbox.yookassa.notifier import Notifier
from sandbox.yookassa.reading import HOLD_DAYS, check_limits, read_amount
from sandbox.yookassa.shapes import money, payment_json
from sandbox.yookassa.state import Books, Payment, Receipt, SavedMethod, Shop

DAY_SECONDS = 86_400
# Who says no, where it is not the payer's bank.
PARTIES = {
    "expired_on_confirmation": "yoo_money",
    "expired_on_capture": "yoo_money",
    "internal_timeout": "yoo_money",
    "fraud_suspected": "yoo_money",
    "permission_revoked": "yoo_money",
    "canceled_by_merchant": "merchant",
}
REASONS = (
    "3d_secure_failed", "call_issuer", "card_expired", "country_forbidden", "fraud_suspected",
    "general_decline", "identification_required", "insufficient_funds", "internal_timeout",
    "invalid_card_number", "invalid_csc", "issuer_unavailable", "payment_method_limit_exceeded",
    "payment_method_restricted", "permission_revoked", "unsupported_mobile_operator",
)  # fmt: skip


class WrongState(Exception):
    """What is asked does not fit the object's state."""


class Cashier:
    """Changes the books; every change is told to the hub and, where the API has an event, to the shop."""

    def __init__(self, books: Books, clock: Clock, hub: EventHub, knobs: Knobs, notifier: Notifier) -> None:
        self.books, self.clock, self.hub = books, clock, hub
        self.knobs, self.notifier = knobs, notifier
        self.base = ""
        self._due: list[tuple[float, str]] = []

    def show(self, payment: Payment) -> dict[str, Any]:
        return payment_json(payment, self.books.shops[payment.shop_id], self.base)

    def create(self, wish: dict[str, Any], shop: Shop, key: str | None) -> Payment:
        """Make a payment; one with a saved method is decided at once. Raises ApiError (400, 403)."""
        if wish["wants_saving"] and not shop.autopay:
            raise ApiError(403, "The shop may not make recurring payments")
        method = self._saved(wish.pop("method_id"), shop)
        kind = wish.pop("method")
        now = self.clock.now()
        payment = Payment(
            id=self.books.new_id("000f", now, test=shop.test),
            number=self.books.next_number(),
            shop_id=shop.shop_id,
            created_at=now,
            closes_at=now + self.knobs.pay_window,
            test=shop.test,
            key=key,
            **wish,
        )
        self.books.payments[payment.id] = payment
        if kind is not None:
            payment.method = instruments.chosen(kind, payment.id)
        if method is not None:
            self._charge(payment, method)
            return payment
        if self.knobs.autopay_after is not None:
            payment.settles_at = now + self.knobs.autopay_after
            self.later(payment.settles_at, payment.id)
        self.later(payment.closes_at, payment.id)
        self._changed(payment)
        return payment

    def _saved(self, method_id: str | None, shop: Shop) -> SavedMethod | None:
        if method_id is None:
            return None
        if not shop.autopay:
            raise ApiError(403, "The shop may not make recurring payments")
        method = self.books.methods.get(method_id)
        if method is None or method.shop_id != shop.shop_id:
            raise invalid("The saved payment method is not found", "payment_method_id")
        return method

    def _charge(self, payment: Payment, method: SavedMethod) -> None:
        payment.method = {**method.shown, "saved": True, "status": method.status}
        refused, method.next_decline = method.next_decline, None
        if method.status != "active":
            refused = "permission_revoked"
        elif refused is None and self.knobs.charge == "canceled":
            refused = self.knobs.charge_reason
        if refused is not None:
            self.cancel(payment, refused)
        elif self.knobs.charge == "pending":
            self._changed(payment)
        else:
            self._paid(payment, method.shown["type"])

    def pay(
        self, payment: Payment, kind: str | None = None, *, save: bool | None = None, notify: bool = True
    ) -> None:
        """Let a payer pay. Raises WrongState unless it is pending, ApiError for a method that won't do."""
        self._require(payment, "pending")
        if payment.confirmation is None:
            return self._paid(payment, (payment.method or {})["type"], notify=notify)
        shop = self.books.shops[payment.shop_id]
        kind = kind or (payment.method or {}).get("type") or shop.payment_methods[0]
        if kind not in ways_to_pay(payment, shop):
            raise invalid("The payment method is not available for this payment", "method")
        payment.method = instruments.used(kind, payment.id, self.books.dice)
        payment.authorization = instruments.authorization(kind, self.books.dice)
        if self.knobs.saving and (payment.wants_saving if save is None else save):
            payment.method |= {"saved": True, "status": "active"}
            self.books.methods[payment.id] = SavedMethod(payment.id, payment.shop_id, dict(payment.method))
        self._paid(payment, kind, notify=notify)

    def _paid(self, payment: Payment, kind: str, *, notify: bool = True) -> None:
        if payment.capture:
            return self._succeed(payment, payment.amount, notify=notify)
        payment.status = "waiting_for_capture"
        payment.hold_until = self.clock.now() + HOLD_DAYS.get(kind, 7) * DAY_SECONDS
        self.later(payment.hold_until, payment.id)
        self._changed(payment, notify=notify)

    def hold(self, payment: Payment, kind: str | None = None, *, notify: bool = True) -> None:
        """Pay, but as a payment of two stages whatever the shop asked for; raises as pay() does."""
        asked, payment.capture = payment.capture, False
        try:
            self.pay(payment, kind, notify=notify)
        except (WrongState, ApiError):
            payment.capture = asked
            raise

    def _succeed(self, payment: Payment, kopecks: int, *, notify: bool = True) -> None:
        payment.status, payment.captured = "succeeded", kopecks
        payment.captured_at, payment.hold_until = self.clock.now(), None
        if payment.receipt is not None:
            payment.receipt_registration = "pending"
            self.add_receipt("payment", payment.receipt, payment.shop_id, payment_id=payment.id)
        self._changed(payment, notify=notify)

    def capture(self, payment: Payment, fields: dict[str, Any]) -> None:
        """Take the held money or a part of it. Raises ApiError (400)."""
        if payment.status != "waiting_for_capture":
            raise invalid("Only a payment that waits for capture can be captured", "status")
        kopecks = read_amount(fields) if fields.get("amount") else payment.amount
        if kopecks > payment.amount:
            raise invalid("More than was held", "amount.value")
        self._succeed(payment, kopecks)

    def cancel_hold(self, payment: Payment) -> None:
        """Let the held money go. Raises ApiError (400)."""
        if payment.status != "waiting_for_capture":
            raise invalid("Only a payment that waits for capture can be canceled", "status")
        self.cancel(payment, "canceled_by_merchant")

    def decline(
        self, payment: Payment, reason: str, party: str | None = None, *, notify: bool = True
    ) -> None:
        """Let the bank refuse the payer. Raises WrongState unless it is pending."""
        self._require(payment, "pending")
        self.cancel(payment, reason, party, notify=notify)

    def expire(self, payment: Payment, *, notify: bool = True) -> None:
        """Let the window to pay in, or to capture in, end now. Raises WrongState for a final payment."""
        self._require(payment, "pending", "waiting_for_capture")
        stage = "confirmation" if payment.status == "pending" else "capture"
        self.cancel(payment, f"expired_on_{stage}", notify=notify)

    def cancel(self, payment: Payment, reason: str, party: str | None = None, *, notify: bool = True) -> None:
        payment.status, payment.hold_until = "canceled", None
        party = party or PARTIES.get(reason, "payment_network")
        payment.cancellation = {"party": party, "reason": reason}
        self._changed(payment, notify=notify)

    def _require(self, payment: Payment, *states: str) -> None:
        if payment.status not in states:
            raise WrongState(f"the payment is {payment.status}")

    def add_receipt(self, kind: str, content: dict[str, Any], shop_id: str, **of: str | None) -> Receipt:
        now, number = self.clock.now(), self.books.next_number()
        receipt = Receipt(
            id=f"rt-{self.books.new_id('000f', now, test=False)}",
            number=number,
            shop_id=shop_id,
            type=kind,
            payment_id=of.get("payment_id"),
            refund_id=of.get("refund_id"),
            content=content,
            created_at=now,
            settles_at=now + self.knobs.receipt_after,
        )
        self.books.receipts[receipt.id] = receipt
        self.later(now + self.knobs.receipt_after, receipt.id)
        return receipt

    def _changed(self, payment: Payment, *, notify: bool = True) -> None:
        self.hub.publish(
            "yookassa.payment",
            payment_id=payment.id,
            status=payment.status,
            amount=money(payment.amount, payment.currency),
            metadata=payment.metadata or {},
        )
        if payment.status != "pending":
            shop = self.books.shops[payment.shop_id]
            self.notifier.tell(f"payment.{payment.status}", self.show(payment), shop, notify=notify)

    def later(self, moment: float, object_id: str) -> None:
        """Look at an object again at this moment of the clock."""
        heapq.heappush(self._due, (moment, object_id))

    def forget_due(self) -> None:
        self._due = []

    def due(self) -> list[str]:
        """Give, and forget, the objects whose moment has come."""
        now, found = self.clock.now(), []
        while self._due and self._due[0][0] <= now:
            found.append(heapq.heappop(self._due)[1])
        return found

    def review_payment(self, payment: Payment) -> None:
        """Do what time does to a payment."""
        now = self.clock.now()
        if payment.status == "pending" and payment.settles_at is not None and payment.settles_at <= now:
            payment.settles_at = None
            if self.notifier.happens(self.knobs.autopay_decline):
                return self.decline(payment, self.notifier.dice.choice(REASONS))
            if ways := ways_to_pay(payment, self.books.shops[payment.shop_id]):
                return self.pay(payment, self.notifier.dice.choice(ways))
        window_ends = payment.closes_at if payment.status == "pending" else payment.hold_until
        if window_ends is not None and window_ends <= now:
            self.expire(payment)


def ways_to_pay(payment: Payment, shop: Shop) -> list[str]:
    """Give the methods a payer may use: the one the shop chose, else those fit for the sum and for a hold."""
    chosen = (payment.method or {}).get("type")
    kinds = [chosen] if chosen is not None else shop.payment_methods
    return [kind for kind in kinds if (payment.capture or kind in HOLD_DAYS) and fits(payment.amount, kind)]


def fits(kopecks: int, kind: str) -> bool:
    try:
        check_limits(kopecks, kind)
    except ApiError:
        return False
    return True
