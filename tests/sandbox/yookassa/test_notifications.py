"""What the shop is told: unsigned, again until it says 200, sometimes twice, late, or never."""

import pytest

from tests.sandbox.yookassa.shop import order
from tests.shop import wait_for

DAY = 86_400


def tries(shop, event=None):
    return [row["tries"] for row in shop.world.deliveries(event)]


def test_a_payment_is_told_of_with_the_object_as_it_was(shop, told):
    paid = shop.paid(metadata={"attempt": "a1"})
    (body,) = told.wait(1)
    assert body == {"type": "notification", "event": "payment.succeeded", "object": paid}
    assert told.headers[0]["Content-Type"] == "application/json"
    assert "Signature" not in told.headers[0]


def test_each_change_has_its_event(shop, told):
    held = shop.paid(capture=False)
    told.wait(1)
    shop.post(f"/payments/{held['id']}/capture")
    told.wait(2)
    shop.world.decline(shop.create()["id"])
    told.wait(3)
    shop.give_back(held["id"], "10.00")
    told.wait(4)
    assert told.events() == [
        "payment.waiting_for_capture",
        "payment.succeeded",
        "payment.canceled",
        "refund.succeeded",
    ]


def test_the_end_of_the_window_is_told_without_anybody_asking(shop, told):
    payment = shop.create()
    shop.world.advance(3600)
    (body,) = told.wait(1)
    assert body["event"] == "payment.canceled" and body["object"]["id"] == payment["id"]
    assert body["object"]["cancellation_details"]["reason"] == "expired_on_confirmation"


def test_a_new_payment_and_a_failed_refund_are_not_told_of(shop, told):
    paid = shop.paid()
    shop.create()
    shop.world.set(refund="canceled")
    shop.give_back(paid["id"], "10.00")
    shop.world.set(refund="pending")
    shop.give_back(paid["id"], "10.00")
    assert [row["event"] for row in shop.world.deliveries()] == ["payment.succeeded"]


@pytest.mark.parametrize("status", [201, 202, 204, 302, 400, 403, 404, 500])
def test_any_answer_but_200_is_not_enough(shop, told, status):
    told.statuses = [status]
    shop.paid()
    told.wait(1)
    wait_for(lambda: tries(shop) == [[{"at": pytest.approx(0, abs=1e12), "status": status}]])
    shop.world.advance(10)
    first, second = told.wait(2)
    assert first == second
    wait_for(lambda: shop.world.deliveries()[0]["state"] == "delivered")


def test_repeats_come_with_growing_pauses_until_a_day_is_over(shop, told):
    told.statuses = [500] * 1000
    shop.paid()
    told.wait(1)
    for pause in (10, 30, 60, 300):
        count = len(told.bodies)
        shop.world.advance(pause)
        told.wait(count + 1)
    wait_for(lambda: len(tries(shop)[0]) == 5)
    shop.world.advance(DAY)
    (delivery,) = wait_for(lambda: [row for row in shop.world.deliveries() if row["state"] == "given_up"])
    assert len(delivery["tries"]) == len(told.bodies) == 6


def test_repeats_can_be_sped_up(shop, hook):
    hook.statuses = [500] * 3
    shop.world.set_webhook(hook.url, speedup=1000)
    shop.paid()
    hook.wait(4)
    wait_for(lambda: shop.world.deliveries()[0]["state"] == "delivered")


def test_an_address_where_nobody_listens_is_tried_again(shop, hook):
    shop.world.set_webhook("http://127.0.0.1:9/hook")
    shop.paid()
    (made,) = wait_for(lambda: [row for row in tries(shop) if row])
    assert made[0]["error"].startswith("ClientConnectorError")


def test_without_an_address_nothing_is_sent(shop):
    shop.paid()
    (delivery,) = shop.world.deliveries()
    assert (delivery["state"], delivery["tries"]) == ("unsent", [])


def test_each_shop_may_have_an_address_of_its_own(shop, told):
    shop.world.put_shop(webhook_url=told.url + "/own")
    shop.paid()
    told.wait(1)
    assert shop.world.deliveries()[0]["url"].endswith("/own")


def test_a_payment_can_be_made_without_being_told_of(shop, told):
    shop.world.pay(shop.create()["id"], notify=False)
    assert shop.world.deliveries()[0]["state"] == "dropped"
    shop.paid()
    assert len(told.wait(1)) == 1


def test_what_was_told_or_lost_can_be_told_again(shop, told):
    payment = shop.world.pay(shop.create()["id"], notify=False)
    for count in (1, 2):
        shop.world.redeliver("payment.succeeded", payment["id"])
        assert told.wait(count)[-1]["object"]["id"] == payment["id"]


def test_copies_come_at_once(shop, told):
    shop.world.set(duplicate=1, copies=49)
    shop.paid()
    bodies = told.wait(50)
    assert all(body == bodies[0] for body in bodies)


def test_a_share_is_doubled_or_dropped_by_the_seed(shop, told):
    def fates():
        shop.world.emu("POST", "seed", seed=5)
        before = len(shop.world.deliveries())
        for _ in range(20):
            shop.paid()
        return [row["state"] == "dropped" for row in shop.world.deliveries()[before:]]

    shop.world.set(duplicate=0.3, drop=0.3)
    first = fates()
    assert first == fates()
    assert 0 < sum(first) < 20 < len(first)


def test_notifications_can_be_late(shop, told):
    shop.world.set(delay=100)
    shop.paid()
    shop.world.advance(90)
    assert tries(shop) == [[]]
    shop.world.advance(10)
    told.wait(1)


def test_notifications_can_come_in_another_order(shop, told):
    shop.world.set(reorder=8)
    made = [shop.paid()["id"] for _ in range(8)]
    assert {body["object"]["id"] for body in told.wait(8)} == set(made)
    sent_at = [tried["at"] for (tried,) in wait_for(lambda: all_tried(shop))]
    assert sent_at != sorted(sent_at)


def all_tried(shop):
    return tries(shop) if all(tries(shop)) else None


def test_what_is_held_for_reordering_comes_out_in_the_end(shop, told):
    shop.world.set(reorder=8)
    shop.paid()
    assert len(told.wait(1)) == 1


def test_the_notification_can_be_there_before_the_answer_to_create(shop, told):
    told.pause = 0.3
    shop.world.set(autopay_after=0, notify_first=True)
    answer = shop.post("/payments", order())
    assert told.events() and answer.elapsed.total_seconds() > 0.3
    assert shop.shown(answer)["status"] == "pending"


def test_the_senders_headers_can_be_chosen(shop, told):
    shop.world.set(headers={"X-Forwarded-For": "185.71.76.5"})
    shop.paid()
    told.wait(1)
    assert told.headers[0]["X-Forwarded-For"] == "185.71.76.5"


def test_a_slow_shop_does_not_hold_up_other_notifications(shop, told):
    told.pause = 1
    for _ in range(5):
        shop.paid()
    told.wait(5, seconds=0.9)
