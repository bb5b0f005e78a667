"""Payments on the sandbox's page: the pay page beside the chat, and the provider's own side."""

from typing import Any

import pytest
import requests
from playwright.sync_api import Locator, Page, expect

from tests.sandbox.page.bot_hand import BotHand
from tests.world import PaymentWorld

pytestmark = pytest.mark.browser


def ask(yookassa: PaymentWorld, method: str, call: str, key: str = "", **body: Any) -> dict[str, Any]:
    """Call the API as the shop would."""
    answer = requests.request(
        method,
        f"{yookassa.api_url}/{call}",
        json=body,
        headers={"Idempotence-Key": key},
        auth=(yookassa.shop_id, yookassa.secret_key),
        timeout=10,
    )
    assert answer.status_code == 200, answer.text
    return answer.json()


def create(yookassa: PaymentWorld, back: str = "https://t.me/nobody", key: str = "k1") -> dict[str, Any]:
    return ask(
        yookassa,
        "POST",
        "payments",
        key,
        amount={"value": "299.00", "currency": "RUB"},
        capture=True,
        confirmation={"type": "redirect", "return_url": back},
        description="VPN: 30 days, order 7",
    )


@pytest.fixture
def offered(chat: Page, bot: BotHand, yookassa: PaymentWorld) -> Page:
    """Anna's chat holds a button that leads to a pay page."""
    back = f"https://t.me/{bot.call('getMe')['username']}?start=order_7"
    bot.send(
        "Order 7", [{"text": "Pay 299 ₽", "url": create(yookassa, back)["confirmation"]["confirmation_url"]}]
    )
    return chat


@pytest.fixture
def row(page: Page, yookassa: PaymentWorld) -> Locator:
    """What the page shows of one payment just made."""
    create(yookassa)
    row = page.locator("[data-payment]")
    expect(row.locator(".chip")).to_have_text("waits")
    return row


def test_paying_beside_the_chat_leads_back_into_it(offered, bot, yookassa):
    offered.get_by_role("button", name="Pay 299 ₽").click()
    pay_page = offered.frame_locator(".pay-pane iframe")
    pay_page.get_by_role("button", name="Pay", exact=True).click()
    pay_page.get_by_role("link", name="Return to the shop").click()
    expect(offered.locator(".pay-pane")).to_have_count(0)
    assert bot.next_update()["message"]["text"] == "/start order_7"
    assert yookassa.books()["totals"]["paid"]["value"] == "299.00"


def test_a_pay_page_that_is_closed_says_nothing_in_the_chat(offered, bot, yookassa):
    offered.get_by_role("button", name="Pay 299 ₽").click()
    offered.locator(".pay-pane").get_by_role("button", name="Close").click()
    expect(offered.locator(".pay-pane")).to_have_count(0)
    expect(offered.locator(".row.own")).to_have_count(1)
    assert yookassa.payments()[0]["status"] == "pending"


def test_only_the_pay_page_itself_can_speak_for_the_payer(offered):
    offered.get_by_role("button", name="Pay 299 ₽").click()
    offered.frame_locator(".pay-pane iframe").get_by_text("299.00 ₽").wait_for()
    offered.evaluate("postMessage({kind: 'yookassa.return', url: 'https://t.me/x?start=forged'}, '*')")
    offered.wait_for_timeout(200)
    expect(offered.locator(".pay-pane")).to_have_count(1)
    expect(offered.locator(".row.own")).to_have_count(1)


def test_a_payment_is_paid_and_refunded_from_the_providers_side(row, yookassa):
    row.get_by_role("button", name="Pay").click()
    expect(row.locator(".chip")).to_have_text("paid")
    row.get_by_role("button", name="Refund").click()
    expect(row.locator(".refund")).to_contain_text("299.00 ₽paid out")
    assert yookassa.books()["totals"]["left"]["value"] == "0.00"


@pytest.mark.parametrize(
    ("press", "status"), [("Time out", "expired_on_confirmation"), ("Decline", "insufficient_funds")]
)
def test_a_payment_fails_for_the_reason_chosen(page, row, yookassa, press, status):
    row.get_by_role("button", name=press).click()
    if press == "Decline":
        page.get_by_role("menuitem", name="Not enough money").click()
    expect(row).to_contain_text(status)
    assert yookassa.payments()[0]["cancellation_details"]["reason"] == status


def test_money_is_held(row, yookassa):
    row.get_by_role("button", name="Hold").click()
    expect(row.locator(".chip")).to_have_text("held")
    assert yookassa.books()["totals"]["held"]["value"] == "299.00"


def switch(page: Page, name: str, call: str = "settings") -> None:
    """Throw a switch, and wait until the stand-in has answered."""
    with page.expect_response(f"**/yookassa/_emu/{call}"):
        page.get_by_role("switch", name=name).last.click()


def test_a_refund_that_waits_is_let_fail(page, row, yookassa):
    switch(page, "Refunds wait")
    paid = yookassa.pay()
    ask(yookassa, "POST", "refunds", "r1", payment_id=paid["id"], amount=paid["amount"])
    row.get_by_role("button", name="Let it fail").click()
    expect(row.locator(".refund")).to_contain_text("failed")
    assert yookassa.books()["refunds"][0]["status"] == "canceled"


def test_notices_are_lost_by_a_switch_and_told_again_by_a_button(page, row, yookassa):
    page.get_by_text("Notices to the shop").click()
    switch(page, "Lose notices")
    yookassa.pay()
    notice = page.locator(".notices li")
    expect(notice).to_contain_text("lost on the way")
    notice.get_by_role("button", name="Tell it again").click()
    expect(page.locator(".notices li")).to_have_count(2)


def test_the_providers_cable_is_pulled_and_it_is_made_slow(page, yookassa):
    switch(page, "Pull the panel's cable", "outage")
    switch(page, "Answer slowly", "fail")
    expect(page.locator(".card.present")).to_have_count(1)
    state = yookassa.emu("GET", "faults")
    assert (state["down"], state["rules"][0]["kind"]) == (True, "delay")
    with pytest.raises(requests.ConnectionError):
        requests.get(f"{yookassa.api_url}/me", timeout=10)


def test_payments_and_the_pay_page_fit_a_narrow_screen(offered, yookassa):
    yookassa.set(refund="pending")
    paid = yookassa.pay(create(yookassa, key="k2")["id"])
    ask(yookassa, "POST", "refunds", "r1", payment_id=paid["id"], amount=paid["amount"])
    offered.set_viewport_size({"width": 360, "height": 740})
    offered.get_by_role("button", name="Pay 299 ₽").click()
    expect(offered.locator(".pay-pane")).to_be_in_viewport(ratio=1)
    offered.locator("#tabs").get_by_role("button", name="World").click()
    offered.get_by_text("Notices to the shop").click()
    expect(offered.locator(".refund")).to_be_visible()
    world = offered.locator("#world")
    assert world.evaluate("column => column.scrollWidth <= column.clientWidth")
    assert offered.evaluate("document.documentElement.scrollWidth") == 360
