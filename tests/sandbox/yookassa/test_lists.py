"""Lists: newest first, page by page, filtered."""

import pytest

from tests.sandbox.yookassa.shop import receipt, refused


def ids(shop, path, **query):
    return [row["id"] for row in shop.shown(shop.get(path, **query))["items"]]


def every_page(shop, path, **query):
    found, more = [], {}
    while True:
        page = shop.shown(shop.get(path, **query, **more))
        assert page["type"] == "list"
        found.append([row["id"] for row in page["items"]])
        if "next_cursor" not in page:
            return found
        more = {"cursor": page["next_cursor"]}


def test_pages_go_from_the_newest_to_the_oldest_without_gaps(shop):
    made = [shop.create()["id"] for _ in range(7)]
    assert every_page(shop, "/payments", limit=3) == [made[:3:-1], made[3:0:-1], made[:1]]


def test_ten_are_given_unless_asked_otherwise_and_a_full_last_page_is_the_last(shop):
    made = [shop.create()["id"] for _ in range(10)]
    assert every_page(shop, "/payments") == [made[::-1]]
    shop.create()
    assert [len(page) for page in every_page(shop, "/payments")] == [10, 1]


def test_a_payment_made_while_paging_disturbs_nothing(shop):
    made = [shop.create()["id"] for _ in range(4)]
    cursor = shop.shown(shop.get("/payments", limit=2))["next_cursor"]
    shop.create()
    assert ids(shop, "/payments", limit=2, cursor=cursor) == made[1::-1]


def test_payments_are_found_by_what_became_of_them(shop):
    pending, by_sbp = shop.create()["id"], shop.paid(method="sbp")["id"]
    by_card, declined = shop.paid()["id"], shop.world.decline(shop.create()["id"])["id"]
    assert ids(shop, "/payments", status="succeeded") == [by_card, by_sbp]
    assert ids(shop, "/payments", status="canceled") == [declined]
    assert ids(shop, "/payments", payment_method="sbp") == [by_sbp]
    assert pending in ids(shop, "/payments", status="pending")


def test_payments_are_found_by_when_they_were_made_and_paid(shop):
    old = shop.paid()
    shop.world.advance(3000)
    new = shop.create()
    shop.world.pay(new["id"])
    edge = new["created_at"]
    assert ids(shop, "/payments", **{"created_at.gte": edge}) == [new["id"]]
    assert ids(shop, "/payments", **{"created_at.gt": edge}) == []
    assert ids(shop, "/payments", **{"created_at.lt": edge}) == [old["id"]]
    assert ids(shop, "/payments", **{"created_at.lte": edge}) == [new["id"], old["id"]]
    assert ids(shop, "/payments", **{"captured_at.lte": old["captured_at"]}) == [old["id"]]
    span = {"created_at.gte": old["created_at"], "created_at.lt": edge}
    assert ids(shop, "/payments", **span) == [old["id"]]


def test_what_is_older_than_three_years_is_listed_no_more(shop):
    old = shop.paid()["id"]
    shop.world.advance(3 * 365 * 86_400 + 60)
    assert ids(shop, "/payments") == []
    assert shop.read(old)["status"] == "succeeded"


def test_refunds_are_found_by_payment_and_state(shop):
    first, second = shop.paid()["id"], shop.paid()["id"]
    done = shop.shown(shop.give_back(first, "1.00"))["id"]
    shop.world.set(refund="pending")
    waiting = shop.shown(shop.give_back(second, "1.00"))["id"]
    assert ids(shop, "/refunds") == [waiting, done]
    assert ids(shop, "/refunds", payment_id=first) == [done]
    assert ids(shop, "/refunds", status="pending") == [waiting]


def test_receipts_are_found_by_payment_or_refund(shop):
    paid = shop.paid(receipt=receipt())["id"]
    back = shop.shown(shop.give_back(paid, "1.00", receipt=receipt("1.00")))["id"]
    (of_payment,), (of_refund,) = (
        shop.shown(shop.get("/receipts", **query))["items"]
        for query in ({"payment_id": paid}, {"refund_id": back})
    )
    assert (of_payment["type"], of_refund["type"]) == ("payment", "refund")
    assert shop.shown(shop.get(f"/receipts/{of_payment['id']}")) == of_payment
    assert refused(shop.get("/receipts", payment_id=paid, refund_id=back)) == ("invalid_request", "refund_id")


WRONG = [("limit", "0"), ("limit", "101"), ("limit", "x"), ("cursor", "x"), ("created_at.gte", "yesterday")]


@pytest.mark.parametrize(("parameter", "value"), WRONG)
def test_a_wrong_parameter_is_named(shop, parameter, value):
    shop.create()
    assert refused(shop.get("/payments", **{parameter: value})) == ("invalid_request", parameter)
