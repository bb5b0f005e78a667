"""Faults on demand, seen from the caller's side of a real connection."""

import time

import pytest
import requests

from sandbox.faults import Faults
from tests.sandbox.marzban_client import REALITY

CREATE = "POST /api/user"


def create(shop, **options):
    return shop.http.post(
        f"{shop.world.address}/api/user", json={"username": "anna", **REALITY}, **{"timeout": 5} | options
    )


def test_refuse_drops_the_connection_before_any_work(shop):
    shop.world.fail(CREATE, "refuse", times=1)
    with pytest.raises(requests.ConnectionError):
        create(shop)
    assert shop.world.users() == {}


def test_lost_drops_the_answer_after_the_work(shop):
    shop.world.fail(CREATE, "lost", times=1)
    with pytest.raises(requests.ConnectionError):
        create(shop)
    assert set(shop.world.users()) == {"anna"}


def test_lost_loses_a_refusal_too(shop):
    create(shop)
    shop.world.fail(CREATE, "lost", times=1)
    with pytest.raises(requests.ConnectionError):
        create(shop)


def test_duplicate_works_twice_and_gives_the_second_answer(shop):
    shop.world.fail(CREATE, "duplicate", times=1)
    assert create(shop).status_code == 409
    assert set(shop.world.users()) == {"anna"}


def test_hang_keeps_the_caller_waiting_and_drops(shop):
    shop.world.fail(CREATE, "hang", times=1, seconds=3)
    with pytest.raises(requests.Timeout):
        create(shop, timeout=0.3)
    shop.world.fail(CREATE, "hang", times=1, seconds=0.1)
    with pytest.raises(requests.ConnectionError):
        create(shop)
    assert shop.world.users() == {}


def test_delay_answers_late(shop):
    shop.world.fail(CREATE, "delay", times=1, seconds=0.2)
    began = time.monotonic()
    assert create(shop).status_code == 200
    assert time.monotonic() - began >= 0.2


ANSWERS = [
    ({"kind": "error"}, 500, "Internal Server Error"),
    ({"kind": "error", "status": 503, "body": {"detail": "busy"}}, 503, '{"detail": "busy"}'),
    ({"kind": "html"}, 502, "<h1>502 Bad Gateway</h1>"),
    ({"kind": "html", "status": 200}, 200, "<html>"),
    ({"kind": "rate_limit", "retry_after": 7}, 429, "Too Many Requests"),
]


@pytest.mark.parametrize(("rule", "status", "text"), ANSWERS)
def test_a_broken_answer_comes_without_any_work(shop, rule, status, text):
    shop.world.fail(CREATE, times=1, **rule)
    answer = create(shop)
    assert answer.status_code == status and text in answer.text
    assert answer.headers.get("Retry-After") == ("7" if status == 429 else None)
    assert shop.world.users() == {}


@pytest.mark.parametrize(("rule", "status", "text"), ANSWERS)
def test_a_broken_answer_can_come_after_the_work(shop, rule, status, text):
    shop.world.fail(CREATE, times=1, after=True, **rule)
    answer = create(shop)
    assert answer.status_code == status and text in answer.text
    assert set(shop.world.users()) == {"anna"}


def test_a_hang_or_a_delay_can_come_after_the_work(shop):
    shop.world.fail(CREATE, "hang", times=1, seconds=0.1, after=True)
    with pytest.raises(requests.ConnectionError):
        create(shop)
    assert set(shop.world.users()) == {"anna"}
    shop.world.fail("PUT *", "delay", times=1, seconds=3, after=True)
    with pytest.raises(requests.Timeout):
        shop.http.put(f"{shop.world.address}/api/user/anna", json={"note": "late"}, timeout=0.3)
    assert shop.world.users()["anna"]["note"] == "late"


def test_a_rule_names_its_calls_by_glob_and_ends_after_its_times(shop):
    shop.make("anna")
    shop.make("boris")
    shop.world.fail("PUT */anna", "error", times=2)
    statuses = [
        shop.call("PUT", f"/api/user/{name}", note="x").status_code for name in ("anna", "boris", "anna")
    ]
    assert statuses == [500, 200, 500]
    assert shop.call("PUT", "/api/user/anna", note="x").status_code == 200
    assert shop.world.fired() == {"error": 2}


def test_an_outage_drops_everything_but_control(shop):
    shop.world.outage(True)
    with pytest.raises(requests.ConnectionError):
        shop.call("GET", "/api/admin")
    assert shop.world.fired() == {"outage": 1}
    shop.world.outage(False)
    assert shop.call("GET", "/api/admin").status_code == 200


def test_healing_drops_rules_and_keeps_counters(shop):
    shop.world.fail("*", "error")
    assert shop.call("GET", "/api/admin").status_code == 500
    shop.world.heal()
    assert shop.call("GET", "/api/admin").status_code == 200
    assert shop.world.fired() == {"error": 1}


def test_the_same_seed_meets_the_same_faults(shop):
    def run():
        shop.world.emu("POST", "seed", seed=7)
        return [shop.call("GET", "/api/admin").status_code for _ in range(40)]

    shop.world.fail("*", "error", probability=0.5)
    first = run()
    assert first == run()
    assert {200, 500} == set(first)


@pytest.mark.parametrize(
    "rule",
    [
        {"kind": "explode"},
        {},
        {"kind": "error", "colour": 1},
        {"kind": "error", "probability": 2},
        {"kind": "error", "after": 1},
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(rule):
    with pytest.raises(ValueError, match=r"kind|unknown|probability|after"):
        Faults().add(rule)


def test_several_rules_may_come_in_one_call(shop):
    rules = [{"kind": "error", "times": 1}, {"kind": "html", "times": 1}]
    answer = requests.post(f"{shop.world.address}/_emu/fail", json=rules, timeout=5).json()
    assert len(answer["ids"]) == 2
    assert [shop.call("GET", "/api/admin").status_code for _ in range(3)] == [500, 502, 200]


def test_the_call_log_has_what_came_without_passwords(shop):
    shop.world.forget_calls()
    shop.make("anna", note="order 1")
    shop.sign_in()
    made, signed_in = shop.world.calls()
    assert (made["call"], made["status"], made["parameters"]["note"]) == (CREATE, 200, "order 1")
    assert signed_in["parameters"] == {"username": "shop", "password": "***"}
    assert [call["call"] for call in shop.world.calls("POST /api/u*")] == [CREATE]


def test_a_dropped_call_is_logged_without_a_status(shop):
    shop.world.fail(CREATE, "refuse", times=1)
    with pytest.raises(requests.ConnectionError):
        create(shop)
    assert shop.world.calls(CREATE)[0]["status"] is None
