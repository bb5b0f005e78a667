"""python-telegram-bot as it is, with nothing but its two addresses changed."""

import asyncio
import socket
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from telegram import Bot, InlineKeyboardButton, InlineKeyboardMarkup, Update, error
from telegram.ext import Application, CallbackQueryHandler, CommandHandler, ContextTypes

from tests.sandbox.telegram_server import TOKEN, TelegramServer, png, rows

MENU = InlineKeyboardMarkup([[InlineKeyboardButton("Go", callback_data="v1:go")]])


async def greet(update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
    name = update.effective_user.mention_html()
    await update.effective_message.reply_html(f"Hello, {name}", reply_markup=MENU)


async def go(update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
    await update.callback_query.answer("Gone", show_alert=True)
    await update.callback_query.edit_message_text("Went")


def application(server: TelegramServer) -> Application:
    builder = Application.builder().token(TOKEN)
    app = builder.base_url(f"{server.address}/bot").base_file_url(f"{server.address}/file/bot").build()
    app.add_handler(CommandHandler("start", greet))
    app.add_handler(CallbackQueryHandler(go))
    return app


@pytest.fixture(params=["polling", "webhook"])
async def conversation(request, server: TelegramServer) -> AsyncIterator[TelegramServer]:
    """PTB's application at work on the stand-in, in either mode."""
    app = application(server)
    async with app:
        await app.start()
        if request.param == "polling":
            await server.emu("timing", speed_up=20)  # PTB's last poll repeats its offset, which costs 3 s
            await app.updater.start_polling(timeout=10)
        else:
            port = free_port()
            await app.updater.start_webhook(
                "127.0.0.1", port, "tg", webhook_url=f"http://127.0.0.1:{port}/tg", secret_token="s-1"
            )
        yield server
        await app.updater.stop()
        await app.stop()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def last_message(server: TelegramServer, starts: str) -> dict[str, Any]:
    async with asyncio.timeout(10):
        while not (message := (await server.look("chats/7"))[-1])["text"].startswith(starts):
            await asyncio.sleep(0.02)
    return message


async def test_a_start_is_answered_and_a_press_edits_and_answers(conversation):
    hello = await last_message(conversation, "Hello, Anna")
    assert hello["entities"][0]["user"]["id"] == 7

    pressed = await conversation.press(text="go")
    went = await last_message(conversation, "Went")
    assert went["message_id"] == hello["message_id"] and "reply_markup" not in went
    answer = await conversation.look(f"callbacks/{pressed['callback_query_id']}")
    assert (answer["text"], answer["show_alert"]) == ("Gone", True)


@pytest.fixture
async def bot(world: TelegramServer, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Bot]:
    monkeypatch.setenv("PTB_TIMEDELTA", "true")
    async with application(world).bot as bot:
        yield bot


@pytest.mark.parametrize("row", rows("exceptions"), ids=lambda row: row["row"])
async def test_each_row_of_the_error_table_raises_what_the_contract_says(bot, world, row):
    await world.call("editMessageText", chat_id=7, message_id=2, text="Menu")
    params = row["params"]
    for name in ("text", "caption"):
        if f"long_{name}" in params:
            params = {key: value for key, value in params.items() if key != f"long_{name}"}
            params[name] = "a" * row["params"][f"long_{name}"]

    with pytest.raises(error.TelegramError) as raised:
        await getattr(bot, row["call"])(**params)
    assert type(raised.value).__name__ == row["exception"]
    assert raised.value.message.lower().startswith(row["message"].lower())


@pytest.mark.parametrize(
    ("rule", "exception"),
    [
        ({"kind": "rate_limit", "retry_after": 7}, error.RetryAfter),
        ({"kind": "error", "status": 500}, error.NetworkError),
        ({"kind": "html", "status": 502}, error.NetworkError),
        ({"kind": "html", "status": 200}, error.TelegramError),
        ({"kind": "refuse"}, error.NetworkError),
        ({"kind": "lost"}, error.NetworkError),
        ({"kind": "hang", "seconds": 3}, error.TimedOut),
        ({"kind": "error", "status": 401, "description": "Unauthorized"}, error.InvalidToken),
    ],
    ids=lambda value: value["kind"] if isinstance(value, dict) else value.__name__,
)
async def test_trouble_on_the_way_raises_what_the_contract_says(bot, world, rule, exception):
    await world.emu("fail", call="sendMessage", times=1, **rule)

    with pytest.raises(error.TelegramError) as raised:
        await bot.send_message(7, "a", read_timeout=0.3)
    assert type(raised.value) is exception


async def test_a_429_carries_the_seconds_to_wait(bot, world):
    await world.emu("fail", call="sendMessage", kind="rate_limit", retry_after=7)

    with pytest.raises(error.RetryAfter) as raised:
        await bot.send_message(7, "a")
    assert raised.value.retry_after == timedelta(seconds=7)


async def test_an_unknown_token_is_an_invalid_token(server):
    bot = Bot("1000000001:wrong", f"{server.address}/bot", f"{server.address}/file/bot")
    with pytest.raises(error.InvalidToken):
        await bot.initialize()
    await bot.shutdown()


async def test_two_pollers_are_a_conflict(bot, world):
    last = (await bot.get_updates(offset=-1))[0].update_id
    older = asyncio.create_task(bot.get_updates(offset=last + 1, timeout=10))
    await asyncio.sleep(0.1)
    async with application(world).bot as newer:
        later = asyncio.create_task(newer.get_updates(offset=last + 1, timeout=10))
        with pytest.raises(error.Conflict, match="only one bot instance"):
            await older
        await world.say("two")
        assert [update.message.text for update in await later] == ["two"]


async def test_a_photo_is_sent_resent_and_downloaded(bot, world):
    picture = png(600, 600)
    sent = await bot.send_photo(7, picture, caption="<b>QR</b>", parse_mode="HTML")
    again = await bot.send_photo(7, sent.photo[-1].file_id)

    file = await again.photo[-1].get_file()
    assert bytes(await file.download_as_bytearray()) == picture
    assert (sent.photo[-1].width, sent.caption) == (600, "QR")


async def test_the_profile_calls_are_understood(bot, world):
    assert await bot.set_my_commands([("start", "Menu")], language_code="en")
    assert (await bot.get_my_commands(language_code="en"))[0].command == "start"
    assert await bot.set_my_short_description("A shop", language_code="en")
    assert (await bot.get_my_short_description(language_code="en")).short_description == "A shop"
    assert (await bot.get_chat(7)).first_name == "Anna"
    assert (await bot.get_webhook_info()).url == ""
