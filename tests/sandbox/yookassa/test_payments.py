"""The life of a payment, as the API shows it."""

import pytest
import requests

from tests.sandbox.yookassa.shop import ApiClient, order, refused, rub

HOUR, DAY = 3600, 86_400


def test_a_new_payment_waits_for_its_payer_at_the_pay_page(shop):
    made = shop.create(description="VPN 30 days", metadata={"attempt": "a1"}, merchant_customer_id="7")
    assert (made["status"], made["paid"], made["refundable"], made["test"]) == ("pending", False, False, True)
    assert len(made["id"]) == 36 and made["metadata"] == {"attempt": "a1"}
    assert made["recipient"] == {"account_id": "100500", "gateway_id": "2012345"}
    assert requests.get(made["confirmation"]["confirmation_url"], timeout=5).status_code == 200
    assert shop.read(made["id"]) == made


@pytest.mark.parametrize("method", ["bank_card", "sbp", "sberbank", "tinkoff_bank", "yoo_money"])
def test_a_paid_payment_is_final_and_says_how_it_was_paid(shop, method):
    paid = shop.paid(method=method)
    assert (paid["status"], paid["paid"], paid["refundable"]) == ("succeeded", True, True)
    assert paid["payment_method"]["type"] == method and paid["payment_method"]["saved"] is False
    assert paid["refunded_amount"] == rub("0.00") and "confirmation" not in paid
    assert shop.read(paid["id"]) == paid


@pytest.mark.parametrize(
    ("reason", "party"), [("insufficient_funds", "payment_network"), ("fraud_suspected", "yoo_money")]
)
def test_a_declined_payment_says_who_refused_and_why(shop, reason, party):
    declined = shop.world.decline(shop.create()["id"], reason=reason)
    assert (declined["status"], declined["paid"]) == ("canceled", False)
    assert declined["cancellation_details"] == {"party": party, "reason": reason}


@pytest.mark.parametrize("act", ["pay", "decline", "expire", "hold"])
def test_what_is_final_never_changes(shop, act):
    for payment in (shop.paid(), shop.world.decline(shop.create()["id"])):
        order = {"payment_id": payment["id"]}
        assert requests.post(f"{shop.world.address}/_emu/{act}", json=order, timeout=5).status_code == 409
        assert shop.read(payment["id"]) == payment
    assert len(shop.world.deliveries()) == 2


def test_an_unpaid_payment_is_canceled_when_its_hour_is_over(shop):
    payment = shop.create()
    shop.world.advance(HOUR - 60)
    assert shop.read(payment["id"])["status"] == "pending"
    shop.world.advance(60)
    closed = shop.read(payment["id"])
    assert closed["cancellation_details"] == {"party": "yoo_money", "reason": "expired_on_confirmation"}


def test_held_money_waits_for_capture(shop):
    held = shop.paid(capture=False)
    assert (held["status"], held["paid"], held["refundable"]) == ("waiting_for_capture", True, False)
    assert held["expires_at"] > held["created_at"] and "captured_at" not in held
    captured = shop.shown(shop.post(f"/payments/{held['id']}/capture"))
    assert (captured["status"], captured["amount"]) == ("succeeded", rub("199.00"))
    assert "expires_at" not in captured


def test_a_part_of_what_is_held_may_be_captured(shop):
    held = shop.paid(capture=False)
    assert refused(shop.post(f"/payments/{held['id']}/capture", {"amount": rub("200.00")}))
    captured = shop.shown(shop.post(f"/payments/{held['id']}/capture", {"amount": rub("100.00")}))
    assert (captured["amount"], captured["income_amount"]) == (rub("100.00"), rub("96.50"))


def test_held_money_can_be_let_go(shop):
    held = shop.paid(capture=None)
    canceled = shop.shown(shop.post(f"/payments/{held['id']}/cancel"))
    assert canceled["cancellation_details"] == {"party": "merchant", "reason": "canceled_by_merchant"}


@pytest.mark.parametrize(("method", "days"), [("bank_card", 7), ("sberbank", 5)])
def test_a_hold_ends_by_itself(shop, method, days):
    held = shop.paid(method=method, capture=False)
    shop.world.advance(days * DAY - HOUR)
    assert shop.read(held["id"])["status"] == "waiting_for_capture"
    shop.world.advance(HOUR)
    assert shop.read(held["id"])["cancellation_details"]["reason"] == "expired_on_capture"


@pytest.mark.parametrize("act", ["capture", "cancel"])
def test_only_held_money_is_captured_or_canceled(shop, act):
    for payment in (shop.create(), shop.paid()):
        assert refused(shop.post(f"/payments/{payment['id']}/{act}"))[0] == "invalid_request"
        assert shop.read(payment["id"])["status"] == payment["status"]


def test_a_two_stage_payment_cannot_be_paid_by_sbp(shop):
    payment = shop.create(capture=False)
    answer = requests.post(
        f"{shop.world.address}/_emu/pay", json={"payment_id": payment["id"], "method": "sbp"}, timeout=5
    )
    assert answer.status_code == 400
    assert shop.read(payment["id"])["status"] == "pending"


def test_a_hold_can_be_made_of_a_payment_of_one_stage(shop):
    held = shop.world.hold(shop.create()["id"])
    assert held["status"] == "waiting_for_capture"


def test_another_shops_payment_is_not_found(shop):
    payment = shop.paid()
    shop.world.put_shop(shop_id="200600", secret_key="live_other", test=False)
    other = ApiClient(shop.world, "200600", "live_other")
    assert refused(other.get(f"/payments/{payment['id']}"), 404) == ("not_found", None)
    assert refused(other.give_back(payment["id"], "1.00")) == ("invalid_request", "payment_id")
    assert shop.shown(other.get("/payments"))["items"] == []
    assert other.create()["test"] is False


def test_me_says_what_the_shop_may_do(shop):
    shop.world.put_shop(fiscalization=True, payment_methods=["sbp"])
    me = shop.shown(shop.get("/me"))
    assert (me["account_id"], me["status"], me["test"]) == ("100500", "enabled", True)
    assert me["fiscalization"] == {"enabled": True} and me["payment_methods"] == ["sbp"]


def test_a_disabled_shop_can_read_but_not_sell(shop):
    payment = shop.create()
    shop.world.put_shop(status="disabled")
    assert refused(shop.post("/payments", order()), 403) == ("forbidden", None)
    assert shop.read(payment["id"])["status"] == "pending"
