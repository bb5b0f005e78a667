"""Money that goes back: at once or in its own time, asked for by API or in the merchant's cabinet."""

from __future__ import annotations

from typing import Any

from sandbox.yookassa.cashier import DAY_SECONDS, Cashier, WrongState
from sandbox.yookassa.errors import invalid
from sandbox.yookassa.shapes import money, refund_json
from sandbox.yookassa.state import Payment, Receipt, Refund, Shop

WINDOW_SECONDS = 3 * 365 * DAY_SECONDS
REFUND_PARTIES = {"rejected_by_payee": "refund_network", "rejected_by_timeout": "yoo_money"}


class RefundDesk:
    """Works on the cashier's books, and settles whatever is due there."""

    def __init__(self, cashier: Cashier) -> None:
        self.cashier = cashier
        self.books = cashier.books

    def create(self, wish: dict[str, Any], shop: Shop, key: str | None, *, external: bool = False) -> Refund:
        """Give money back, as the knobs say: at once, later, or not. Raises ApiError (400)."""
        payment = self.books.payments.get(wish["payment_id"])
        if payment is None or payment.shop_id != shop.shop_id:
            raise invalid("The payment is not found", "payment_id")
        self._check(payment, wish["amount"])
        now = self.cashier.clock.now()
        refund = Refund(
            id=self.books.new_id("0015", now, test=False),
            number=self.books.next_number(),
            shop_id=shop.shop_id,
            created_at=now,
            key=key,
            external=external,
            **wish,
        )
        self.books.refunds[refund.id] = refund
        payment.refund_reserved += refund.amount
        self._begin(refund)
        return refund

    def _check(self, payment: Payment, kopecks: int) -> None:
        if payment.status != "succeeded":
            raise invalid("Only a succeeded payment can be refunded", "payment_id")
        if kopecks > payment.refundable:
            raise invalid("More than is left of the payment", "amount.value")
        if self.cashier.clock.now() - (payment.captured_at or 0) > WINDOW_SECONDS:
            raise invalid("The payment is too old to be refunded", "payment_id")

    def _begin(self, refund: Refund) -> None:
        knobs = self.cashier.knobs
        if knobs.refund == "pending" and not refund.external:
            if knobs.refund_after is not None:
                refund.settles_at = refund.created_at + knobs.refund_after
                self.cashier.later(refund.settles_at, refund.id)
            return self._changed(refund)
        status = "succeeded" if refund.external else knobs.refund
        self.settle(refund, status, knobs.refund_reason)

    def settle(self, refund: Refund, status: str, reason: str = "insufficient_funds") -> None:
        """Decide a pending refund for good. Raises WrongState if it is decided already."""
        if refund.status != "pending":
            raise WrongState(f"the refund is {refund.status}")
        payment = self.books.payments[refund.payment_id]
        payment.refund_reserved -= refund.amount
        refund.status = status
        if status == "succeeded":
            payment.refunded += refund.amount
            if refund.receipt is not None:
                refund.receipt_registration = "pending"
                self.cashier.add_receipt("refund", refund.receipt, refund.shop_id, refund_id=refund.id)
        else:
            refund.cancellation = {"party": REFUND_PARTIES.get(reason, "yoo_money"), "reason": reason}
        self._changed(refund)

    def _changed(self, refund: Refund) -> None:
        amount = money(refund.amount, refund.currency)
        self.cashier.hub.publish(
            "yookassa.refund",
            refund_id=refund.id,
            payment_id=refund.payment_id,
            status=refund.status,
            amount=amount,
        )
        # There is no event for a refund that failed or waits: the shop has to ask.
        if refund.status == "succeeded":
            shop = self.books.shops[refund.shop_id]
            self.cashier.notifier.tell("refund.succeeded", refund_json(refund), shop)

    def catch_up(self) -> None:
        """Do everything time has brought about: windows that ended, refunds and receipts that are decided."""
        for object_id in self.cashier.due():
            if (payment := self.books.payments.get(object_id)) is not None:
                self.cashier.review_payment(payment)
            elif (refund := self.books.refunds.get(object_id)) is not None and refund.status == "pending":
                self.settle(refund, "succeeded")
            elif (receipt := self.books.receipts.get(object_id)) is not None:
                self._settle_receipt(receipt)

    def _settle_receipt(self, receipt: Receipt) -> None:
        if receipt.status != "pending" or self.cashier.knobs.receipt == "pending":
            return
        receipt.status = self.cashier.knobs.receipt
        for owner in (
            self.books.payments.get(receipt.payment_id or ""),
            self.books.refunds.get(receipt.refund_id or ""),
        ):
            if owner is not None and owner.receipt is not None:
                owner.receipt_registration = receipt.status
        self.cashier.hub.touch()

    def remember_due(self) -> None:
        """Find again, in loaded books, what time will do."""
        self.cashier.forget_due()
        for payment in self.books.payments.values():
            # A charge of a saved method waits for the provider, not for a payer: its window never ends.
            if payment.status == "pending" and payment.confirmation is not None:
                self.cashier.later(payment.closes_at, payment.id)
            for moment in (payment.settles_at, payment.hold_until):
                if moment is not None:
                    self.cashier.later(moment, payment.id)
        waiting: list[Refund | Receipt] = [*self.books.refunds.values(), *self.books.receipts.values()]
        for row in waiting:
            if row.status == "pending" and row.settles_at is not None:
                self.cashier.later(row.settles_at, row.id)
