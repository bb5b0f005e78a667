"""Lists: newest first, a page at a time, with the API's filters."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Protocol, TypeVar

from sandbox.yookassa.errors import invalid
from sandbox.yookassa.state import Payment, Receipt, Refund

USUAL_LIMIT, MOST = 10, 100
YEARS_SECONDS = 3 * 365 * 86_400
COMPARE: dict[str, Callable[[float, float], bool]] = {
    "gte": operator.ge,
    "gt": operator.gt,
    "lte": operator.le,
    "lt": operator.lt,
}


class Numbered(Protocol):
    id: str
    number: int
    created_at: float


Row = TypeVar("Row", bound=Numbered)


def read_moment(value: str, parameter: str) -> float:
    """Give Unix seconds of an ISO 8601 moment, taken for UTC if it has no zone. Raises ApiError (400)."""
    try:
        read = datetime.fromisoformat(value)
    except ValueError as error:
        raise invalid("A moment in ISO 8601 is expected", parameter) from error
    return (read if read.tzinfo else read.replace(tzinfo=UTC)).timestamp()


def in_time(moment: float | None, query: Mapping[str, str], field: str) -> bool:
    for name, holds in COMPARE.items():
        parameter = f"{field}.{name}"
        if parameter not in query:
            continue
        # The API shows milliseconds, and compares what it shows.
        wanted = round(read_moment(query[parameter], parameter) * 1000)
        if moment is None or not holds(int(moment * 1000), wanted):
            return False
    return True


def wanted_payment(payment: Payment, query: Mapping[str, str]) -> bool:
    kind = (payment.method or {}).get("type")
    return (
        in_time(payment.created_at, query, "created_at")
        and in_time(payment.captured_at, query, "captured_at")
        and query.get("status", payment.status) == payment.status
        and query.get("payment_method", kind) == kind
    )


def wanted_refund(refund: Refund, query: Mapping[str, str]) -> bool:
    return (
        in_time(refund.created_at, query, "created_at")
        and query.get("status", refund.status) == refund.status
        and query.get("payment_id", refund.payment_id) == refund.payment_id
    )


def wanted_receipt(receipt: Receipt, query: Mapping[str, str]) -> bool:
    return (
        in_time(receipt.created_at, query, "created_at")
        and query.get("status", receipt.status) == receipt.status
        and query.get("payment_id", receipt.payment_id) == receipt.payment_id
        and query.get("refund_id", receipt.refund_id) == receipt.refund_id
    )


def page_of(
    rows: Mapping[str, Row],
    query: Mapping[str, str],
    now: float,
    wanted: Callable[[Row], bool],
    show: Callable[[Row], dict[str, Any]],
) -> dict[str, Any]:
    """Give one page of the rows that are wanted, and the cursor of the next. Raises ApiError (400)."""
    limit, after = read_limit(query), read_cursor(rows, query)
    found: list[Row] = []
    for row in newest_first(rows.values()):
        if row.number < after and now - row.created_at < YEARS_SECONDS and wanted(row):
            found.append(row)
            if len(found) > limit:
                break
    shown: dict[str, Any] = {"type": "list", "items": [show(row) for row in found[:limit]]}
    if len(found) > limit:
        shown["next_cursor"] = found[limit - 1].id
    return shown


def newest_first(rows: Iterable[Row]) -> Iterable[Row]:
    return reversed(list(rows))


def read_limit(query: Mapping[str, str]) -> int:
    text = query.get("limit", str(USUAL_LIMIT))
    if not text.isdecimal() or not 1 <= int(text) <= MOST:
        raise invalid(f"A number from 1 to {MOST} is expected", "limit")
    return int(text)


def read_cursor(rows: Mapping[str, Row], query: Mapping[str, str]) -> float:
    """Give the number below which the page begins."""
    cursor = query.get("cursor")
    if cursor is None:
        return float("inf")
    if cursor not in rows:
        raise invalid("The cursor is unknown", "cursor")
    return rows[cursor].number
