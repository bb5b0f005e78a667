"""A shop that calls the API by hand: what it sends is what the test says."""

import json
import uuid
from pathlib import Path
from typing import Any

import requests

from tests.world import PaymentWorld

SAMPLES = Path(__file__).parents[2] / "fixtures" / "yookassa"


def sample(name: str) -> dict[str, Any]:
    """Return one of the provider's documented bodies."""
    body: dict[str, Any] = json.loads((SAMPLES / f"{name}.json").read_text())
    return body


def rub(value: str) -> dict[str, str]:
    return {"value": value, "currency": "RUB"}


def order(value: str = "199.00", **fields: Any) -> dict[str, Any]:
    """Return a create request with everything the API insists on; a field of None is left out."""
    plain = {
        "amount": rub(value),
        "capture": True,
        "confirmation": {"type": "redirect", "return_url": "https://t.me/example_bot"},
        **fields,
    }
    return {name: given for name, given in plain.items() if given is not None}


def receipt(value: str = "199.00") -> dict[str, Any]:
    made = sample("receipt")
    made["items"][0]["amount"]["value"] = value
    return made


class ApiClient:
    """One shop with its key."""

    def __init__(self, world: PaymentWorld, shop_id: str | None = None, secret: str | None = None) -> None:
        self.world = world
        self.http = requests.Session()
        self.http.auth = (shop_id or world.shop_id, secret or world.secret_key)

    def post(self, path: str, body: Any = None, key: str | None = None, **options: Any) -> requests.Response:
        headers = {"Idempotence-Key": key or str(uuid.uuid4())}
        options = {"timeout": 10, **options}
        return self.http.post(self.world.api_url + path, json=body, headers=headers, **options)

    def get(self, path: str, **query: Any) -> requests.Response:
        return self.http.get(self.world.api_url + path, params=query, timeout=10)

    def create(self, value: str = "199.00", **fields: Any) -> dict[str, Any]:
        return self.shown(self.post("/payments", order(value, **fields)))

    def paid(self, value: str = "199.00", method: str = "bank_card", **fields: Any) -> dict[str, Any]:
        """Return a payment a customer has paid."""
        payment: dict[str, Any] = self.world.pay(self.create(value, **fields)["id"], method=method)
        return payment

    def read(self, payment_id: str) -> dict[str, Any]:
        return self.shown(self.get(f"/payments/{payment_id}"))

    def give_back(self, payment_id: str, value: str, **fields: Any) -> requests.Response:
        return self.post("/refunds", {"payment_id": payment_id, "amount": rub(value), **fields})

    @staticmethod
    def shown(answer: requests.Response) -> dict[str, Any]:
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json()
        return body


def refused(answer: requests.Response, status: int = 400) -> tuple[str, str | None]:
    """Return code and parameter of a refusal in the API's shape."""
    assert answer.status_code == status, answer.text
    body = answer.json()
    assert body["type"] == "error" and body["id"] and body["description"]
    return body["code"], body.get("parameter")
