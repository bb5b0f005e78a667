import asyncio
from typing import Any

import pytest
from aiohttp import web

from sandbox.telegram.webhook import retry_delay
from tests.sandbox.telegram_server import FAST, GO, Refused, TelegramServer


async def pending(server: TelegramServer, count: int) -> dict[str, Any]:
    """Wait until so many updates are left; give getWebhookInfo."""
    async with asyncio.timeout(5):
        while (info := await server.call("getWebhookInfo"))["pending_update_count"] != count:
            await asyncio.sleep(0.02)
    return info


def refuse(text: str, status: int = 500, **headers: str) -> Any:
    """Answer an error to messages with this text."""
    return lambda body: web.Response(
        status=status if body.get("message", {}).get("text") == text else 200,
        headers=headers,
    )


async def test_what_waits_and_what_comes_is_delivered_with_the_secret(server, receiver):
    await server.call("setWebhook", url=receiver.url, secret_token="s-e_cret")
    await receiver.received(1)
    await server.say("two")

    await receiver.received(2)
    assert receiver.texts() == ["/start", "two"]
    assert receiver.headers[0]["X-Telegram-Bot-Api-Secret-Token"] == "s-e_cret"
    assert receiver.headers[0]["Content-Type"] == "application/json"
    info = await pending(server, 0)
    assert info["url"] == receiver.url and "last_error_date" not in info


async def test_answers_say_what_changed(server, receiver):
    said = []
    for method in ("setWebhook", "setWebhook", "deleteWebhook", "deleteWebhook"):
        await server.emu("timing", speed_up=FAST)
        await asyncio.sleep(0.01)
        said.append((await server.answer(method, json={"url": receiver.url}))["description"])

    assert said == [
        "Webhook was set",
        "Webhook is already set",
        "Webhook was deleted",
        "Webhook is already deleted",
    ]


async def test_an_empty_address_deletes_the_webhook(server, receiver):
    await server.call("setWebhook", url=receiver.url)
    assert (await server.answer("setWebhook", json={"url": ""}))["description"] == "Webhook was deleted"


async def test_setting_twice_within_a_second_is_too_often(server, receiver):
    await server.call("setWebhook", url=receiver.url)

    with pytest.raises(Refused) as refused:
        await server.call("setWebhook", url=receiver.url)
    assert refused.value.status == 429
    assert refused.value.body["parameters"] == {"retry_after": 1}


async def test_a_failed_delivery_is_tried_again_and_told(server, receiver):
    receiver.answer = lambda body: web.Response(status=500 if len(receiver.bodies) < 4 else 200)
    await server.emu("timing", speed_up=FAST)
    await server.call("setWebhook", url=receiver.url)

    await receiver.received(4)
    assert receiver.texts() == ["/start"] * 4
    info = await pending(server, 0)
    assert info["last_error_message"] == "Wrong response from the webhook: 500 Internal Server Error"


async def test_a_redirect_is_a_failure(server, receiver):
    receiver.answer = lambda body: web.Response(status=302, headers={"Location": receiver.url})
    await server.call("setWebhook", url=receiver.url)

    await receiver.received(2)
    info = await server.call("getWebhookInfo")
    assert info["last_error_message"] == "Wrong response from the webhook: 302 Found"
    assert info["pending_update_count"] == 1


def test_retries_come_at_once_then_after_2_4_8_seconds_up_to_two_minutes():
    assert [retry_delay(tries) for tries in range(1, 6)] == [0, 2, 4, 8, 16]
    assert all(60 <= retry_delay(20) <= 120 for _ in range(50))


async def test_a_webhook_nobody_listens_on_is_told(server):
    await server.emu("timing", speed_up=FAST)
    await server.call("setWebhook", url="http://127.0.0.1:9/hook")

    await asyncio.sleep(0.1)
    info = await pending(server, 1)
    assert info["last_error_message"] == "Connection refused"


async def test_a_poison_message_holds_back_its_own_chat_only(server, receiver):
    receiver.answer = refuse("poison")
    await server.call("setWebhook", url=receiver.url)
    await receiver.received(1)
    await server.say("poison")
    await server.say("behind it")
    await server.call("sendMessage", chat_id=7, text="Menu", reply_markup=GO)
    await server.press(data="v1:go")
    await server.say("another chat", user_id=8)

    await pending(server, 2)
    assert sorted(set(receiver.texts())) == ["/start", "another chat", "poison", "press"]


async def test_what_stands_behind_an_expired_update_is_delivered(server, receiver):
    receiver.answer = refuse("poison")
    await server.say("poison")
    await server.later(60)
    await server.say("behind it")
    await server.call("setWebhook", url=receiver.url)
    await receiver.received(3)

    await server.later(86_400 - 30)
    await pending(server, 0)
    assert receiver.texts()[-1] == "behind it"


async def test_a_wish_to_wait_is_honoured(server, receiver):
    receiver.answer = refuse("/start", status=503, **{"Retry-After": "3600"})
    await server.call("setWebhook", url=receiver.url)
    await receiver.received(1)
    assert await receiver.stays_at(1)

    await server.later(3601)
    await receiver.received(2)


async def test_a_webhook_gone_for_23_hours_is_removed(server, receiver):
    receiver.answer = lambda body: web.Response(status=410)
    await server.call("setWebhook", url=receiver.url)
    await receiver.received(2)

    await server.later(23 * 3600 + 60)
    async with asyncio.timeout(5):
        while (await server.call("getWebhookInfo"))["url"]:
            await asyncio.sleep(0.02)
    assert [update["message"]["text"] for update in await server.updates()] == ["/start"]


async def test_a_call_on_the_answer_is_carried_out(server, receiver):
    reply = {"method": "sendMessage", "chat_id": 7, "text": "riding along"}
    receiver.answer = lambda body: web.json_response(reply)
    await server.call("setWebhook", url=receiver.url)

    await pending(server, 0)
    assert (await server.look("chats/7"))[-1]["text"] == "riding along"


async def test_a_call_that_may_not_ride_on_the_answer_does_not(server, receiver):
    receiver.answer = lambda body: web.json_response({"method": "deleteWebhook"})
    await server.call("setWebhook", url=receiver.url)

    assert (await pending(server, 0))["url"] == receiver.url


async def test_pending_updates_can_be_dropped(server, receiver):
    await server.call("setWebhook", url=receiver.url, drop_pending_updates=True)
    await server.say("fresh")

    await receiver.received(1)
    assert receiver.texts() == ["fresh"]


async def test_one_connection_delivers_one_update_at_a_time(server, receiver):
    open_now, most = 0, 0

    async def slowly(body):
        nonlocal open_now, most
        open_now += 1
        most = max(most, open_now)
        await asyncio.sleep(0.05)
        open_now -= 1
        return web.Response()

    receiver.answer = slowly
    for user_id in (8, 9, 10):
        await server.say(user_id=user_id)
    await server.call("setWebhook", url=receiver.url, max_connections=1)
    await pending(server, 0)
    assert most == 1


async def test_chats_are_delivered_side_by_side(server, receiver):
    both = asyncio.Barrier(2)

    async def together(body):
        await both.wait()
        return web.Response()

    receiver.answer = together
    await server.say(user_id=8)
    await server.call("setWebhook", url=receiver.url)
    await pending(server, 0)


async def test_an_accepted_update_can_be_delivered_again(server, receiver):
    await server.call("setWebhook", url=receiver.url)
    update = (await receiver.received(1))[0]

    await server.emu("duplicate", update_id=update["update_id"])
    assert await receiver.received(2) == [update, update]
    await server.call("deleteWebhook")
    assert await server.updates(offset=update["update_id"]) == []


async def test_polling_goes_on_where_the_webhook_was_deleted(server, receiver):
    receiver.answer = refuse("/start")
    await server.call("setWebhook", url=receiver.url)
    await receiver.received(1)
    await server.call("deleteWebhook")

    assert [update["message"]["text"] for update in await server.updates()] == ["/start"]
