"""Understanding raw updates: any JSON Telegram or a forger may send is read without an error."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telegram_bot.intents import Kind, callback_data, chat_of, read

ANNA = {"id": 7, "is_bot": False, "first_name": "Anna"}
CHAT = {"id": 7, "type": "private"}
BOT_MESSAGE = {"message_id": 5, "date": 1_700_000_000, "chat": CHAT, "text": "Hello"}


def message(text: str, **more):
    return {"update_id": 1, "message": {"message_id": 1, "from": ANNA, "chat": CHAT, "text": text, **more}}


def press(data: str, shown=BOT_MESSAGE):
    return {"update_id": 1, "callback_query": {"id": "9", "from": ANNA, "message": shown, "data": data}}


@pytest.mark.parametrize(
    ("text", "name", "argument"),
    [
        ("/start", "start", ""),
        ("/start r_abc", "start", "r_abc"),
        ("/START@shop_bot  r_abc", "start", "r_abc"),
        ("/plans now", "plans", "now"),
        ("/start " + "x" * 200, "start", "x" * 64),
    ],
)
def test_commands(text, name, argument):
    intent = read(message(text))
    assert (intent.kind, intent.name, intent.argument) == (Kind.COMMAND, name, argument)


def test_press_carries_action_argument_and_its_message():
    intent = read(press(callback_data("connect:ios")))
    assert (intent.kind, intent.name, intent.argument) == (Kind.PRESS, "connect", "ios")
    assert intent.origin and intent.origin.message_id == 5 and not intent.origin.has_photo


def test_press_of_another_version_has_no_action():
    assert read(press("v9:trial")).name == ""


def test_press_on_a_message_too_old_to_be_shown_has_no_origin():
    assert read(press("v1:menu", {"message_id": 5, "date": 0, "chat": CHAT})).origin is None


def test_press_knows_a_photo():
    origin = read(press("v1:menu", {**BOT_MESSAGE, "photo": [{"file_id": "x"}]})).origin
    assert origin and origin.has_photo


@pytest.mark.parametrize(
    "payload",
    [
        {"update_id": 1},
        {"message": None},
        {"message": {"from": ANNA}},
        {"message": {"from": ANNA, "chat": {"type": "group", "id": -5}, "text": "/start"}},
        {"message": {"from": {**ANNA, "is_bot": True}, "chat": CHAT, "text": "/start"}},
        {"callback_query": {"from": ANNA, "message": {**BOT_MESSAGE, "chat": {"type": "group", "id": -5}}}},
        {"edited_message": {"from": ANNA, "chat": CHAT, "text": "/start"}},
        {"my_chat_member": {"from": ANNA, "chat": CHAT, "new_chat_member": None}},
    ],
)
def test_what_is_not_for_us_is_ignored(payload):
    assert read(payload).kind is Kind.IGNORED
    assert chat_of(payload) is None


def test_a_message_without_text_is_answered_too():
    assert read(message("", sticker={})).kind is Kind.TEXT


def test_callback_data_fits_into_64_bytes_for_every_button():
    from subscriptions.models import Platform
    from telegram_bot.handlers import ACTIONS

    actions = [*ACTIONS, *(f"connect:{code}" for code in Platform.values), "language:ru"]
    assert max(len(callback_data(action).encode()) for action in actions) <= 64


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=15,
)
parts = st.sampled_from(["from", "chat", "text", "message", "data", "id", "date", "new_chat_member", "type"])
bodies = st.dictionaries(
    parts, json_values | st.just(ANNA) | st.just(CHAT) | st.just(BOT_MESSAGE), max_size=6
)


@given(
    kind=st.sampled_from(["message", "callback_query", "my_chat_member", "poll"]), body=json_values | bodies
)
def test_garbage_never_raises(kind, body):
    intent = read({"update_id": 1, kind: body})
    assert intent.kind is Kind.IGNORED or intent.sender is not None
