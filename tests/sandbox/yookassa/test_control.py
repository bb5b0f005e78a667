"""The stand-in's own side: its books, its knobs, its saved state, what it tells the sandbox's page."""

import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import requests

from sandbox.server import SandboxThread
from tests.sandbox.yookassa.shop import ApiClient, order, receipt, rub
from tests.shop import wait_for
from tests.world import PaymentWorld

ROOT = Path(__file__).parents[3]


def emu(shop, call, **json):
    return requests.post(f"{shop.world.address}/_emu/{call}", json=json, timeout=5)


def test_the_books_hold_what_really_happened(shop):
    shop.post("/payments", order(metadata={"attempt": "a1"}), key="k1")
    first = shop.world.pay(metadata={"attempt": "a1"})["id"]
    shop.paid("100.00", capture=False)
    shop.create("50.00")
    shop.post("/refunds", {"payment_id": first, "amount": rub("9.00")}, key="r1")
    books = shop.world.books()
    row = books["payments"][0]
    assert (row["id"], row["value"], row["refunded"], row["currency"]) == (first, "199.00", "9.00", "RUB")
    assert (row["idempotence_key"], row["metadata"], row["test"]) == ("k1", {"attempt": "a1"}, True)
    assert (row["account_id"], books["refunds"][0]["idempotence_key"]) == ("100500", "r1")
    assert {name: sum_["value"] for name, sum_ in books["totals"].items()} == {
        "paid": "199.00", "refunded": "9.00", "held": "100.00", "left": "190.00"
    }  # fmt: skip
    assert books["counts"] == {"pending": 1, "succeeded": 1, "waiting_for_capture": 1}


@pytest.mark.parametrize("named", [{"idempotence_key": "k1"}, {"metadata": {"a": "1"}}])
def test_a_payment_can_be_named_by_its_key_or_metadata(shop, named):
    made = shop.shown(shop.post("/payments", order(metadata={"a": "1", "b": "2"}), key="k1"))["id"]
    shop.create(metadata={"a": "2"})
    assert emu(shop, "pay", **named).json()["id"] == made


def test_with_no_name_the_newest_pending_payment_is_meant(shop):
    first, second = shop.create()["id"], shop.create()["id"]
    assert [emu(shop, "pay").json()["id"] for _ in range(2)] == [second, first]
    assert emu(shop, "pay").status_code == 404


@pytest.mark.parametrize("named", [{"payment_id": "x"}, {"idempotence_key": "x"}, {"metadata": {"a": "3"}}])
def test_a_name_nobody_has_is_not_found(shop, named):
    payment = shop.create(metadata={"a": "1"})
    assert emu(shop, "pay", **named).status_code == 404
    assert shop.read(payment["id"])["status"] == "pending"


ORDERS = [
    ("settings", {"colour": 1}, "colour"),
    ("settings", {"duplicate": 2}, "duplicate"),
    ("settings", {"refund": "maybe"}, "refund"),
    ("settings", {"speedup": 0}, "speedup"),
    ("settings", {"delay": None}, "delay"),
    ("settings", {"notify_first": 1}, "notify_first"),
    ("webhook", {"url": "", "speedup": -1}, "speedup"),
    ("shops", {"shop_id": "1"}, "secret_key"),
    ("shops", {"colour": 1}, "colour"),
    ("shops", {"payment_methods": ["cash"]}, "sbp"),
]


@pytest.mark.parametrize(("call", "wish", "word"), ORDERS)
def test_an_order_that_makes_no_sense_is_refused_in_words(shop, call, wish, word):
    answer = emu(shop, call, **wish)
    assert answer.status_code == 400 and word in answer.json()["error"]


def test_a_wrong_knob_turns_no_other(shop):
    assert emu(shop, "settings", delay=5, drop=2).status_code == 400
    assert shop.world.emu("GET", "settings")["delay"] == 0


def test_payments_can_pay_themselves_for_a_crowd(shop, told):
    shop.world.set(autopay_after=5)
    made = {shop.create()["id"] for _ in range(30)}
    shop.world.advance(5)
    assert {body["object"]["id"] for body in told.wait(30)} == made
    methods = {row["method"] for row in shop.world.books()["payments"]}
    assert len(methods) > 1


def test_a_share_of_the_crowd_is_declined(shop):
    shop.world.set(autopay_after=0, autopay_decline=0.5)
    for _ in range(40):
        shop.create()
    counts = wait_for(lambda: ended(shop.world.books()["counts"]))
    assert set(counts) == {"canceled", "succeeded"}


def ended(counts):
    return counts if "pending" not in counts else None


def test_a_sum_no_method_takes_stays_unpaid(shop):
    shop.world.put_shop(payment_methods=["bank_card"])
    shop.world.set(autopay_after=0)
    too_much, small = shop.create("400000.00")["id"], shop.create()["id"]
    wait_for(lambda: shop.read(small)["status"] == "succeeded")
    assert shop.read(too_much)["status"] == "pending"


def test_a_reset_forgets_everything(shop, told):
    shop.world.put_shop(secret_key="test_changed")
    shop.world.set(delay=1, refund="pending")
    shop.world.advance(3600)
    shop.world.reset()
    assert shop.create()["status"] == "pending"
    settings = shop.world.emu("GET", "settings")
    assert (settings["delay"], settings["refund"]) == (0, "succeeded")
    assert len(shop.world.payments()) == 1 and shop.world.deliveries() == []


def test_what_happens_is_told_to_the_page(shop, told):
    with requests.get(f"{shop.world.address}/_emu/events", stream=True, timeout=10) as stream:
        lines = stream.iter_lines()
        next(lines)
        paid = shop.paid(metadata={"attempt": "a1"})
        told.wait(1)
        shop.give_back(paid["id"], "1.00")
        news = []
        while len(news) < 5:
            line = next(lines)
            news += [json.loads(line.removeprefix(b"data: "))] if line.startswith(b"data") else []
    assert {"yookassa.payment", "yookassa.refund", "yookassa.delivery"} == {each["kind"] for each in news}
    assert [each["status"] for each in news if each["kind"] == "yookassa.payment"] == ["pending", "succeeded"]


def test_a_snapshot_keeps_books_keys_windows_and_notifications(tmp_path, hook):
    file = tmp_path / "snapshot.json"
    with SandboxThread(snapshot=file) as box:
        shop = ApiClient(PaymentWorld(box.addresses["yookassa"]))
        shop.world.set_webhook("http://127.0.0.1:9/")
        shop.world.set(refund="pending", refund_after=600)
        first = shop.shown(shop.post("/payments", order(receipt=receipt()), key="k1"))
        shop.world.pay(first["id"], save=True)
        back = shop.shown(shop.give_back(first["id"], "1.00", receipt=receipt("1.00")))
        waiting = shop.create()
        shop.world.set(charge="pending")
        wish = order(confirmation=None, payment_method_id=first["id"])
        charged = shop.shown(shop.post("/payments", wish))
    state = json.loads(file.read_text())
    notifier = state["stand_ins"]["yookassa"]["notifier"]
    notifier["deliveries"][0]["url"] = hook.url
    file.write_text(json.dumps(state))

    with SandboxThread(snapshot=file) as box:
        shop = ApiClient(PaymentWorld(box.addresses["yookassa"]))
        assert shop.shown(shop.post("/payments", order(receipt=receipt()), key="k1"))["id"] == first["id"]
        assert hook.wait(1)[0]["object"]["id"] == first["id"]
        shop.world.advance(3600)
        assert shop.shown(shop.get(f"/refunds/{back['id']}"))["status"] == "succeeded"
        assert shop.read(waiting["id"])["status"] == "canceled"
        assert shop.read(charged["id"])["status"] == "pending"
        assert shop.shown(shop.get(f"/payment_methods/{first['id']}"))["status"] == "active"
        assert len({row["number"] for row in shop.world.deliveries()}) == len(shop.world.deliveries())


def test_an_address_given_at_the_start_replaces_the_one_of_a_snapshot(tmp_path, hook):
    file = tmp_path / "snapshot.json"
    with SandboxThread(snapshot=file, yookassa_webhook="http://127.0.0.1:9/"):
        pass
    with SandboxThread(snapshot=file, yookassa_webhook=hook.url) as box:
        shop = ApiClient(PaymentWorld(box.addresses["yookassa"]))
        shop.world.pay(shop.create()["id"])
        assert len(hook.wait(1)) == 1


def test_the_command_says_where_notifications_and_payers_go(hook):
    ports = [f"--{name}-port=0" for name in ("page", "telegram", "marzban", "yookassa")]
    where = [f"--yookassa-webhook={hook.url}", "--yookassa-url=https://pay.example/"]
    arguments = [sys.executable, "manage.py", "sandbox", *ports, *where]
    with subprocess.Popen(arguments, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        addresses = dict(process.stdout.readline().split() for _ in range(4))
        shop = ApiClient(PaymentWorld(addresses["yookassa"]))
        url = shop.create()["confirmation"]["confirmation_url"]
        assert re.fullmatch(r"https://pay\.example/pay/[0-9a-f-]{36}", url)
        shop.world.pay()
        hook.wait(1)
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0


def test_hundreds_of_payments_are_made_in_seconds(shop):
    began = time.monotonic()
    for _ in range(500):
        shop.create()
    assert time.monotonic() - began < 10
    assert shop.world.books()["counts"] == {"pending": 500}
