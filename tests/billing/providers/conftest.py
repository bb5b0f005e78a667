"""Every kind of provider with the stand-in behind it, for the cases all of them must pass."""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import pytest

from billing import providers
from billing.providers.base import Asked, Credentials, PaymentReport
from tests.world import PaymentWorld


def asked(key: str | None = None, **fields: Any) -> Asked:
    """A month for 299 roubles."""
    usual: dict[str, Any] = {
        "order_id": 42,
        "amount": Decimal("299.00"),
        "currency": "RUB",
        "description": "VPN, 30 дней",
        "return_url": "https://t.me/shop_bot?start=order_42",
        "language": "ru",
    }
    return Asked(key=key or str(uuid.uuid4()), **(usual | fields))


@dataclass
class Case:
    """One kind of provider: how to reach it, the names of its calls at the stand-in, its odd answers.

    `essential`: without one of these paths an answer says nothing. `busy`: the body of its 429, and what
    it means in seconds.
    """

    kind: str
    world: PaymentWorld
    create: str
    read: str
    refund: str
    essential: tuple[str, ...]
    busy: tuple[dict[str, Any], float]
    made: list[Any] = field(default_factory=list)

    def connect(self, *, read_seconds: float = 5, **credentials: Any) -> Any:
        keys = {"remote_account": self.world.shop_id, "secret": self.world.secret_key, "is_test": True}
        self.made.append(
            providers.connect(self.kind, Credentials(**(keys | credentials)), read_seconds=read_seconds)
        )
        return self.made[-1]

    def start(self, provider: Any, **fields: Any) -> PaymentReport:
        """Create a payment as we ask for it."""
        wish = asked(**fields)
        report: PaymentReport = provider.create(wish.key, provider.compose(wish))
        return report

    def object(self, remote_id: str) -> dict[str, Any]:
        """Return the payment as the provider shows it."""
        return next(row for row in self.world.payments() if row["id"] == remote_id)

    def answer(self, call: str, body: Any, status: int = 200) -> None:
        """Let the next such call be answered with this."""
        self.world.fail(call, "error", times=1, status=status, body=body)


@pytest.fixture(params=["yookassa"])
def case(request: pytest.FixtureRequest, settings: Any) -> Iterator[Case]:
    made: Case = request.getfixturevalue(f"{request.param}_case")
    yield made
    for provider in made.made:
        provider.close()


@pytest.fixture
def yookassa_case(yookassa: PaymentWorld, settings: Any) -> Case:
    settings.YOOKASSA_API_URL = yookassa.api_url
    return Case(
        kind="yookassa",
        world=yookassa,
        create="POST /v3/payments",
        read="GET /v3/payments/*",
        refund="POST /v3/refunds",
        essential=("id", "status", "amount", "amount.value", "amount.currency", "test"),
        busy=({"type": "error", "code": "too_many_requests", "retry_after": 2500}, 2.5),
    )
