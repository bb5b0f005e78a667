"""Charges without the payer: a refusal is an answer, not an error."""

import pytest

from tests.sandbox.yookassa.shop import order, refused, rub


def saved(shop, method="bank_card"):
    return shop.paid(method=method, save_payment_method=True)["payment_method"]["id"]


def charge(shop, method_id, **fields):
    wish = order(confirmation=None, payment_method_id=method_id, **fields)
    return shop.shown(shop.post("/payments", wish))


def test_a_method_is_saved_when_the_shop_asks_and_the_payer_agrees(shop):
    paid = shop.paid(save_payment_method=True)
    assert paid["payment_method"]["saved"] is True and paid["payment_method"]["id"] == paid["id"]
    shown = shop.shown(shop.get(f"/payment_methods/{paid['id']}"))
    assert (shown["status"], shown["type"], shown["saved"]) == ("active", "bank_card", True)


def test_it_may_stay_unsaved_though_the_shop_asked(shop):
    shop.world.set(saving=False)
    paid = shop.paid(save_payment_method=True)
    assert paid["payment_method"]["saved"] is False
    assert refused(shop.get(f"/payment_methods/{paid['id']}"), 404)


def test_a_payer_may_save_it_unasked(shop):
    paid = shop.world.pay(shop.create()["id"], save=True)
    assert paid["payment_method"]["saved"] is True


def test_a_saved_method_is_charged_at_once(shop, told):
    method = saved(shop)
    made = charge(shop, method)
    assert (made["status"], made["paid"], made["payment_method"]["id"]) == ("succeeded", True, method)
    assert made["id"] != method and "confirmation" not in made
    told.wait(2)


def test_a_refused_charge_is_an_answer_of_200(shop):
    method = saved(shop)
    shop.world.emu("POST", "method", method_id=method, next_decline="insufficient_funds")
    assert charge(shop, method)["cancellation_details"]["reason"] == "insufficient_funds"
    assert charge(shop, method)["status"] == "succeeded"


def test_every_charge_can_be_refused(shop):
    method = saved(shop)
    shop.world.set(charge="canceled", charge_reason="card_expired")
    reasons = {charge(shop, method)["cancellation_details"]["reason"] for _ in range(2)}
    assert reasons == {"card_expired"}


def test_a_withdrawn_consent_shows_only_at_the_next_charge(shop):
    method = saved(shop)
    before = len(shop.world.deliveries())
    shop.world.emu("POST", "method", method_id=method, status="inactive")
    assert len(shop.world.deliveries()) == before
    assert shop.shown(shop.get(f"/payment_methods/{method}"))["status"] == "inactive"
    assert charge(shop, method)["cancellation_details"]["reason"] == "permission_revoked"


def test_a_charge_may_wait_for_the_provider_and_does_not_expire(shop):
    method = saved(shop, "sbp")
    shop.world.set(charge="pending")
    made = charge(shop, method)
    assert (made["status"], "confirmation" in made) == ("pending", False)
    shop.world.advance(7200)
    assert shop.read(made["id"])["status"] == "pending"
    assert shop.world.pay(made["id"])["status"] == "succeeded"


def test_a_charge_of_two_stages_is_held_and_lapses(shop):
    made = charge(shop, saved(shop), capture=False)
    assert made["status"] == "waiting_for_capture"
    shop.world.advance(7 * 86_400)
    assert shop.read(made["id"])["cancellation_details"]["reason"] == "expired_on_capture"


def test_a_method_that_is_not_there_or_another_shops_is_refused(shop):
    method = saved(shop)
    shop.world.put_shop(shop_id="200600", secret_key="live_other")
    other = type(shop)(shop.world, "200600", "live_other")
    for client, method_id in ((shop, "x" * 36), (other, method)):
        wish = {"amount": rub("1.00"), "capture": True, "payment_method_id": method_id}
        assert refused(client.post("/payments", wish)) == ("invalid_request", "payment_method_id")


@pytest.mark.parametrize("wish", [{"payment_method_id": "x" * 36}, {"save_payment_method": True}])
def test_a_shop_without_the_right_to_it_is_forbidden(shop, wish):
    shop.world.put_shop(autopay=False)
    assert refused(shop.post("/payments", order(**wish)), 403) == ("forbidden", None)
