"""Idempotence keys: one question, one answer, for a day."""

import threading

import pytest
import requests

from tests.sandbox.yookassa.shop import ApiClient, order, refused, rub, sample

DAY = 86_400


def test_the_same_question_is_answered_the_same(shop):
    first, second = (shop.post("/payments", order(), key="k1") for _ in range(2))
    assert first.content == second.content
    assert len(shop.world.payments()) == 1


def test_the_answer_repeated_is_the_old_one_though_the_payment_moved_on(shop):
    made = shop.shown(shop.post("/payments", order(), key="k1"))
    shop.world.pay(made["id"])
    assert shop.shown(shop.post("/payments", order(), key="k1"))["status"] == "pending"
    assert shop.read(made["id"])["status"] == "succeeded"


def test_another_question_under_the_same_key_is_refused(shop):
    shop.post("/payments", order(), key="k1")
    answer = shop.post("/payments", order("200.00"), key="k1")
    told = sample("error.key_duplicated")
    assert refused(answer) == (told["code"], told["parameter"])
    assert answer.json()["description"] == told["description"]
    assert len(shop.world.payments()) == 1


def test_the_same_data_written_otherwise_is_another_question(shop):
    shop.post("/payments", order(), key="k1")
    turned = dict(reversed(order().items()))
    assert refused(shop.post("/payments", turned, key="k1")) == ("invalid_request", "Idempotence-Key")


def test_a_key_serves_one_path_only(shop):
    paid = shop.paid()
    body = {"payment_id": paid["id"], "amount": rub("1.00")}
    shop.shown(shop.post("/refunds", body, key="k1"))
    assert refused(shop.post("/receipts", body, key="k1")) == ("invalid_request", "Idempotence-Key")


def test_another_key_is_another_payment(shop):
    made = {shop.shown(shop.post("/payments", order(), key=key))["id"] for key in ("k1", "k2")}
    assert len(made) == 2


def test_shops_do_not_share_their_keys(shop):
    shop.world.put_shop(shop_id="200600", secret_key="live_other")
    other = ApiClient(shop.world, "200600", "live_other")
    made = {shop.shown(each.post("/payments", order(), key="k1"))["id"] for each in (shop, other)}
    assert len(made) == 2


def test_after_a_day_the_key_is_new_again(shop):
    first = shop.shown(shop.post("/payments", order(), key="k1"))
    shop.world.advance(DAY - 60)
    assert shop.shown(shop.post("/payments", order(), key="k1"))["id"] == first["id"]
    shop.world.advance(60)
    assert shop.shown(shop.post("/payments", order("200.00"), key="k1"))["id"] != first["id"]


def test_a_refusal_is_repeated_too(shop):
    first, second = (shop.post("/payments", order("0.00"), key="k1") for _ in range(2))
    assert refused(first) and first.json()["id"] == second.json()["id"]


@pytest.mark.parametrize(("key", "taken"), [(None, False), ("", False), ("k" * 64, True), ("k" * 65, False)])
def test_every_post_needs_a_key_of_a_length_that_fits(shop, key, taken):
    headers = {} if key is None else {"Idempotence-Key": key}
    answer = shop.http.post(f"{shop.world.api_url}/payments", json=order(), headers=headers, timeout=5)
    assert answer.status_code == (200 if taken else 400)
    assert taken or refused(answer) == ("invalid_request", "Idempotence-Key")


def test_a_key_is_not_used_up_by_a_call_without_rights(shop):
    stranger = ApiClient(shop.world, secret="wrong")
    assert refused(stranger.post("/payments", order("1.00"), key="k1"), 401)
    assert shop.shown(shop.post("/payments", order(), key="k1"))


def test_many_at_once_with_one_key_make_one_payment(shop):
    statuses: list[int] = []

    def ask():
        statuses.append(ApiClient(shop.world).post("/payments", order(), key="k1").status_code)

    threads = [threading.Thread(target=ask) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(statuses) <= {200, 202} and len(shop.world.payments()) == 1


def test_while_the_first_is_at_work_the_second_is_told_to_wait(shop, hook):
    hook.pause = 0.5
    shop.world.set_webhook(hook.url)
    shop.world.set(autopay_after=0, notify_first=True)
    first = threading.Thread(target=lambda: shop.post("/payments", order(), key="k1"))
    first.start()
    hook.wait(1)
    waiting = ApiClient(shop.world).post("/payments", order(), key="k1")
    first.join()
    assert (waiting.status_code, waiting.json()["type"]) == (202, "processing")
    assert shop.shown(shop.post("/payments", order(), key="k1"))


def test_the_call_log_shows_the_key_and_no_secret(shop):
    shop.world.forget_calls()
    shop.post("/payments", order(), key="k1")
    (call,) = shop.world.calls("POST /v3/payments")
    assert call["headers"] == {"Idempotence-Key": "k1"}
    assert call["parameters"]["amount"] == rub("199.00")
    assert shop.world.secret_key not in requests.get(f"{shop.world.address}/_emu/calls", timeout=5).text
