"""Payments that somebody else makes at the same provider."""

from tests.world import PaymentWorld


def make_foreign(
    yookassa: PaymentWorld, *, shop_id: str = "", secret: str = "", key: str = "", amount: str = "50.00"
) -> str:
    """Return the id of a paid payment that another site made; `key` is put on it as if it were ours."""
    body = {
        "amount": {"value": amount, "currency": "RUB"},
        "capture": True,
        "confirmation": {"type": "redirect", "return_url": "https://shop.example.com"},
        "metadata": {"payment_key": key} if key else {"cart": "7"},
    }
    made = yookassa.http.post(
        f"{yookassa.api_url}/payments",
        json=body,
        auth=(shop_id or yookassa.shop_id, secret or yookassa.secret_key),
        headers={"Idempotence-Key": "another site"},
        timeout=10,
    )
    assert made.ok, made.text
    remote_id: str = made.json()["id"]
    yookassa.pay(remote_id, notify=False)
    return remote_id
