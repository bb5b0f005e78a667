"""The provider's documented bodies, replayed: what the stand-in says has the same fields and types."""

from typing import Any

import pytest
from yookassa.domain.notification import WebhookNotificationFactory

from tests.sandbox.yookassa.shop import SAMPLES, order, receipt, sample

NOTIFICATIONS = [path.stem for path in sorted(SAMPLES.glob("*.json")) if "object" in sample(path.stem)]


def shape(value: Any) -> Any:
    """Return the names and types of everything inside; metadata is the shop's own."""
    if isinstance(value, dict):
        return {name: shape(inner) for name, inner in value.items() if name != "metadata"}
    return type(value).__name__


def wish(told: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Return the fields with which a shop would have come to this payment."""
    same = {name: told[name] for name in ("amount", "description", "metadata") if name in told}
    return order(**same, **more)


def made(shop, told, **more):
    return shop.shown(shop.post("/payments", wish(told, **more)))["id"]


def paid_by_card(shop, told):
    return shop.world.pay(made(shop, told, save_payment_method=True, receipt=receipt()))


def paid_by_sbp(shop, told):
    return shop.world.pay(made(shop, told), method="sbp")


def expired(shop, told):
    return shop.world.expire(made(shop, told, payment_method_data={"type": "bank_card"}))


def held_on_card(shop, told):
    return shop.world.pay(made(shop, told, capture=False), method="bank_card")


def held_in_wallet(shop, told):
    return shop.world.pay(made(shop, told, capture=False), method="yoo_money")


SCENES = {
    "payment.succeeded.card": paid_by_card,
    "payment.succeeded.sbp": paid_by_sbp,
    "payment.canceled.expired": expired,
    "payment.waiting_for_capture.card": held_on_card,
    "payment.waiting_for_capture.wallet": held_in_wallet,
}


@pytest.mark.parametrize("name", SCENES)
def test_a_payment_is_told_of_as_documented(shop, told, name):
    documented = sample(name)
    SCENES[name](shop, documented["object"])
    (body,) = told.wait(1)
    if name == "payment.waiting_for_capture.card":
        assert set(body["object"].pop("authorization_details")) == {"rrn", "auth_code", "three_d_secure"}
    assert shape(body) == shape(documented)
    for field in ("status", "amount", "income_amount", "paid", "refundable", "cancellation_details"):
        assert body["object"].get(field) == documented["object"].get(field)


def test_a_withdrawn_consent_is_told_of_as_documented(shop, told):
    documented = sample("payment.canceled.revoked")
    method = shop.world.pay(made(shop, documented["object"], save_payment_method=True), method="yoo_money")[
        "id"
    ]
    told.wait(1)
    shop.world.emu("POST", "method", method_id=method, status="inactive")
    charge = {"payment_method_id": method, "confirmation": None}
    shop.shown(shop.post("/payments", wish(documented["object"], **charge)))
    body = told.wait(2)[-1]
    extra = {"account_number": "str", "status": "str"}
    assert shape(body)["object"]["payment_method"] == shape(documented)["object"]["payment_method"] | extra
    assert body["object"]["cancellation_details"] == documented["object"]["cancellation_details"]
    assert body["object"]["payment_method"]["id"] == method != body["object"]["id"]


def test_refunds_are_told_of_as_documented(shop, told):
    part, rest = sample("refund.succeeded.part"), sample("refund.succeeded.rest")
    payment = shop.paid()["id"]
    told.wait(1)
    for count, (documented, more) in enumerate([(part, {"receipt": receipt("100.00")}), (rest, {})], start=2):
        fields = {name: documented["object"][name] for name in ("amount", "description")}
        fields |= (
            {"metadata": documented["object"].get("metadata")} if "metadata" in documented["object"] else {}
        )
        shop.shown(shop.post("/refunds", {"payment_id": payment, **fields, **more}))
        body = told.wait(count)[-1]
        assert shape(body) == shape(documented)
        assert body["object"]["amount"] == documented["object"]["amount"]


def test_a_pending_payment_is_shown_as_documented(shop):
    documented = sample("payment.pending")
    shown = shop.shown(shop.post("/payments", wish(documented, payment_method_data={"type": "bank_card"})))
    assert shape(shown) == shape(documented)
    assert {name: len(shown[name]) for name in ("id", "created_at")} == {"id": 36, "created_at": 24}


def test_an_error_is_shown_as_documented(shop):
    shop.post("/payments", order(), key="k")
    shown = shop.post("/payments", order("1.00"), key="k").json()
    documented = sample("error.key_duplicated")
    assert shape(shown) | {"retry_after": "int"} == shape(documented)
    assert {**documented, "id": "", "retry_after": 0} == {**shown, "id": "", "retry_after": 0}


@pytest.mark.parametrize("name", NOTIFICATIONS)
def test_the_official_package_reads_the_documented_bodies(name):
    documented = sample(name)
    read = WebhookNotificationFactory().create(documented)
    assert (read.event, read.object.id) == (documented["event"], documented["object"]["id"])
