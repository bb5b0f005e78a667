"""What makes a provider feared: answers that lie about the work, or never come."""

import pytest
import requests

from tests.sandbox.yookassa.shop import order, refused

CREATE = "POST /v3/payments"


def ask(shop, **options):
    return shop.post("/payments", order(), key="k1", **options)


def test_500_may_mean_that_it_was_done(shop):
    shop.world.fail(CREATE, "error", status=500, after=True, times=1)
    assert refused(ask(shop), 500) == ("internal_server_error", None)
    (made,) = shop.world.payments()
    assert shop.shown(ask(shop))["id"] == made["id"]
    assert len(shop.world.payments()) == 1


def test_500_may_mean_that_it_was_not_done(shop):
    shop.world.fail(CREATE, "error", status=500, times=1)
    assert refused(ask(shop), 500) == ("internal_server_error", None)
    assert shop.world.payments() == []
    assert shop.shown(ask(shop))["status"] == "pending"


def test_202_asks_for_the_same_once_more(shop):
    shop.world.fail(CREATE, "error", status=202, after=True, times=1)
    answer = ask(shop)
    assert (answer.status_code, answer.json()["type"]) == (202, "processing")
    assert answer.json()["retry_after"] == 1800
    assert shop.shown(ask(shop)) and len(shop.world.payments()) == 1


def test_429_counts_its_wait_in_milliseconds(shop):
    shop.world.fail("*", "rate_limit", retry_after=2, times=1)
    answer = ask(shop)
    assert refused(answer, 429) == ("too_many_requests", None)
    assert answer.json()["retry_after"] == 2000


@pytest.mark.parametrize("after", [True, False])
def test_a_web_page_or_a_silence_says_nothing_of_the_work(shop, after):
    shop.world.fail(CREATE, "html", after=after, times=1)
    assert ask(shop).headers["Content-Type"].startswith("text/html")
    shop.world.fail(CREATE, "hang", after=after, times=1, seconds=2)
    with pytest.raises(requests.Timeout):
        ask(shop, timeout=0.2)
    assert len(shop.world.payments()) == (1 if after else 0)


def test_a_lost_answer_can_be_asked_for_again(shop):
    shop.world.fail(CREATE, "lost", times=1)
    with pytest.raises(requests.ConnectionError):
        ask(shop)
    assert shop.shown(ask(shop))["id"] == shop.world.payments()[0]["id"]


def test_a_request_that_arrives_twice_makes_one_payment(shop):
    shop.world.fail(CREATE, "duplicate", times=1)
    shop.shown(ask(shop))
    assert len(shop.world.payments()) == 1


def test_one_payments_reads_can_fail_alone(shop):
    good, bad = shop.create(), shop.create()
    shop.world.fail(f"GET /v3/payments/{bad['id']}", "error", body={"unexpected": True}, status=200)
    assert shop.read(bad["id"]) == {"unexpected": True}
    assert shop.read(good["id"])["status"] == "pending"


def test_the_pay_page_and_the_controls_meet_no_faults(shop):
    page = shop.create()["confirmation"]["confirmation_url"]
    shop.world.outage(True)
    with pytest.raises(requests.ConnectionError):
        shop.get("/me")
    assert requests.get(page, timeout=5).status_code == 200
    assert shop.world.pay()["status"] == "succeeded"
