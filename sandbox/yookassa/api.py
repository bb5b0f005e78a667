"""The API's calls under /v3: who asks, what for, and the answer."""

from __future__ import annotations

import base64
import binascii
import hmac
import json
import logging
from collections.abc import Callable
from typing import Any

from aiohttp import web

from sandbox.faults import Handler, Rule
from sandbox.yookassa.cashier import Cashier
from sandbox.yookassa.errors import ApiError, invalid
from sandbox.yookassa.keys import answer_once, json_answer
from sandbox.yookassa.listing import page_of, wanted_payment, wanted_receipt, wanted_refund
from sandbox.yookassa.reading import Fields, read_payment, read_refund
from sandbox.yookassa.receipts import check_content
from sandbox.yookassa.refunds import RefundDesk
from sandbox.yookassa.shapes import me_json, method_json, receipt_json, refund_json
from sandbox.yookassa.state import Payment, Refund, Shop

PREFIX = "/v3"
LIST_FILTER = ("payment_id", "refund_id")

logger = logging.getLogger(__name__)


class Api:
    """Handlers of the provider's calls."""

    def __init__(self, cashier: Cashier, refunds: RefundDesk) -> None:
        self.cashier, self.refunds, self.books = cashier, refunds, cashier.books

    def add_to(self, router: web.UrlDispatcher) -> None:
        for path, take, give in (
            ("/payments", self.create_payment, self.list_payments),
            ("/refunds", self.create_refund, self.list_refunds),
            ("/receipts", self.create_receipt, self.list_receipts),
        ):
            router.add_post(PREFIX + path, take)
            router.add_get(PREFIX + path, give, allow_head=False)
        router.add_post(f"{PREFIX}/payments/{{id}}/capture", self.capture)
        router.add_post(f"{PREFIX}/payments/{{id}}/cancel", self.cancel)
        for path, handler in (
            ("/payments/{id}", self.payment),
            ("/refunds/{id}", self.refund),
            ("/receipts/{id}", self.receipt),
            ("/payment_methods/{id}", self.payment_method),
            ("/me", self.me),
        ):
            router.add_get(PREFIX + path, handler, allow_head=False)
        router.add_route("*", f"{PREFIX}/webhooks", self.webhooks)

    def shop(self, request: web.Request) -> Shop:
        """Give the shop whose key the call carries. Raises ApiError (401)."""
        scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
        try:
            shop_id, _, key = base64.b64decode(secret, validate=True).decode().partition(":")
        except (binascii.Error, ValueError) as error:
            raise ApiError(401) from error
        shop = self.books.shops.get(shop_id)
        if scheme.lower() != "basic" or shop is None:
            raise ApiError(401)
        if not hmac.compare_digest(key.encode(), shop.secret_key.encode()):
            raise ApiError(401)
        return shop

    def open_shop(self, request: web.Request) -> Shop:
        shop = self.shop(request)
        if shop.status != "enabled":
            raise ApiError(403, "The shop cannot take payments")
        return shop

    async def create_payment(self, request: web.Request) -> web.Response:
        shop = self.open_shop(request)

        async def work(key: str) -> dict[str, Any]:
            payment = self.cashier.create(read_payment(await fields_of(request), shop), shop, key)
            shown = self.cashier.show(payment)
            if self.cashier.knobs.notify_first:
                self.refunds.catch_up()
                await self.cashier.notifier.first_tries(payment.id)
            return shown

        return await answer_once(request, shop, self.books, self.cashier.clock, work)

    def _payment(self, request: web.Request, shop: Shop) -> Payment:
        payment = self.books.payments.get(request.match_info["id"])
        if payment is None or payment.shop_id != shop.shop_id:
            raise ApiError(404, "The payment is not found")
        return payment

    async def payment(self, request: web.Request) -> web.Response:
        return shown_as(self.cashier.show(self._payment(request, self.shop(request))))

    async def list_payments(self, request: web.Request) -> web.Response:
        shop, query = self.shop(request), request.query
        page = page_of(
            self.books.payments,
            query,
            self.cashier.clock.now(),
            lambda row: row.shop_id == shop.shop_id and wanted_payment(row, query),
            self.cashier.show,
        )
        return shown_as(page)

    async def capture(self, request: web.Request) -> web.Response:
        return await self._second_stage(request, self.cashier.capture)

    async def cancel(self, request: web.Request) -> web.Response:
        return await self._second_stage(request, lambda payment, fields: self.cashier.cancel_hold(payment))

    async def _second_stage(
        self, request: web.Request, act: Callable[[Payment, Fields], None]
    ) -> web.Response:
        shop = self.open_shop(request)

        async def work(key: str) -> dict[str, Any]:
            payment = self._payment(request, shop)
            act(payment, await fields_of(request))
            return self.cashier.show(payment)

        return await answer_once(request, shop, self.books, self.cashier.clock, work)

    async def create_refund(self, request: web.Request) -> web.Response:
        shop = self.open_shop(request)

        async def work(key: str) -> dict[str, Any]:
            return refund_json(self.refunds.create(read_refund(await fields_of(request), shop), shop, key))

        return await answer_once(request, shop, self.books, self.cashier.clock, work)

    async def refund(self, request: web.Request) -> web.Response:
        shop, refund = self.shop(request), self.books.refunds.get(request.match_info["id"])
        if refund is None or refund.shop_id != shop.shop_id:
            raise ApiError(404, "The refund is not found")
        return shown_as(refund_json(refund))

    async def list_refunds(self, request: web.Request) -> web.Response:
        shop, query = self.shop(request), request.query
        page = page_of(
            self.books.refunds,
            query,
            self.cashier.clock.now(),
            lambda row: row.shop_id == shop.shop_id and wanted_refund(row, query),
            refund_json,
        )
        return shown_as(page)

    async def create_receipt(self, request: web.Request) -> web.Response:
        shop = self.open_shop(request)

        async def work(key: str) -> dict[str, Any]:
            fields = await fields_of(request)
            check_content(fields, "")
            kind = fields.get("type")
            if kind not in ("payment", "refund"):
                raise invalid("payment or refund is expected", "type")
            owner_id = str(fields.get(f"{kind}_id"))
            owner: Payment | Refund | None = self.books.refunds.get(owner_id)
            if kind == "payment":
                owner = self.books.payments.get(owner_id)
            if owner is None or owner.shop_id != shop.shop_id:
                raise invalid("The object is not found", f"{kind}_id")
            of = {f"{kind}_id": owner.id}
            return receipt_json(self.cashier.add_receipt(str(kind), fields, shop.shop_id, **of))

        return await answer_once(request, shop, self.books, self.cashier.clock, work)

    async def receipt(self, request: web.Request) -> web.Response:
        shop, receipt = self.shop(request), self.books.receipts.get(request.match_info["id"])
        if receipt is None or receipt.shop_id != shop.shop_id:
            raise ApiError(404, "The receipt is not found")
        return shown_as(receipt_json(receipt))

    async def list_receipts(self, request: web.Request) -> web.Response:
        shop, query = self.shop(request), request.query
        if all(name in query for name in LIST_FILTER):
            raise invalid("payment_id and refund_id exclude each other", "refund_id")
        page = page_of(
            self.books.receipts,
            query,
            self.cashier.clock.now(),
            lambda row: row.shop_id == shop.shop_id and wanted_receipt(row, query),
            receipt_json,
        )
        return shown_as(page)

    async def payment_method(self, request: web.Request) -> web.Response:
        shop, method = self.shop(request), self.books.methods.get(request.match_info["id"])
        if method is None or method.shop_id != shop.shop_id:
            raise ApiError(404, "The payment method is not found")
        return shown_as(method_json(method, shop))

    async def me(self, request: web.Request) -> web.Response:
        return shown_as(me_json(self.shop(request)))

    async def webhooks(self, request: web.Request) -> web.Response:
        self.shop(request)
        raise ApiError(403, "Only partners set webhooks by API; a shop sets its address in the cabinet")


async def fields_of(request: web.Request) -> Fields:
    """Give the call's JSON object, {} for no body. Raises ApiError (400)."""
    raw = await request.read()
    if not raw:
        return {}
    try:
        fields = json.loads(raw)
    except ValueError as error:
        raise ApiError(400, "The body is not JSON") from error
    if not isinstance(fields, dict):
        raise ApiError(400, "A JSON object is expected")
    return fields


def shown_as(what: dict[str, Any], status: int = 200) -> web.Response:
    return json_answer(json.dumps(what, ensure_ascii=False), status)


def shaped(rule: Rule) -> web.Response:
    """Shape a planned fault as the API would; its retry_after counts milliseconds."""
    if rule.body is not None:
        text = rule.body if isinstance(rule.body, str) else json.dumps(rule.body)
        return json_answer(text, rule.status or 500)
    wait = None if rule.retry_after is None else round(rule.retry_after * 1000)
    status = 429 if rule.kind == "rate_limit" else rule.status or 500
    return shown_as(ApiError(status, rule.description, retry_after_ms=wait).body(), status)


def api_middleware(catch_up: Callable[[], None]) -> Any:
    """Give the middleware that answers like the API, after time has done its work."""

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        catch_up()
        if not request.path.startswith(f"{PREFIX}/"):
            return await handler(request)
        if request.method == "POST" and request.body_exists and request.content_type != "application/json":
            return web.Response(status=415)
        try:
            return await handler(request)
        except ApiError as error:
            return shown_as(error.body(), error.status)
        except web.HTTPMethodNotAllowed as error:
            return web.Response(status=405, headers={"Allow": ", ".join(sorted(error.allowed_methods))})
        except web.HTTPNotFound:
            return shown_as(ApiError(404).body(), 404)
        except Exception:
            logger.exception("The YooKassa stand-in failed on %s %s", request.method, request.path)
            return shown_as(ApiError(500).body(), 500)

    return middleware
