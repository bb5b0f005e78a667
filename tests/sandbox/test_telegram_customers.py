import json
from urllib.parse import parse_qsl

import pytest

from sandbox.telegram.customers import signature
from tests.sandbox.telegram_server import FIXTURES, GO, TOKEN, TelegramServer

LINKS = {
    "inline_keyboard": [
        [{"text": "Open", "url": "https://shop.example.com/s/x"}],
        [{"text": "Copy", "copy_text": {"text": "vless://x"}}],
        [{"text": "App", "web_app": {"url": "https://shop.example.com/app"}}],
    ]
}


async def kinds(server: TelegramServer) -> list[str]:
    """Give the kinds of all waiting updates, oldest first."""
    return [list(update)[1] for update in await server.updates(limit=50)]


async def newest(server: TelegramServer) -> dict:
    return (await server.updates(offset=-1))[0]


async def test_what_a_customer_says_arrives_as_the_contract_shapes_it(server):
    who = {"user_id": 8, "first_name": "Boris", "username": "boris", "language_code": "ru"}
    said = await server.emu("say", text="/start r_x", **who)

    message = (await newest(server))["message"]
    assert message == said["message"]
    assert message["from"] == {
        "id": 8,
        "is_bot": False,
        "first_name": "Boris",
        "username": "boris",
        "language_code": "ru",
    }
    assert message["chat"] == {"id": 8, "first_name": "Boris", "username": "boris", "type": "private"}
    assert message["entities"] == [{"type": "bot_command", "offset": 0, "length": 6}]


async def test_what_is_known_of_a_customer_stays_and_can_change(server):
    await server.emu("say", user_id=7, first_name="Anna", language_code="ru", text="a")
    await server.emu("say", user_id=7, text="b")
    assert (await newest(server))["message"]["from"]["language_code"] == "ru"

    await server.emu("users", user_id=7, language_code="en")
    assert (await server.look("users"))[0]["language_code"] == "en"


async def test_a_press_arrives_with_the_message_it_was_made_on(server):
    sent = await server.call("sendMessage", chat_id=7, text="Menu", reply_markup=GO)
    pressed = await server.press(text=" go ")

    query = (await newest(server))["callback_query"]
    assert query["message"] == sent
    assert (query["id"], query["data"], query["from"]["id"]) == (pressed["callback_query_id"], "v1:go", 7)
    assert query["id"].isdecimal() and query["chat_instance"].isdecimal()


async def test_the_newest_message_with_the_button_is_pressed_unless_one_is_named(server):
    first = await server.call("sendMessage", chat_id=7, text="old", reply_markup=GO)
    await server.call("sendMessage", chat_id=7, text="new", reply_markup=GO)
    await server.call("sendMessage", chat_id=7, text="no button")

    await server.press(text="Go")
    assert (await newest(server))["callback_query"]["message"]["text"] == "new"
    await server.press(data="v1:go", message_id=first["message_id"])
    assert (await newest(server))["callback_query"]["message"]["text"] == "old"


async def test_an_exact_caption_goes_before_a_similar_one(server):
    similar = {"inline_keyboard": [[{"text": "GO", "callback_data": "loud"}]]}
    await server.call("sendMessage", chat_id=7, text="a", reply_markup=GO)
    await server.call("sendMessage", chat_id=7, text="b", reply_markup=similar)

    await server.press(text="Go")
    assert (await newest(server))["callback_query"]["data"] == "v1:go"


@pytest.mark.parametrize("wish", [{"text": "Go"}, {"data": "v1:go"}, {"data": "v1:go", "message_id": 1}])
async def test_a_button_that_is_nowhere_cannot_be_pressed(server, wish):
    async with server.http.post(f"{server.address}/_emu/press", json={"user_id": 7} | wish) as response:
        assert response.status == 404
        assert (await response.json()) == {"error": "no message has this button"}


@pytest.mark.parametrize(
    ("text", "opened"),
    [
        ("Open", {"url": "https://shop.example.com/s/x"}),
        ("Copy", {"copy_text": "vless://x"}),
        ("App", {"url": "https://shop.example.com/app", "web_app": True}),
    ],
)
async def test_some_buttons_act_on_the_customers_own_device(server, text, opened):
    await server.call("sendMessage", chat_id=7, text="a", reply_markup=LINKS)

    assert await server.press(text=text) == opened
    assert await kinds(server) == ["message"]


async def test_a_button_that_was_edited_away_can_still_be_pressed_on_an_old_screen(server):
    sent = await server.call("sendMessage", chat_id=7, text="Menu", reply_markup=GO)
    await server.call("editMessageText", chat_id=7, message_id=sent["message_id"], text="Next")

    await server.press(data="v1:go", message_id=sent["message_id"], stale=True)
    query = (await newest(server))["callback_query"]
    assert (query["data"], query["message"]["text"]) == ("v1:go", "Next")


async def test_a_press_on_a_deleted_message_shows_only_its_number(server):
    sent = await server.call("sendMessage", chat_id=7, text="Menu", reply_markup=GO)
    await server.call("deleteMessage", chat_id=7, message_id=sent["message_id"])

    await server.press(data="v1:go", message_id=sent["message_id"], stale=True)
    message = (await newest(server))["callback_query"]["message"]
    assert message == {"chat": sent["chat"], "message_id": sent["message_id"], "date": 0}


async def test_a_key_of_the_reply_keyboard_sends_its_caption_or_the_contact(server):
    keys = {"keyboard": [["Menu", {"text": "Phone", "request_contact": True}]]}
    await server.call("sendMessage", chat_id=7, text="a", reply_markup=keys)

    await server.press(text="menu")
    assert (await newest(server))["message"]["text"] == "Menu"
    await server.press(text="Phone")
    assert (await newest(server))["message"]["contact"]["user_id"] == 7


async def test_blocking_and_coming_back_are_told_before_the_message(server):
    await server.emu("block", user_id=7)
    await server.emu("block", user_id=7)
    await server.say("back again")

    updates = await server.updates(limit=50)
    assert [list(update)[1] for update in updates] == [
        "message",
        "my_chat_member",
        "my_chat_member",
        "message",
    ]
    left, came = updates[1]["my_chat_member"], updates[2]["my_chat_member"]
    assert left["new_chat_member"]["status"] == "kicked" and left["new_chat_member"]["until_date"] == 0
    assert (came["old_chat_member"]["status"], came["new_chat_member"]["status"]) == ("kicked", "member")
    assert came["new_chat_member"]["user"]["is_bot"] and came["from"]["id"] == 7


async def test_a_customer_who_came_back_can_be_written_to(server):
    await server.emu("block", user_id=7)
    await server.emu("unblock", user_id=7)
    assert (await server.call("sendMessage", chat_id=7, text="a"))["text"] == "a"


async def test_being_thrown_out_of_a_group_is_told(server):
    await server.emu("groups", id=-1001, title="Staff")
    await server.emu("groups", id=-1001, bot_status="kicked")

    change = (await newest(server))["my_chat_member"]
    assert change["chat"]["title"] == "Staff"
    assert change["new_chat_member"]["status"] == "kicked"


async def test_both_phones_of_a_customer_press_and_only_one_is_told(server):
    await server.call("sendMessage", chat_id=7, text="Menu", reply_markup=GO)
    first = await server.press(data="v1:go", phone="1")
    second = await server.press(data="v1:go", phone="2")

    assert first["callback_query_id"] != second["callback_query_id"]
    assert (await server.look(f"callbacks/{second['callback_query_id']}"))["phone"] == "2"


async def test_everything_that_happens_is_published(server):
    with server.stand_in.bot.hub.subscribe() as events:
        press = await server.pressed()
        await server.call("answerCallbackQuery", callback_query_id=press)
        await server.call("editMessageText", chat_id=7, message_id=2, text="a")
        await server.call("deleteMessage", chat_id=7, message_id=2)
        await server.emu("block", user_id=7)
        seen = [await anext(aiter(events)) for _ in range(6)]

    what = ["message", "callback", "answer", "edit", "delete", "user"]
    assert [event["kind"] for event in seen] == [f"telegram.{kind}" for kind in what]
    assert {event["chat_id"] for event in seen} == {7}


def test_the_signature_of_mini_app_data_is_telegrams():
    vector = json.loads((FIXTURES / "init_data.json").read_text())
    fields = dict(parse_qsl(vector["init_data"]))

    assert fields.pop("hash") == signature(fields, vector["token"])


async def test_mini_app_data_tells_who_opened_it(server):
    raw = (await server.look("initdata?user_id=7&start_param=r_x"))["init_data"]

    fields = dict(parse_qsl(raw))
    assert fields.pop("hash") == signature(fields, TOKEN)
    assert json.loads(fields["user"])["id"] == 7
    assert fields["start_param"] == "r_x"


async def test_a_client_shows_the_commands_of_its_language_and_chat(server):
    async def name(command: str, **where) -> None:
        await server.call("setMyCommands", commands=[{"command": command, "description": "a"}], **where)

    await name("all")
    assert (await server.look("commands?user_id=7"))["commands"][0]["command"] == "all"
    await server.emu("users", user_id=7, language_code="ru")
    await name("russian", language_code="ru")
    assert (await server.look("commands?user_id=7"))["commands"][0]["command"] == "russian"
    await name("staff", scope={"type": "chat", "chat_id": 7})
    assert (await server.look("commands?user_id=7"))["commands"][0]["command"] == "staff"


async def test_a_chats_own_menu_button_goes_before_everybodys(server):
    shop = {"type": "web_app", "text": "Shop", "web_app": {"url": "https://shop.example.com/"}}
    await server.call("setChatMenuButton", menu_button=shop)
    assert (await server.look("commands?user_id=7"))["menu_button"] == shop

    await server.call("setChatMenuButton", chat_id=7, menu_button={"type": "commands"})
    assert await server.call("getChatMenuButton", chat_id=7) == {"type": "commands"}
    assert await server.call("getChatMenuButton", chat_id=8) == shop


async def test_a_cleared_chat_is_empty(server):
    await server.call("sendMessage", chat_id=7, text="a")
    await server.call("sendMessage", chat_id=7, text="b", reply_markup={"keyboard": [["Menu"]]})
    await server.emu("clear", user_id=7)

    assert await server.look("chats/7") == []
    assert await server.press(text="Menu") == {"error": "no message has this button"}


async def test_a_reset_forgets_everything_and_numbers_anew(server):
    before = (await newest(server))["update_id"]
    await server.call("setMyCommands", commands=[{"command": "a", "description": "a"}])
    await server.call("logOut")
    await server.emu("reset")

    assert await server.look("users") == [] and await server.call("getMyCommands") == []
    await server.say()
    assert (await newest(server))["update_id"] != before


@pytest.mark.parametrize(
    ("path", "body", "error"),
    [
        ("say", {"text": "a"}, "give user_id, a number"),
        ("say", {"user_id": 7}, "give a text"),
        ("block", {"user_id": 404}, "no such user"),
        ("rates", {"speed": 1}, "unknown field 'speed'"),
        ("rates", {"chat": 0}, "rates must be above 0"),
    ],
)
async def test_a_control_call_that_makes_no_sense_says_why(server, path, body, error):
    assert await server.emu(path, **body) == {"error": error}
