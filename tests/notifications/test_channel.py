"""What the Bot API's errors mean to us: the contract's table, each row provoked over HTTP."""

import asyncio

import pytest

from core.errors import OutsideError
from notifications.channels.telegram import MessageGone, TelegramChannel, make_bot
from notifications.errors import (
    MessageRefused,
    RecipientUnreachable,
    SendOutcomeUnknown,
    TokenRefused,
    TooFast,
)
from notifications.kinds import Button, Rendered

ANNA = 5_001
HELLO = Rendered("<b>Hello</b>", buttons=((Button("Menu", action="menu"),),))


def with_channel(work):
    async def main():
        async with make_bot() as bot:
            return await work(TelegramChannel(bot, lambda action: f"v1:{action}"))

    return asyncio.run(main())


@pytest.fixture
def anna(telegram):
    telegram.say(ANNA, "/start")
    return telegram


def outcome(telegram, status: int, description: str, **more) -> OutsideError:
    telegram.fail("sendMessage", "error", status=status, description=description, times=2, **more)
    with pytest.raises(OutsideError) as caught:
        with_channel(lambda channel: channel.send(ANNA, HELLO))
    telegram.heal()
    return caught.value


@pytest.mark.parametrize(
    ("status", "description", "meaning"),
    [
        (400, "Bad Request: chat not found", RecipientUnreachable),
        (403, "Forbidden: bot was blocked by the user", RecipientUnreachable),
        (403, "Forbidden: user is deactivated", RecipientUnreachable),
        (403, "Forbidden: bot can't initiate conversation with a user", RecipientUnreachable),
        (403, "Forbidden: the bot can't send messages to the bot", MessageRefused),
        (400, "Bad Request: message is too long", MessageRefused),
        (400, "Bad Request: BUTTON_DATA_INVALID", MessageRefused),
        (401, "Unauthorized", TokenRefused),
        (500, "Internal Server Error", SendOutcomeUnknown),
        (502, "Bad Gateway", SendOutcomeUnknown),
    ],
)
def test_refusals(anna, status, description, meaning):
    assert type(outcome(anna, status, description)) is meaning


def test_a_deleted_account_is_told_apart(anna):
    unreachable = outcome(anna, 403, "Forbidden: user is deactivated")
    assert isinstance(unreachable, RecipientUnreachable) and unreachable.is_gone


def test_a_rate_limit_says_for_how_long(anna):
    anna.fail("sendMessage", "rate_limit", retry_after=17, times=1)
    with pytest.raises(TooFast) as caught:
        with_channel(lambda channel: channel.send(ANNA, HELLO))
    assert caught.value.seconds == 17


@pytest.mark.parametrize("kind", ["refuse", "lost", "html"])
def test_without_an_answer_the_outcome_is_unknown(anna, kind):
    anna.fail("sendMessage", kind, times=1)
    with pytest.raises(SendOutcomeUnknown):
        with_channel(lambda channel: channel.send(ANNA, HELLO))


def test_sending_shows_text_and_buttons(anna):
    with_channel(lambda channel: channel.send(ANNA, HELLO))
    message = anna.answers(ANNA)[-1]
    assert message["text"] == "Hello" and message["entities"][0]["type"] == "bold"
    assert message["reply_markup"]["inline_keyboard"] == [[{"text": "Menu", "callback_data": "v1:menu"}]]


def test_broken_markup_is_sent_as_plain_text(anna):
    with_channel(lambda channel: channel.send(ANNA, Rendered("<b>Hello")))
    assert anna.answers(ANNA)[-1]["text"] == "Hello"


def test_an_edit_that_changes_nothing_is_success(anna):
    async def twice(channel: TelegramChannel) -> None:
        number = await channel.send(ANNA, HELLO)
        await channel.edit(ANNA, number, HELLO)

    with_channel(twice)


@pytest.mark.parametrize("message_id", [999_999])
def test_an_edit_of_what_is_not_there_says_so(anna, message_id):
    with pytest.raises(MessageGone):
        with_channel(lambda channel: channel.edit(ANNA, message_id, HELLO))


def test_a_photo_goes_out_and_is_removed(anna):
    from subscriptions.qr import png

    async def send_and_remove(channel: TelegramChannel) -> None:
        number = await channel.send(ANNA, Rendered("code", photo=png("https://shop.example.org/s/x")))
        assert anna.answers(ANNA)[-1]["photo"][-1]["width"] >= 512
        await channel.remove(ANNA, number)

    with_channel(send_and_remove)
    assert not anna.answers(ANNA)


def test_a_press_too_old_to_answer_is_no_error(anna):
    with_channel(lambda channel: channel.answer_press("12345"))


def test_links_are_never_previewed(anna):
    with_channel(lambda channel: channel.send(ANNA, HELLO))
    assert '"is_disabled": true' in str(
        anna.calls("sendMessage")[-1]["parameters"]["link_preview_options"]
    ).lower().replace("'", '"')
