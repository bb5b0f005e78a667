"""The sandbox's page as a newcomer uses it, in headless Chromium; the test plays the bot."""

import base64

import pytest
import requests
from django.conf import settings
from playwright.sync_api import expect

from sandbox.server import SandboxThread
from tests.sandbox.page.bot_hand import ANNA, BotHand
from tests.shop import wait_for

PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg=="
)

pytestmark = pytest.mark.browser


def test_a_newcomer_finds_four_customers_and_a_start_button(page, bot):
    bot.call("setMyDescription", description="Private internet in one tap")
    expect(page.locator(".introduction")).to_contain_text("Private internet in one tap")
    expect(page.locator(".customer b")).to_have_text(["Anna Orlova", "Boris", "Claire Martin", "Deniz"])
    page.get_by_role("button", name="Start", exact=True).click()
    said = bot.next_update()["message"]
    assert (said["text"], said["from"]["id"], said["from"]["language_code"]) == ("/start", ANNA, "ru")


def test_a_pressed_button_spins_until_the_bot_answers(chat, bot):
    bot.send("Menu", [{"text": "Trial", "callback_data": "v1:trial"}])
    key = chat.get_by_role("button", name="Trial")
    key.click()
    expect(key).to_have_class("key waiting")
    press = bot.next_update()["callback_query"]
    assert press["data"] == "v1:trial"
    bot.call("answerCallbackQuery", callback_query_id=press["id"], text="Done")
    expect(key).to_have_class("key")
    expect(chat.locator(".phone .toast")).to_have_text("Done")


def test_an_alert_opens_only_on_the_phone_that_pressed(chat, bot):
    bot.send("Menu", [{"text": "Help", "callback_data": "help"}])
    chat.get_by_role("button", name="More").click()
    chat.get_by_role("menuitem", name="Second phone").click()
    second = chat.locator(".phone").nth(1)
    second.get_by_role("button", name="Help").click()
    press = bot.next_update()["callback_query"]
    bot.call("answerCallbackQuery", callback_query_id=press["id"], text="Tap +", show_alert=True)
    expect(second.get_by_role("alertdialog")).to_contain_text("Tap +")
    expect(chat.get_by_role("alertdialog")).to_have_count(1)


def test_an_edit_changes_the_message_in_place_on_both_phones(chat, bot):
    sent = bot.send("Being activated")
    chat.get_by_role("button", name="More").click()
    chat.get_by_role("menuitem", name="Second phone").click()
    bot.call("editMessageText", chat_id=ANNA, message_id=sent["message_id"], text="Your key is ready")
    for phone in chat.locator(".phone").all():
        expect(phone.locator(".row .words")).to_have_text(["/start", "Your key is ready"])
        expect(phone.locator(".stamp").last).to_contain_text("edited")


def test_entities_are_shown_as_telegram_shows_them(chat, bot):
    bot.send(
        '<b>bold <i>both</i></b> <code>vless://key</code> <tg-spoiler>hidden</tg-spoiler> <a href="http://127.0.0.1:9/s">link</a>'
    )
    words = chat.locator(".words").last
    expect(words.locator("b i")).to_have_text("both")
    expect(words.locator("a")).to_have_attribute("href", "http://127.0.0.1:9/s")
    words.locator(".spoiler").click()
    expect(words.locator(".spoiler")).to_have_class("spoiler seen")
    words.locator("code").click()
    expect(chat.locator(".phone .toast")).to_have_text("Copied")
    assert chat.evaluate("navigator.clipboard.readText()") == "vless://key"


def test_markup_typed_by_a_customer_stays_text(chat, bot):
    chat.get_by_placeholder("Message").fill("<img src=x onerror=alert(1)>")
    chat.keyboard.press("Enter")
    assert bot.next_update()["message"]["text"] == "<img src=x onerror=alert(1)>"
    expect(chat.locator(".words").last).to_have_text("<img src=x onerror=alert(1)>")


def test_a_copy_button_fills_the_clipboard(chat, bot):
    bot.send("Key", [{"text": "Copy", "copy_text": {"text": "http://127.0.0.1:9/s/abc"}}])
    chat.get_by_role("button", name="Copy", exact=True).click()
    expect(chat.locator(".phone .toast")).to_have_text("Copied")
    assert chat.evaluate("navigator.clipboard.readText()") == "http://127.0.0.1:9/s/abc"


def test_a_link_button_opens_a_new_tab_also_on_this_machine(chat, bot, box):
    target = f"{box.addresses['page']}/config"
    bot.send("Site", [{"text": "Open", "url": target}])
    with chat.context.expect_page() as opened:
        chat.get_by_role("button", name="Open", exact=True).click()
    assert opened.value.url == target


def test_a_link_that_starts_this_bot_is_said_in_the_chat(chat, bot):
    username = bot.call("getMe")["username"]
    bot.send("Invite", [{"text": "Join", "url": f"https://t.me/{username}?start=r_ABC"}])
    chat.get_by_role("button", name="Join").click()
    assert bot.next_update()["message"]["text"] == "/start r_ABC"


def test_commands_the_bot_has_set_are_offered_and_said(chat, bot):
    bot.call("setMyCommands", commands=[{"command": "keys", "description": "My keys"}])
    keys = chat.get_by_role("menuitem", name="/keys")

    def is_offered() -> bool:  # the page hears of it a moment later
        chat.keyboard.press("Escape")
        chat.get_by_role("button", name="Commands").click()
        return keys.is_visible()

    wait_for(is_offered)
    keys.click()
    assert bot.next_update()["message"]["text"] == "/keys"


def test_a_photo_is_shown(chat, bot):
    bot.call("sendPhoto", files={"photo": ("qr.png", PIXEL, "image/png")}, chat_id=ANNA, caption="Scan it")
    picture = chat.locator(".picture img")
    expect(picture).to_be_visible()
    assert picture.evaluate("image => image.decode().then(() => image.naturalWidth)") == 1


def test_who_blocked_the_bot_comes_back_by_restarting_it(chat, bot):
    chat.get_by_role("button", name="More").click()
    chat.get_by_role("menuitem", name="Block the bot").click()
    assert bot.next_update()["my_chat_member"]["new_chat_member"]["status"] == "kicked"
    chat.get_by_role("button", name="Restart the bot").click()
    assert bot.next_update()["my_chat_member"]["new_chat_member"]["status"] == "member"
    assert bot.next_update()["message"]["text"] == "/start"
    expect(chat.get_by_placeholder("Message")).to_be_visible()


def test_a_customer_who_changes_language_writes_in_it(chat, bot):
    chat.get_by_role("button", name="More").click()
    chat.get_by_role("menuitem", name="Telegram in English").click()
    expect(chat.locator("[data-user='1001'] .tongue")).to_have_text("EN")
    chat.get_by_placeholder("Message").fill("hi")
    chat.keyboard.press("Enter")
    assert bot.next_update()["message"]["from"]["language_code"] == "en"


def test_history_deleted_on_one_phone_is_gone_and_start_is_offered_again(chat, bot):
    bot.send("Old news")
    chat.get_by_role("button", name="More").click()
    chat.get_by_role("menuitem", name="Delete the history").click()
    expect(chat.locator(".row")).to_have_count(0)
    expect(chat.get_by_role("button", name="Start", exact=True)).to_be_visible()


def test_a_message_to_another_customer_is_counted_as_unread(chat, bot, telegram):
    telegram.say(1002, "/start", first_name="Boris")
    bot.send("For Boris", chat=1002)
    expect(chat.locator("[data-user='1002'] .count")).to_have_text("1")
    chat.locator("[data-user='1002']").click()
    expect(chat.locator(".words").last).to_have_text("For Boris")
    expect(chat.locator("[data-user='1002'] .count")).to_have_count(0)


def test_a_new_customer_comes_by_a_link_with_a_payload(page, bot):
    page.get_by_role("button", name="Add a customer").first.click()
    page.get_by_label("First name").fill("Elif")
    page.get_by_label("Telegram's language").select_option("tr")
    page.get_by_label("Opens the bot by a link with").fill("r_XYZ")
    page.get_by_role("button", name="Add", exact=True).click()
    said = bot.next_update()["message"]
    assert (said["text"], said["from"]["first_name"], said["from"]["language_code"]) == (
        "/start r_XYZ",
        "Elif",
        "tr",
    )


def test_an_account_appears_on_its_panel_and_its_traffic_flows(page, marzban):
    limit = 10 * 1024**3
    marzban.emu("POST", "users", username="v1abc", data_limit=limit, expire=0)
    account = page.locator(".account", has_text="v1abc")
    expect(account).to_contain_text("0 B of 10 GB")
    account.get_by_role("button", name="Let 1 GB flow").click()
    expect(account).to_contain_text("1 GB of 10 GB")
    assert marzban.users()["v1abc"]["used_traffic"] == 1024**3


def test_an_account_the_panel_loses_leaves_the_page(page, marzban):
    marzban.emu("POST", "users", username="v1abc", expire=0)
    page.get_by_role("button", name="Let the panel lose this account").click()
    expect(page.locator(".account")).to_have_count(0)
    assert marzban.users() == {}


def test_accounts_of_a_3x_ui_panel_are_shown_with_their_inbounds(page, xui_clients, xui_legacy):
    xui_clients.make_user("anna", inbounds=[1, 3], totalGB=10 * 1024**3)
    account = page.locator(".account", has_text="anna")
    expect(account).to_contain_text("#1 #3")
    account.get_by_role("button", name="Let 1 GB flow").click()
    expect(account).to_contain_text("1 GB of 10 GB")
    xui_legacy.make_user("boris", enable=False)
    expect(page.locator(".account", has_text="boris")).to_contain_text("(#1)")


def test_the_cable_of_a_panel_is_pulled_and_put_back(page, marzban):
    switch = page.get_by_role("switch").first
    switch.click()
    expect(page.locator(".panel.down")).to_have_count(1)
    with pytest.raises(requests.ConnectionError):
        requests.get(f"{marzban.address}/api/system", timeout=10)
    switch.click()
    expect(page.locator(".panel.down")).to_have_count(0)
    assert requests.get(f"{marzban.address}/api/system", timeout=10).status_code == 401


def test_trouble_made_on_the_page_strikes_and_is_counted(page, bot):
    page.get_by_text("Trouble on demand").click()
    page.locator("[name=call]").select_option("sendMessage")
    page.locator("[name=kind]").select_option("error")
    page.get_by_role("button", name="Make trouble").click()
    expect(page.locator(".rules li")).to_contain_text("sendMessage 1 left")
    with pytest.raises(AssertionError, match="500"):
        bot.send("never arrives")
    expect(page.locator(".fired li")).to_have_text("1 answer with an error Telegram")


def test_healing_clears_rules_and_outages_everywhere(page, telegram, marzban):
    telegram.fail("*", "hang", seconds=1)
    marzban.outage(True)
    page.get_by_text("Trouble on demand").click()
    page.get_by_role("button", name="Heal everything").click()
    expect(page.get_by_text("Everything is healed")).to_be_visible()
    assert telegram.emu("GET", "faults")["rules"] == []
    assert marzban.emu("GET", "faults")["down"] is False


def test_the_clocks_of_all_stand_ins_move_together(page, telegram, marzban):
    page.get_by_text("Time", exact=True).click()
    page.get_by_role("button", name="+1 week").click()
    expect(page.locator(".clock-state")).to_have_text("7 d ahead")
    offsets = [stand_in.emu("GET", "clock")["offset"] for stand_in in (telegram, marzban)]
    assert offsets == [604_800, 604_800]


def test_calls_the_shop_made_are_listed_without_polls(chat, bot):
    bot.send("Hello")
    chat.get_by_text("Calls received").click()
    expect(chat.locator(".calls details")).to_have_count(1)
    expect(chat.locator(".calls summary").first).to_contain_text("sendMessage200")


def test_the_page_speaks_russian_when_asked(page):
    page.get_by_role("button", name="Русский").click()
    expect(page.get_by_role("heading", name="Клиенты")).to_be_visible()
    page.get_by_role("button", name="English").click()
    expect(page.get_by_role("heading", name="Customers")).to_be_visible()


@pytest.mark.parametrize("tab", ["Customers", "Chat", "World"])
def test_nothing_sticks_out_on_a_narrow_screen(page, marzban, tab):
    marzban.emu("POST", "users", username="v1_a_rather_long_account_name", data_limit=10**12, expire=1)
    page.set_viewport_size({"width": 360, "height": 740})
    page.locator("#tabs").get_by_role("button", name=tab).click()
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    assert (
        page.evaluate("[...document.querySelectorAll('main > *')].filter(e => e.offsetWidth > 0).length") == 1
    )


def test_what_was_missed_while_the_sandbox_was_away_is_shown(chromium, tmp_path):
    options = {"snapshot": tmp_path / "sandbox.json", "bot_token": settings.TELEGRAM_BOT_TOKEN}
    with SandboxThread(**options) as box:
        address = box.addresses["page"]
        page = chromium.new_page()
        page.goto(address)
        page.get_by_role("button", name="Start", exact=True).click()
        expect(page.locator(".words")).to_have_text("/start")
    expect(page.locator(".live")).to_have_text("reconnecting")
    with SandboxThread(**options, page_port=int(address.rpartition(":")[2])) as box:
        BotHand(box.addresses["telegram"]).send("Back again")
        expect(page.locator(".words").last).to_have_text("Back again")
        expect(page.locator(".live")).to_have_text("live")
        page.close()


def test_telegram_is_unplugged_and_put_back(page, telegram, bot):
    page.get_by_text("Trouble on demand").click()
    page.get_by_role("switch", name="Unplug Telegram").click()
    expect(page.locator(".card.present")).to_have_count(1)
    with pytest.raises(requests.ConnectionError):
        bot.call("getMe")
    page.get_by_role("switch", name="Unplug Telegram").click()
    expect(page.locator(".card.present")).to_have_count(0)
    expect(page.locator(".fired li")).to_have_text("1 cable pulled Telegram")
    assert bot.call("getMe")["is_bot"]
