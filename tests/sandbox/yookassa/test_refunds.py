"""Money that goes back."""

import pytest
import requests

from tests.sandbox.yookassa.shop import receipt, refused, rub

THREE_YEARS = 3 * 365 * 86_400


def test_a_refund_succeeds_at_once_and_leaves_the_payments_status(shop):
    paid = shop.paid()
    made = shop.shown(shop.give_back(paid["id"], "199.00", description="Unused days", metadata={"row": "1"}))
    assert (made["status"], made["amount"], made["payment_id"]) == ("succeeded", rub("199.00"), paid["id"])
    assert len(made["id"]) == 36 and made["metadata"] == {"row": "1"}
    after = shop.read(paid["id"])
    assert (after["status"], after["refunded_amount"], after["refundable"]) == (
        "succeeded",
        rub("199.00"),
        False,
    )
    assert shop.shown(shop.get(f"/refunds/{made['id']}")) == made


def test_parts_add_up_to_the_payment_and_no_further(shop):
    paid = shop.paid()
    shop.shown(shop.give_back(paid["id"], "100.00"))
    assert shop.read(paid["id"])["refundable"] is True
    assert refused(shop.give_back(paid["id"], "99.01")) == ("invalid_request", "amount.value")
    shop.shown(shop.give_back(paid["id"], "99.00"))
    assert refused(shop.give_back(paid["id"], "0.01")) == ("invalid_request", "amount.value")
    assert shop.read(paid["id"])["refunded_amount"] == rub("199.00")


def test_only_a_succeeded_payment_is_refunded(shop):
    pending, held = shop.create(), shop.paid(capture=False)
    declined = shop.world.decline(shop.create()["id"])
    for payment in (pending, held, declined):
        assert refused(shop.give_back(payment["id"], "1.00")) == ("invalid_request", "payment_id")


@pytest.mark.parametrize(
    ("fields", "parameter"),
    [
        ({"payment_id": "short"}, "payment_id"),
        ({"payment_id": "0" * 36}, "payment_id"),
        ({"amount": rub("0.00")}, "amount.value"),
        ({"amount": {"value": "1.00", "currency": "EUR"}}, "amount.currency"),
        ({"description": "a" * 251}, "description"),
        ({"metadata": {"k": 1}}, "metadata.k"),
    ],
)
def test_a_wrong_field_is_named_and_nothing_goes_back(shop, fields, parameter):
    paid = shop.paid()
    body = {"payment_id": paid["id"], "amount": rub("1.00"), **fields}
    assert refused(shop.post("/refunds", body)) == ("invalid_request", parameter)
    assert shop.read(paid["id"])["refunded_amount"] == rub("0.00")


def test_three_years_later_it_is_too_late(shop):
    paid = shop.paid()
    shop.world.advance(THREE_YEARS + 60)
    assert refused(shop.give_back(paid["id"], "1.00")) == ("invalid_request", "payment_id")


def test_a_pending_refund_reserves_the_money_until_it_is_decided(shop):
    shop.world.set(refund="pending")
    paid = shop.paid()
    made = shop.shown(shop.give_back(paid["id"], "150.00"))
    assert made["status"] == "pending"
    assert shop.read(paid["id"])["refunded_amount"] == rub("0.00")
    assert refused(shop.give_back(paid["id"], "100.00")) == ("invalid_request", "amount.value")
    shop.world.settle_refund(made["id"], "succeeded")
    assert shop.shown(shop.get(f"/refunds/{made['id']}"))["status"] == "succeeded"
    assert shop.read(paid["id"])["refunded_amount"] == rub("150.00")


def test_a_refund_that_fails_leaves_the_money_and_says_why(shop):
    shop.world.set(refund="pending")
    paid = shop.paid()
    made = shop.shown(shop.give_back(paid["id"], "150.00"))
    failed = shop.world.settle_refund(made["id"], "canceled", reason="rejected_by_payee")
    assert failed["cancellation_details"] == {"party": "refund_network", "reason": "rejected_by_payee"}
    assert shop.read(paid["id"])["refunded_amount"] == rub("0.00")
    shop.world.set(refund="succeeded")
    assert shop.shown(shop.give_back(paid["id"], "199.00"))["status"] == "succeeded"


def test_a_decided_refund_stays_decided(shop):
    made = shop.shown(shop.give_back(shop.paid()["id"], "1.00"))
    order = {"refund_id": made["id"], "status": "canceled"}
    answer = requests.post(f"{shop.world.address}/_emu/settle_refund", json=order, timeout=5)
    assert answer.status_code == 409


def test_a_refund_can_fail_at_once_and_is_no_error(shop):
    shop.world.set(refund="canceled", refund_reason="insufficient_funds")
    made = shop.shown(shop.give_back(shop.paid()["id"], "1.00"))
    assert (made["status"], made["cancellation_details"]["reason"]) == ("canceled", "insufficient_funds")


def test_a_refund_can_be_decided_by_time(shop, told):
    shop.world.set(refund="pending", refund_after=600)
    made = shop.shown(shop.give_back(shop.paid()["id"], "1.00"))
    shop.world.advance(600)
    assert shop.shown(shop.get(f"/refunds/{made['id']}"))["status"] == "succeeded"
    told.wait(2)
    assert told.events() == ["payment.succeeded", "refund.succeeded"]


def test_the_cabinet_refunds_past_the_api(shop, told):
    paid = shop.paid()
    told.wait(1)
    made = shop.world.refund(paid["id"], "50.00")
    assert told.wait(2)[-1] == {"type": "notification", "event": "refund.succeeded", "object": made}
    shop.world.refund(paid["id"])
    assert shop.read(paid["id"])["refunded_amount"] == rub("199.00")
    external = {row["external"] for row in shop.world.books()["refunds"]}
    assert external == {True}


def test_a_captured_part_is_all_that_can_go_back(shop):
    held = shop.paid(capture=False)
    shop.post(f"/payments/{held['id']}/capture", {"amount": rub("100.00")})
    assert refused(shop.give_back(held["id"], "100.01")) == ("invalid_request", "amount.value")
    assert shop.shown(shop.give_back(held["id"], "100.00"))["status"] == "succeeded"


def test_receipts_of_payment_and_refund_are_registered_a_little_later(shop):
    paid = shop.paid(receipt=receipt())
    made = shop.shown(shop.give_back(paid["id"], "10.00", receipt=receipt("10.00")))
    assert (paid["receipt_registration"], made["receipt_registration"]) == ("pending", "pending")
    shop.world.advance(5)
    assert shop.read(paid["id"])["receipt_registration"] == "succeeded"
    assert shop.shown(shop.get(f"/refunds/{made['id']}"))["receipt_registration"] == "succeeded"
    (listed,) = shop.shown(shop.get("/receipts", payment_id=paid["id"]))["items"]
    assert (listed["type"], listed["status"]) == ("payment", "succeeded")


def test_a_receipt_that_fails_leaves_the_payment_paid(shop):
    shop.world.set(receipt="canceled")
    paid = shop.paid(receipt=receipt())
    shop.world.advance(5)
    after = shop.read(paid["id"])
    assert (after["status"], after["receipt_registration"]) == ("succeeded", "canceled")
