import asyncio

import aiohttp
import pytest

from tests.sandbox.telegram_server import Refused, TelegramServer, png


async def texts(server: TelegramServer) -> list[str]:
    return [message.get("text", "photo") for message in (await server.look("chats/7"))[1:]]


async def test_an_answer_lost_leaves_the_message_sent(server):
    await server.emu("fail", call="sendMessage", kind="lost", times=1)
    with pytest.raises(aiohttp.ClientError):
        await server.call("sendMessage", chat_id=7, text="a")

    assert await texts(server) == ["a"]


async def test_a_refused_call_does_nothing(server):
    await server.emu("fail", call="sendMessage", kind="refuse", times=1)
    with pytest.raises(aiohttp.ClientError):
        await server.call("sendMessage", chat_id=7, text="a")

    assert await texts(server) == []


async def test_a_duplicated_call_sends_twice(server):
    await server.emu("fail", call="sendMessage", kind="duplicate", times=1)
    await server.call("sendMessage", chat_id=7, text="a")

    assert await texts(server) == ["a", "a"]


async def test_a_duplicated_upload_sends_twice(server):
    await server.emu("fail", call="sendPhoto", kind="duplicate", times=1)
    await server.upload("sendPhoto", "photo", png(), chat_id=7)

    assert await texts(server) == ["photo", "photo"]


async def test_updates_lost_on_the_way_come_again(server):
    await server.emu("fail", call="getUpdates", kind="lost", times=1)
    with pytest.raises(aiohttp.ClientError):
        await server.updates()

    assert [update["message"]["text"] for update in await server.updates()] == ["/start"]


@pytest.mark.parametrize(
    ("rule", "status", "description"),
    [
        ({"kind": "error"}, 500, "Internal Server Error"),
        ({"kind": "error", "status": 403}, 403, "Forbidden"),
        (
            {"kind": "error", "status": 400, "description": "Bad Request: BUTTON_URL_INVALID"},
            400,
            "Bad Request: BUTTON_URL_INVALID",
        ),
        ({"kind": "rate_limit", "retry_after": 5}, 429, "Too Many Requests: retry after 5"),
    ],
)
async def test_planned_errors_look_like_telegrams(server, rule, status, description):
    await server.emu("fail", call="send*", times=1, **rule)
    with pytest.raises(Refused) as refused:
        await server.call("sendMessage", chat_id=7, text="a")

    assert (refused.value.status, refused.value.body["description"]) == (status, description)
    assert refused.value.body["error_code"] == status
    assert await server.call("sendMessage", chat_id=7, text="a")


async def test_an_outage_drops_every_call_but_not_the_customers(server):
    await server.emu("outage", down=True)
    with pytest.raises(aiohttp.ClientError):
        await server.call("getMe")
    assert (await server.say("still here"))["message"]["text"] == "still here"

    await server.emu("outage", down=False)
    assert (await server.call("getMe"))["is_bot"]


async def test_a_call_that_hangs_does_not_hold_up_others(server):
    await server.emu("fail", call="sendMessage", kind="hang", times=1, seconds=5)
    hanging = asyncio.create_task(server.call("sendMessage", chat_id=7, text="a"))
    await asyncio.sleep(0.05)

    assert (await server.call("sendMessage", chat_id=7, text="b"))["text"] == "b"
    hanging.cancel()


async def test_calls_are_logged_by_their_method_without_the_secret(server):
    await server.call("setWebhook", url="http://127.0.0.1:9/hook", secret_token="s-e_cret")
    await server.upload("sendPhoto", "photo", png(), chat_id=7)

    first, second = await server.look("calls")
    assert (first["call"], first["parameters"]["secret_token"]) == ("setWebhook", "***")
    assert second["call"] == "sendPhoto"
    assert second["parameters"] == {"chat_id": "7", "photo": f"<{len(png())} bytes>"}
