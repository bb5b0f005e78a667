"""Control calls of this stand-in: payers, the merchant's cabinet, the provider's own books, its knobs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, fields
from typing import Any

from aiohttp import web

from sandbox.control import bad_request, json_body
from sandbox.yookassa.cashier import Cashier, WrongState
from sandbox.yookassa.errors import ApiError
from sandbox.yookassa.reading import read_amount
from sandbox.yookassa.refunds import RefundDesk
from sandbox.yookassa.shapes import method_json, money, payment_json, refund_json
from sandbox.yookassa.state import METHODS, SHOP_ID, Payment, Refund, Shop


def conflict(reason: str) -> web.HTTPConflict:
    return web.HTTPConflict(text=json.dumps({"error": reason}), content_type="application/json")


def missing(reason: str) -> web.HTTPNotFound:
    return web.HTTPNotFound(text=json.dumps({"error": reason}), content_type="application/json")


class YooKassaControl:
    """Handlers. They act on the books directly, so that faults and outages never touch them."""

    def __init__(self, cashier: Cashier, refunds: RefundDesk) -> None:
        self.cashier, self.refunds, self.books = cashier, refunds, cashier.books
        self.knobs, self.notifier = cashier.knobs, cashier.notifier

    def add_to(self, router: web.UrlDispatcher) -> None:
        for name, handler in (
            ("pay", self.pay),
            ("decline", self.decline),
            ("expire", self.expire),
            ("hold", self.hold),
            ("refund", self.refund),
            ("settle_refund", self.settle_refund),
            ("method", self.method),
            ("settings", self.turn),
            ("shops", self.put_shop),
            ("webhook", self.set_webhook),
            ("redeliver", self.redeliver),
        ):
            router.add_post(f"/_emu/{name}", handler)
        router.add_get("/_emu/settings", self.settings)
        router.add_get("/_emu/shops", self.shops)
        router.add_get("/_emu/payments", self.payments)
        router.add_get("/_emu/books", self.show_books)
        router.add_get("/_emu/deliveries", self.deliveries)

    def _find(self, wish: dict[str, Any]) -> Payment:
        """Give the newest payment with this id, key or metadata; the newest pending one for no name."""
        if (payment_id := wish.get("payment_id")) is not None:
            payment = self.books.payments.get(str(payment_id))
        else:
            key, metadata = wish.get("idempotence_key"), wish.get("metadata") or {}
            named = key is not None or metadata
            newest = reversed(self.books.payments.values())
            payment = next(
                (
                    row
                    for row in newest
                    if (key is None or row.key == key)
                    and metadata.items() <= (row.metadata or {}).items()
                    and (named or row.status == "pending")
                ),
                None,
            )
        if payment is None:
            raise missing("there is no such payment")
        return payment

    def _shown(self, payment: Payment) -> web.Response:
        return web.json_response(self.cashier.show(payment))

    async def pay(self, request: web.Request) -> web.Response:
        """Pay as a customer: {"payment_id", "method"?, "save"?, "notify"?}; 409 unless it is pending."""
        wish = await json_body(request)
        payment = self._find(wish)
        with refusals():
            self.cashier.pay(
                payment, wish.get("method"), save=wish.get("save"), notify=wish.get("notify", True)
            )
        return self._shown(payment)

    async def decline(self, request: web.Request) -> web.Response:
        """Let the bank refuse: {"payment_id", "reason"?, "party"?, "notify"?}."""
        wish = await json_body(request)
        payment, reason = self._find(wish), wish.get("reason", "general_decline")
        with refusals():
            self.cashier.decline(payment, reason, wish.get("party"), notify=wish.get("notify", True))
        return self._shown(payment)

    async def expire(self, request: web.Request) -> web.Response:
        """Let the window of one payment end now: {"payment_id", "notify"?}."""
        wish = await json_body(request)
        payment = self._find(wish)
        with refusals():
            self.cashier.expire(payment, notify=wish.get("notify", True))
        return self._shown(payment)

    async def hold(self, request: web.Request) -> web.Response:
        """Pay, but leave the payment waiting for capture: {"payment_id", "method"?, "notify"?}."""
        wish = await json_body(request)
        payment = self._find(wish)
        with refusals():
            self.cashier.hold(payment, wish.get("method"), notify=wish.get("notify", True))
        return self._shown(payment)

    async def refund(self, request: web.Request) -> web.Response:
        """Refund in the merchant's cabinet, past the API: {"payment_id", "amount"?: "10.00"}."""
        wish = await json_body(request)
        payment = self._find(wish)
        amount = {"amount": {"value": wish["amount"], "currency": "RUB"}} if wish.get("amount") else None
        with refusals():
            kopecks = payment.refundable if amount is None else read_amount(amount)
            order = {"payment_id": payment.id, "amount": kopecks, "description": wish.get("description")}
            shop = self.books.shops[payment.shop_id]
            made = self.refunds.create(order, shop, None, external=True)
        return web.json_response(refund_json(made))

    async def settle_refund(self, request: web.Request) -> web.Response:
        """Decide a pending refund: {"refund_id", "status": "succeeded" or "canceled", "reason"?}."""
        wish = await json_body(request)
        refund = self.books.refunds.get(str(wish.get("refund_id")))
        if refund is None:
            raise missing("there is no such refund")
        if wish.get("status") not in ("succeeded", "canceled"):
            raise bad_request("status must be succeeded or canceled")
        with refusals():
            self.refunds.settle(refund, wish["status"], wish.get("reason", "insufficient_funds"))
        return web.json_response(refund_json(refund))

    async def method(self, request: web.Request) -> web.Response:
        """Change a saved method: {"method_id", "status"?: "active"|"inactive", "next_decline"?: reason}."""
        wish = await json_body(request)
        method = self.books.methods.get(str(wish.get("method_id")))
        if method is None:
            raise missing("there is no such saved method")
        if wish.get("status", "active") not in ("active", "inactive"):
            raise bad_request("status must be active or inactive")
        method.status = wish.get("status", method.status)
        method.next_decline = wish.get("next_decline", method.next_decline)
        self.cashier.hub.touch()
        return web.json_response(method_json(method, self.books.shops[method.shop_id]))

    async def settings(self, request: web.Request) -> web.Response:
        return web.json_response(self.knobs.dump())

    async def turn(self, request: web.Request) -> web.Response:
        try:
            self.knobs.turn(await json_body(request))
        except ValueError as error:
            raise bad_request(str(error)) from error
        self.cashier.hub.touch()
        return web.json_response(self.knobs.dump())

    async def shops(self, request: web.Request) -> web.Response:
        return web.json_response([asdict(shop) for shop in self.books.shops.values()])

    async def put_shop(self, request: web.Request) -> web.Response:
        """Add a shop, or change what is named of one: {"shop_id", "secret_key"?, "test"?, ...}."""
        wish = await json_body(request)
        unknown = set(wish) - {each.name for each in fields(Shop)}
        if unknown:
            raise bad_request(f"unknown field {sorted(unknown)[0]!r}")
        shop = self.books.shops.get(wish.get("shop_id", SHOP_ID))
        try:
            known = asdict(shop) if shop is not None else {}
            changed = Shop(**{**known, **wish})
        except TypeError as error:
            raise bad_request("a new shop needs shop_id and secret_key") from error
        if not set(changed.payment_methods) <= set(METHODS):
            raise bad_request(f"payment_methods may be {', '.join(METHODS)}")
        self.books.shops[changed.shop_id] = changed
        self.cashier.hub.touch()
        return web.json_response(asdict(changed))

    async def set_webhook(self, request: web.Request) -> web.Response:
        """Say where notifications go: {"url", "speedup"?}; an empty address sends none."""
        wish = await json_body(request)
        try:
            self.knobs.turn({"speedup": wish.get("speedup", self.knobs.speedup)})
        except ValueError as error:
            raise bad_request(str(error)) from error
        self.notifier.url = str(wish.get("url", ""))
        self.cashier.hub.touch()
        return web.json_response({"url": self.notifier.url, "speedup": self.knobs.speedup})

    async def redeliver(self, request: web.Request) -> web.Response:
        """Send a notification once more: {"event", "payment_id" or "refund_id"}."""
        wish = await json_body(request)
        event, object_id = str(wish.get("event")), wish.get("payment_id") or wish.get("refund_id")
        sent = self.notifier.again(event, str(object_id))
        if sent is None:
            raise missing("nothing like that was ever told")
        return web.json_response(sent.shown())

    async def deliveries(self, request: web.Request) -> web.Response:
        return web.json_response([each.shown() for each in self.notifier.deliveries.values()])

    async def payments(self, request: web.Request) -> web.Response:
        return web.json_response([self.cashier.show(row) for row in self.books.payments.values()])

    async def show_books(self, request: web.Request) -> web.Response:
        """Give what really happened, however the API answered."""
        payments, refunds = self.books.payments.values(), self.books.refunds.values()
        paid = sum(row.captured for row in payments)
        returned = sum(row.refunded for row in payments)
        held = sum(row.amount for row in payments if row.status == "waiting_for_capture")
        totals = {"paid": paid, "refunded": returned, "held": held, "left": paid - returned}
        statuses = [row.status for row in payments]
        return web.json_response(
            {
                "payments": [self._booked(row) for row in payments],
                "refunds": [booked_refund(row) for row in refunds],
                "totals": {name: money(value, "RUB") for name, value in totals.items()},
                "counts": {status: statuses.count(status) for status in sorted(set(statuses))},
            }
        )

    def _booked(self, payment: Payment) -> dict[str, Any]:
        shop = self.books.shops[payment.shop_id]
        shown = payment_json(payment, shop, self.cashier.base)
        names = ("id", "status", "created_at", "captured_at", "test", "amount", "cancellation_details")
        return {name: shown.get(name) for name in names} | {
            "value": shown["amount"]["value"],
            "currency": payment.currency,
            "refunded": money(payment.refunded, payment.currency)["value"],
            "account_id": payment.shop_id,
            "idempotence_key": payment.key,
            "metadata": payment.metadata or {},
            "method": (payment.method or {}).get("type"),
            "confirmation_url": shown.get("confirmation", {}).get("confirmation_url"),
        }


def booked_refund(refund: Refund) -> dict[str, Any]:
    more = {"account_id": refund.shop_id, "idempotence_key": refund.key, "external": refund.external}
    return refund_json(refund) | more | {"value": money(refund.amount, refund.currency)["value"]}


@contextmanager
def refusals() -> Iterator[None]:
    """Turn what the books refuse into answers of a control call."""
    try:
        yield
    except WrongState as error:
        raise conflict(str(error)) from error
    except ApiError as error:
        raise bad_request(str(error)) from error
