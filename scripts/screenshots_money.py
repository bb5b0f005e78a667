"""The pictures of buying: checkout and pay page, then what staff see of the money."""

import uuid
from functools import partial
from typing import Any

import requests
from playwright.sync_api import Page

from scripts.studio import PHONE, Shop, Studio, save, save_whole, wait_for

BUYERS = (2001, 2002, 2003, 2004)
DECLINED, PATIENT = 2005, 2006
TILL = ("100500", "test_sandbox_secret")
METHODS = ("bank_card", "sbp", "sberbank", "tinkoff_bank")


def provider(shop: Shop, verb: str, call: str, /, **fields: Any) -> Any:
    return shop.emulate(verb, f"/yookassa/_emu/{call}", **fields)


def open_checkout(shop: Shop, customer: int, plan: str) -> None:
    """Go to a plan's checkout, which asks for consents or offers to pay."""
    shop.say(customer, "/buy")
    press(shop, customer, "buy:", words=plan)
    wait_for(
        "the checkout", lambda: find_button(shop, customer, "agree:") or find_button(shop, customer, "pay:")
    )


def agree(shop: Shop, customer: int) -> None:
    """Agree to one text after the other until paying is offered."""
    while button := find_button(shop, customer, "agree:"):
        shop.emulate("POST", "/_emu/press", user_id=customer, data=button)
        wait_for("the consent", partial(is_gone, shop, customer, button))


def is_gone(shop: Shop, customer: int, button: str) -> bool:
    return find_button(shop, customer, "agree:") != button


def order(shop: Shop, customer: int, plan: str = "30") -> str:
    """Order a plan in the chat and return the provider's id of its payment."""
    before = {payment["id"] for payment in provider(shop, "GET", "payments")}
    open_checkout(shop, customer, plan)
    agree(shop, customer)
    press(shop, customer, "pay:")

    def made() -> list[str]:
        return [row["id"] for row in provider(shop, "GET", "payments") if row["id"] not in before]

    found: list[str] = wait_for("the payment at the provider", made)
    return found[0]


def find_button(shop: Shop, customer: int, action: str, *, words: str = "") -> str | None:
    """Return what the first button of that action carries in the newest message."""
    chat = shop.emulate("GET", f"/_emu/chats/{customer}")
    rows = chat[-1].get("reply_markup", {}).get("inline_keyboard", []) if chat else []
    for button in (button for row in rows for button in row):
        data: str = button.get("callback_data", "")
        if data.startswith(f"v1:{action}") and words in button["text"]:
            return data
    return None


def press(shop: Shop, customer: int, action: str, *, words: str = "") -> None:
    data = wait_for(f"a button for {action}", lambda: find_button(shop, customer, action, words=words))
    shop.emulate("POST", "/_emu/press", user_id=customer, data=data)


def play_money(shop: Shop) -> None:
    """Let guests buy: most pay, one is declined, one takes their time, one paid twice."""
    for customer, method in zip(BUYERS, METHODS, strict=True):
        payment = order(shop, customer)
        provider(shop, "POST", "pay", payment_id=payment, method=method)
        shop.said_by_bot(customer, "✅")
    provider(shop, "POST", "decline", payment_id=order(shop, DECLINED), reason="insufficient_funds")
    order(shop, PATIENT)
    pay_twice(shop)


def pay_twice(shop: Shop) -> None:
    """Pay an order again that is paid, past the shop, as a second link in another tab would."""
    paid = next(row for row in provider(shop, "GET", "books")["payments"] if row["status"] == "succeeded")
    body = {
        "amount": {"value": "299.00", "currency": "RUB"},
        "capture": True,
        "confirmation": {"type": "redirect", "return_url": "https://example.com/"},
        "metadata": paid["metadata"],
    }
    made = requests.post(
        f"{shop.addresses['yookassa']}/v3/payments",
        json=body,
        auth=TILL,
        headers={"Idempotence-Key": str(uuid.uuid4())},
        timeout=30,
    )
    provider(shop, "POST", "pay", payment_id=made.json()["id"])


def photograph_buying(studio: Studio, customer: int) -> None:
    """The way from the plan to the pay page, in one customer's chat."""
    shop = studio.shop
    open_checkout(shop, customer, "30")
    with studio.chat(customer, size=PHONE) as page:
        save(page, "phone-consents")
        agree(shop, customer)
        page.get_by_role("button", name="Pay 299").last.wait_for()
        save(page, "phone-checkout")
    press(shop, customer, "pay:")
    shop.said_by_bot(customer, "₽")
    with studio.chat(customer) as page:
        page.get_by_role("link", name="Pay 299").or_(page.get_by_role("button", name="Pay 299")).last.click()
        page.frame_locator("iframe").get_by_text("299").first.wait_for()
        page.locator(".account").first.wait_for()
        save(page, "chat-pay-page")
    newest = provider(shop, "GET", "payments")[0]
    with studio.window(size=PHONE) as page:
        page.goto(newest["confirmation"]["confirmation_url"])
        save(page, "phone-pay-page")
    provider(shop, "POST", "pay", payment_id=newest["id"])
    shop.said_by_bot(customer, "✅")
    with studio.chat(customer, size=PHONE) as page:
        save(page, "phone-paid")


def photograph_money(studio: Studio) -> None:
    """What staff see: orders, a payment, a refund the provider will not make, decisions, the books."""
    with studio.admin("billing/order/") as page:
        save(page, "admin-orders")
    with studio.admin("billing/payment/?state__exact=succeeded") as page:
        page.locator("#result_list tbody tr").last.get_by_role("link").first.click()
        save_whole(page, "admin-payment")
        address = page.url.removeprefix(studio.shop.addresses["admin"])
    provider(studio.shop, "POST", "settings", refund="canceled", refund_reason="rejected_by_payee")
    with studio.admin(address) as page:
        refund(page)
    with studio.admin("billing/decision/?state__exact=open") as page:
        wait_for("the questions", lambda: reloaded(page).locator("#result_list tbody tr").count() >= 2)
        save(page, "admin-decisions")
        page.get_by_role("link", name="Paid twice").first.click()
        save_whole(page, "admin-decision")
    with studio.admin("billing/refund/") as page:
        page.locator("#result_list tbody tr").last.get_by_role("link").first.click()
        save(page, "admin-refund")
    with studio.admin("billing/journalentry/") as page:
        save(page, "admin-journal")
    with studio.admin("billing/provideraccount/", dark=True) as page:
        page.get_by_role("link", name="100500").first.click()
        save_whole(page, "admin-provider")


def refund(page: Page) -> None:
    """Refund the payment on the page, as staff do: filled in, shown, confirmed."""
    page.get_by_role("link", name="Refund", exact=True).last.click()
    page.fill("[name=reason]", "The speed in the evenings")
    save(page, "admin-refund-dialog")
    page.locator("form button[type=submit]").last.click()
    page.locator("[name=confirm]").wait_for()
    save(page, "admin-refund-confirm")
    page.locator("[name=confirm]").click()
    page.get_by_text("Refund 1 of").wait_for()


def reloaded(page: Page) -> Page:
    page.reload()
    return page
