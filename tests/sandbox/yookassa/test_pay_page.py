"""The page payers see."""

import pytest
import requests

from tests.sandbox.yookassa.shop import order


def page_of(payment, **options):
    return requests.get(payment["confirmation"]["confirmation_url"], timeout=5, **options)


def press(payment, **form):
    return requests.post(payment["confirmation"]["confirmation_url"], data=form, timeout=5)


def test_it_names_the_shop_the_sum_and_the_goods(shop):
    shop.world.put_shop(name="<Best> VPN")
    text = page_of(shop.create(description="30 days & more")).text
    for words in ("&lt;Best&gt; VPN", "199.00\u00a0₽", "30 days &amp; more", "Pay with", "60 min left"):
        assert words in text


@pytest.mark.parametrize(
    ("languages", "locale", "words"),
    [("en", None, "Walk away"), ("ru,en;q=0.5", None, "Уйти без оплаты"), ("en", "ru_RU", "Уйти без оплаты")],
)
def test_it_speaks_the_payers_language(shop, languages, locale, words):
    wish = order(confirmation={"type": "redirect", "return_url": "https://t.me/x", "locale": locale})
    payment = shop.shown(shop.post("/payments", wish))
    assert words in page_of(payment, headers={"Accept-Language": languages}).text


def test_paying_there_pays_once(shop, told):
    payment = shop.create()
    for _ in range(2):
        assert "Paid" in press(payment, action="pay", method="sbp").text
    told.wait(1)
    assert shop.read(payment["id"])["payment_method"]["type"] == "sbp"
    assert len(shop.world.deliveries()) == 1


def test_the_bank_can_be_made_to_refuse(shop):
    payment = shop.create()
    assert "Not enough money" in press(payment, action="decline", reason="insufficient_funds").text
    assert shop.read(payment["id"])["cancellation_details"]["reason"] == "insufficient_funds"
    assert "did not go through" in press(payment, action="pay", method="sbp").text


@pytest.mark.parametrize("form", [{}, {"action": "decline", "reason": "x"}, {"action": "pay", "method": "x"}])
def test_a_form_that_makes_no_sense_changes_nothing(shop, form):
    payment = shop.create()
    assert press(payment, **form).status_code == 400
    assert shop.read(payment["id"])["status"] == "pending"


def test_only_the_method_the_shop_chose_is_offered(shop):
    text = page_of(shop.create(payment_method_data={"type": "sbp"})).text
    assert 'value="sbp"' in text and 'value="bank_card"' not in text


def test_methods_that_cannot_hold_or_take_the_sum_are_not_offered(shop):
    assert 'value="sbp"' not in page_of(shop.create(capture=False)).text
    assert 'value="bank_card"' not in page_of(shop.create("400000.00")).text


def test_an_ended_window_is_said(shop):
    payment = shop.create()
    shop.world.advance(3600)
    text = page_of(payment).text
    assert "The time to pay is over" in text and "<form" not in text


def test_money_given_back_is_said(shop):
    payment = shop.create()
    shop.world.pay(payment["id"])
    shop.world.refund(payment["id"], "9.00")
    assert "Refunded: 9.00\u00a0₽" in page_of(payment).text


@pytest.mark.parametrize(("wish", "saved"), [({"save_payment_method": True}, True), ({}, True)])
def test_the_payer_can_save_the_method_when_the_shop_leaves_it_open(shop, wish, saved):
    payment = shop.create(**wish)
    press(payment, action="pay", method="bank_card", save="on")
    assert shop.read(payment["id"])["payment_method"]["saved"] is saved


def test_a_method_is_not_saved_without_a_tick(shop):
    payment = shop.create()
    press(payment, action="pay", method="bank_card")
    assert shop.read(payment["id"])["payment_method"]["saved"] is False


def test_it_leads_back_and_loads_nothing_from_outside(shop):
    payment = shop.create()
    answer = page_of(payment)
    assert f'href="{payment["confirmation"]["return_url"]}"' in answer.text
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert "X-Frame-Options" not in answer.headers


def test_a_way_back_that_is_no_web_address_is_not_offered(shop):
    payment = shop.create(confirmation={"type": "redirect", "return_url": "javascript:alert(1)"})
    assert "javascript:" not in page_of(payment).text


def test_a_payment_that_is_not_there_has_no_page(shop):
    assert requests.get(f"{shop.world.address}/pay/nothing", timeout=5).status_code == 404


def test_the_front_page_lists_payments_for_people(shop):
    pending, paid = shop.create(description="<b>"), shop.paid("1234.50")
    shop.world.refund(paid["id"], "9.00")
    text = requests.get(shop.world.address, timeout=5).text
    for words in (
        "2 payments",
        "1\u00a0234.50\u00a0₽",
        "9.00\u00a0₽",
        "&lt;b&gt;",
        f'href="/pay/{pending["id"]}"',
    ):
        assert words in text
