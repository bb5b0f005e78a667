import asyncio
import time

import pytest

from tests.sandbox.telegram_server import FAST, Refused, TelegramServer

OTHER_POLLER = (
    "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running"
)
WEBHOOK_IS_SET = (
    "Conflict: can't use getUpdates method while webhook is active; "
    "use deleteWebhook to delete the webhook first"
)
HOOK = "http://127.0.0.1:9/hook"


async def confirm_all(server: TelegramServer) -> int:
    """Empty the queue; give the next offset."""
    offset = (await server.updates(offset=-1))[0]["update_id"] + 1
    await server.emu("timing", speed_up=FAST)
    assert await server.updates(offset=offset) == []
    await server.emu("timing", speed_up=1)
    return int(offset)


async def parked(server: TelegramServer, **params) -> asyncio.Task:
    task = asyncio.create_task(server.updates(**params))
    await asyncio.sleep(0.1)
    assert not task.done()
    return task


async def test_updates_come_in_order_with_ids_that_grow_by_one(server):
    await server.say("two")
    await server.say("three")

    updates = await server.updates()
    assert [update["message"]["text"] for update in updates] == ["/start", "two", "three"]
    first = updates[0]["update_id"]
    assert [update["update_id"] for update in updates] == [first, first + 1, first + 2]


async def test_an_offset_confirms_everything_below_it(server):
    await server.say("two")
    first, second = await server.updates()

    assert await server.updates(offset=second["update_id"]) == [second]
    assert await server.updates() == [second]
    assert (await server.call("getWebhookInfo"))["pending_update_count"] == 1


async def test_without_a_new_offset_the_same_updates_come_again(server):
    assert await server.updates() == await server.updates(limit=5)


async def test_a_negative_offset_keeps_only_the_last(server):
    for text in ("two", "three"):
        await server.say(text)

    assert [update["message"]["text"] for update in await server.updates(offset=-2)] == ["two", "three"]
    assert (await server.call("getWebhookInfo"))["pending_update_count"] == 2


async def test_a_limit_cuts_the_batch(server):
    await server.say("two")
    assert len(await server.updates(limit=1)) == 1


async def test_a_poll_waits_until_something_arrives(server):
    poll = await parked(server, offset=await confirm_all(server), timeout=20)

    await server.say("late")
    assert [update["message"]["text"] for update in await poll] == ["late"]


async def test_a_poll_ends_empty_at_its_timeout(server):
    offset = await confirm_all(server)
    began = time.monotonic()

    assert await server.updates(offset=offset + 1, timeout=1) == []
    assert 0.9 < time.monotonic() - began < 3


async def test_asking_for_the_same_again_at_once_gives_one_update(server):
    await server.say("two")

    assert len(await server.updates()) == 2
    assert len(await server.updates()) == 1


async def test_asking_for_nothing_again_and_again_has_to_wait(server):
    offset = await confirm_all(server)
    poll = await parked(server, offset=offset, timeout=0)

    await server.say("two")
    assert len(await poll) == 1


async def test_a_second_poll_ends_the_older_one(server):
    offset = await confirm_all(server)
    older = await parked(server, offset=offset, timeout=20)
    newer = await parked(server, offset=offset, timeout=20)

    with pytest.raises(Refused) as refused:
        await older
    assert (refused.value.status, str(refused.value)) == (409, OTHER_POLLER)
    await server.say("two")
    assert len(await newer) == 1


async def test_polling_is_refused_while_a_webhook_is_set(server):
    await server.call("setWebhook", url=HOOK)

    with pytest.raises(Refused) as refused:
        await server.updates()
    assert (refused.value.status, str(refused.value)) == (409, WEBHOOK_IS_SET)


async def test_setting_a_webhook_ends_the_poll(server):
    poll = await parked(server, offset=await confirm_all(server), timeout=20)
    await server.call("setWebhook", url=HOOK)

    with pytest.raises(Refused, match="^Conflict: terminated by setWebhook request$"):
        await poll


async def test_conflicts_in_a_row_are_slowed_down(server):
    await server.call("setWebhook", url=HOOK)
    await server.emu("timing", speed_up=10)
    with pytest.raises(Refused):
        await server.updates()

    began = time.monotonic()
    with pytest.raises(Refused):
        await server.updates()
    assert 0.25 < time.monotonic() - began < 2


async def test_messages_live_for_a_day(server):
    await server.later(86_390)
    assert len(await server.updates()) == 1

    await server.later(20)
    assert (await server.call("getWebhookInfo"))["pending_update_count"] == 0


async def test_a_day_later_only_what_was_not_confirmed_has_expired(server):
    offset = await confirm_all(server)
    await server.say("two")
    await server.later(86_401)
    await server.say("three")

    assert [update["message"]["text"] for update in await server.updates(offset=offset)] == ["three"]


async def test_presses_live_for_150_seconds(server):
    await server.pressed()
    await server.later(149)
    assert [list(update)[1] for update in await server.updates()] == ["message", "callback_query"]

    await server.later(2)
    assert (await server.call("getWebhookInfo"))["pending_update_count"] == 1
    assert [list(update)[1] for update in await server.updates()] == ["message"]


@pytest.mark.parametrize(
    ("wanted", "kinds"),
    [
        (["message", "nonsense"], ["message"]),
        (["callback_query"], ["callback_query"]),
        ([], ["message", "callback_query", "my_chat_member"]),
    ],
)
async def test_only_wanted_kinds_are_queued(server, wanted, kinds):
    await server.updates(offset=-1, allowed_updates=wanted)
    await server.say("two")
    await server.pressed()
    await server.emu("block", user_id=7)

    assert [list(update)[1] for update in (await server.updates())[1:]] == kinds


async def test_the_wish_for_kinds_stays_and_spares_what_is_queued(server):
    await server.updates(allowed_updates=["callback_query"])
    await server.say("two")

    assert [update["message"]["text"] for update in await server.updates(offset=-9)] == ["/start"]
    assert (await server.call("getWebhookInfo"))["allowed_updates"] == ["callback_query"]


async def test_an_update_can_be_delivered_again_after_it_was_confirmed(server):
    update = (await server.updates())[0]
    offset = await confirm_all(server)

    await server.emu("duplicate", update_id=update["update_id"])
    assert await server.updates(offset=offset, timeout=5) == [update]
    assert (await server.emu("duplicate", update_id=1))["error"] == "no such update"


async def test_a_repeat_never_overtakes_updates_that_still_wait(server):
    first, second, third = [(await server.say(text))["update_id"] for text in ("one", "two", "three")]
    await server.emu("duplicate", update_id=third)
    found = await server.updates(offset=first, limit=2)
    assert [update["update_id"] for update in found] == [first, second]
    found = await server.updates(offset=third)
    assert [update["update_id"] for update in found] == [third, third]
