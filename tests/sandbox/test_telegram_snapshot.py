import json

from tests.sandbox.telegram_server import GO, TelegramServer, png, running


async def saved(server: TelegramServer) -> dict:
    return json.loads(json.dumps(server.stand_in.dump()))


async def test_a_snapshot_keeps_chats_files_queue_and_profile(server):
    await server.upload("sendPhoto", "photo", png(), chat_id=7)
    await server.call("setMyCommands", commands=[{"command": "start", "description": "a"}])
    await server.emu("block", user_id=7)
    await server.later(3600)

    async with running(await saved(server)) as restored:
        for path in ("users", "chats/7", "queue", "rates"):
            assert await restored.look(path) == await server.look(path)
        ahead = (await restored.look("clock"))["offset"]
        assert 3599 < ahead < 3601
        assert await restored.updates() == await server.updates()
        assert await restored.call("getMyCommands") == await server.call("getMyCommands")
        photo = (await restored.look("chats/7"))[-1]["photo"][-1]["file_id"]
        assert restored.stand_in.bot.files.sizes_of(photo)


async def test_a_press_made_before_can_be_answered_after(server):
    press = await server.pressed()

    async with running(await saved(server)) as restored:
        assert await restored.call("answerCallbackQuery", callback_query_id=press)


async def test_numbers_go_on_where_they_were(server):
    last = (await server.updates(offset=-1))[0]
    await server.call("sendMessage", chat_id=7, text="a", reply_markup=GO)

    async with running(await saved(server)) as restored:
        said = await restored.say("more")
        assert said["update_id"] == last["update_id"] + 1
        assert said["message"]["message_id"] == 3


async def test_delivery_to_a_webhook_goes_on(server, receiver):
    state = await saved(server)
    state["webhook"] |= {"url": receiver.url, "secret": "s-1"}

    async with running(state):
        await receiver.received(1)
    assert receiver.texts() == ["/start"]
    assert receiver.headers[0]["X-Telegram-Bot-Api-Secret-Token"] == "s-1"
