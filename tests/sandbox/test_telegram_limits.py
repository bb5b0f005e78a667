import pytest

from tests.sandbox.telegram_server import Refused, TelegramServer


@pytest.fixture
async def strict(server: TelegramServer) -> TelegramServer:
    """The rates of the contract: 30 a second in all, 1 a second with bursts of 3 in a chat."""
    for user_id in range(100, 140):
        await server.say(user_id=user_id)
    await server.emu("groups", id=-1001)
    await server.emu("rates", enabled=True)
    return server


async def sent(server: TelegramServer, chat_ids) -> int:
    """Send a message to each until one is refused; give how many went."""
    count = 0
    for chat_id in chat_ids:
        try:
            await server.call("sendMessage", chat_id=chat_id, text="a")
        except Refused as refused:
            assert refused.status == 429
            return count
        count += 1
    return count


async def test_a_chat_takes_three_at_once_and_then_one_a_second(strict):
    assert await sent(strict, [7] * 5) == 3

    await strict.later(1)
    assert await sent(strict, [7] * 5) == 1
    await strict.later(60)
    assert await sent(strict, [7] * 5) == 3


async def test_a_refusal_says_how_long_to_wait(strict):
    await sent(strict, [7] * 3)
    with pytest.raises(Refused) as refused:
        await strict.call("sendMessage", chat_id=7, text="a")

    assert str(refused.value) == "Too Many Requests: retry after 1"
    assert refused.value.body["parameters"] == {"retry_after": 1}
    assert refused.value.headers["Retry-After"] == "1"


async def test_all_chats_together_take_thirty(strict):
    assert 30 <= await sent(strict, range(100, 140)) <= 33


async def test_a_group_takes_twenty_a_minute(strict):
    assert await sent(strict, [-1001] * 25) == 20
    await strict.later(3)
    assert await sent(strict, [-1001] * 5) == 1


async def test_edits_and_answers_are_free(strict):
    message = await strict.call("sendMessage", chat_id=7, text="0")
    for text in "123456":
        await strict.call("editMessageText", chat_id=7, message_id=message["message_id"], text=text)


async def test_without_rates_anything_goes(strict):
    await strict.emu("rates", enabled=False)
    assert await sent(strict, [7] * 50) == 50
