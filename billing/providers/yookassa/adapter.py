"""YooKassa as a provider: what the shop asks of it, in the shop's own values."""

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, TypeVar

from billing.errors import AnswerOdd, ProviderNotFound
from billing.providers.base import (
    READ_SECONDS,
    AccountReport,
    Asked,
    Credentials,
    Hint,
    Page,
    PaymentReport,
    RefundReport,
)
from billing.providers.yookassa import bodies, notices, reading
from billing.providers.yookassa.api import YooKassaApi
from core.errors import OutcomeUnknown

PAGE_SIZE = 100

Report = TypeVar("Report")

log = logging.getLogger(__name__)


class YooKassa:
    """One shop at YooKassa. Fulfils Provider, Refunds and Listing; making one calls nothing."""

    def __init__(self, credentials: Credentials, *, read_seconds: float = READ_SECONDS) -> None:
        self._credentials = credentials
        self._api = YooKassaApi(credentials, read_seconds=read_seconds)

    def check(self) -> AccountReport:
        """Read our own shop: https://yookassa.ru/developers/api#me_object."""
        return reading.account_report(self._api.get("/me"))

    def compose(self, asked: Asked) -> str:
        """Return the body that creates this payment. Raises ValueError for what YooKassa forbids."""
        return bodies.payment_body(asked, self._credentials)

    def create(self, key: str, body: str) -> PaymentReport:
        """Create the payment, or find the one made under this key.

        A repeat may be answered as the first time, however the payment stands by now: read it then.
        """
        return self._done("/payments", key, body, reading.payment_report)

    def read(self, remote_id: str) -> PaymentReport:
        """Return a payment as it is now. Raises ProviderNotFound."""
        return reading.payment_report(self._api.get(f"/payments/{_place(remote_id)}"))

    def capture(self, remote_id: str, key: str) -> PaymentReport:
        """Take all the money that is held. Safe to repeat under the same key."""
        return self._done(f"/payments/{_place(remote_id)}/capture", key, "{}", reading.payment_report)

    def read_notice(self, body: bytes) -> Hint | None:
        """Understand a notice; None if it is about no payment or refund. Raises ValueError for garbage."""
        return notices.read_notice(body)

    def compose_refund(
        self,
        *,
        key: str,
        remote_payment_id: str,
        amount: Decimal,
        currency: str,
        description: str,
        receipt_email: str = "",
        item: str = "",
    ) -> str:
        """Return the body that sends money back, with a receipt of its own where the shop sends receipts."""
        return bodies.refund_body(
            key=key,
            remote_payment_id=remote_payment_id,
            amount=amount,
            currency=currency,
            description=description,
            credentials=self._credentials,
            receipt_email=receipt_email,
            item=item,
        )

    def refund(self, key: str, body: str) -> RefundReport:
        """Send money back, or find the refund made under this key."""
        return self._done("/refunds", key, body, reading.refund_report)

    def read_refund(self, remote_id: str) -> RefundReport:
        """Return a refund as it is now. Raises ProviderNotFound."""
        return reading.refund_report(self._api.get(f"/refunds/{_place(remote_id)}"))

    def list_payments(self, *, since: datetime, cursor: str = "") -> Page:
        """Return payments created since then, newest first, a page at a time."""
        items, following, unread = self._page(
            "/payments", {"created_at.gte": _stamp(since), "cursor": cursor}, reading.payment_report
        )
        return Page(payments=items, cursor=following, unread=unread)

    def list_refunds(
        self, *, since: datetime | None = None, remote_payment_id: str = "", cursor: str = ""
    ) -> Page:
        """Return refunds created since then, or those of one payment, newest first, a page at a time."""
        query = {
            "created_at.gte": _stamp(since) if since else "",
            "payment_id": remote_payment_id,
            "cursor": cursor,
        }
        items, following, unread = self._page("/refunds", query, reading.refund_report)
        return Page(refunds=items, cursor=following, unread=unread)

    def close(self) -> None:
        """Give connections back. The provider can be used again."""
        self._api.close()

    def _done(self, path: str, key: str, body: str, read: Callable[[dict[str, Any]], Report]) -> Report:
        """Send, and understand the answer; one that cannot be understood leaves open what was done."""
        answer = self._api.post(path, key=key, body=body)
        try:
            return read(answer)
        except AnswerOdd as odd:
            raise OutcomeUnknown(f"POST {path}: {odd}") from odd

    def _page(
        self, path: str, query: dict[str, str], read: Callable[[dict[str, Any]], Report]
    ) -> tuple[tuple[Report, ...], str, tuple[str, ...]]:
        """Return a page's objects, the next cursor, and the ids of objects that cannot be understood.

        One odd object must not hide the others.
        """
        wanted = {name: value for name, value in query.items() if value}
        answer = self._api.get(path, limit=PAGE_SIZE, **wanted)
        items, following = answer.get("items"), answer.get("next_cursor") or ""
        if not isinstance(items, list) or not isinstance(following, str):
            raise AnswerOdd(f"GET {path}: not a list")
        found, unread = [], []
        for item in items:
            fields = item if isinstance(item, dict) else {}
            try:
                found.append(read(fields))
            except AnswerOdd as odd:
                unread.append(reading.text(fields.get("id"), 64))
                log.error("YooKassa lists %s %s that cannot be read: %s", path, unread[-1], odd)
        return tuple(found), following, tuple(unread)


def _place(remote_id: str) -> str:
    """Return the id as a part of an address. One that could lead elsewhere is nobody's."""
    if not reading.OBJECT_ID.fullmatch(remote_id):
        raise ProviderNotFound("there is no object with such an id")
    return remote_id


def _stamp(moment: datetime) -> str:
    """Return the moment as the API writes it, in UTC."""
    return f"{moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='milliseconds')}Z"
