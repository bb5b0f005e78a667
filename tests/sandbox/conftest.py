from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from tests.sandbox.marzban_client import PanelClient
from tests.sandbox.telegram_server import GO, TelegramServer, png, running
from tests.sandbox.webhook_receiver import Receiver
from tests.world import PanelWorld


@pytest.fixture
async def server() -> AsyncIterator[TelegramServer]:
    """The Telegram stand-in alone; user 7 has written /start, and that update is still waiting."""
    async with running() as server:
        await server.say()
        yield server


@pytest.fixture
async def world(server: TelegramServer) -> TelegramServer:
    """Chats in every state; in chat 7: 1 the customer's, 2 a menu, 3 a photo."""
    menu = {"chat_id": 7, "text": "<b>Menu</b>", "parse_mode": "HTML", "reply_markup": GO}
    await server.call("sendMessage", **menu)
    await server.upload("sendPhoto", "photo", png(), chat_id=7)
    await server.emu("users", user_id=8)
    await server.say(user_id=9)
    await server.call("sendMessage", chat_id=9, text="Menu")
    await server.emu("block", user_id=9)
    await server.say(user_id=10)
    await server.emu("deactivate", user_id=10)
    await server.emu("users", user_id=11, unreachable=True)
    await server.emu("users", user_id=12, is_bot=True)
    await server.emu("groups", id=-1001, bot_status="kicked")
    await server.emu("groups", id=-1002, type="channel", bot_status="left")
    await server.emu("groups", id=-1003, type="group", bot_status="deleted")
    await server.emu("groups", id=-1004, type="group", migrated_to=-1005)
    await server.emu("groups", id=-1005)
    return server


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    app = web.Application()
    app.router.add_post("/hook", receiver.serve)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    receiver.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    yield receiver
    await runner.cleanup()


@pytest.fixture
def shop(marzban: PanelWorld) -> PanelClient:
    """The panel's ordinary admin, the one a shop should use."""
    return PanelClient(marzban, marzban.username, marzban.password)


@pytest.fixture
def root(marzban: PanelWorld) -> PanelClient:
    """The sudo admin of the panel's environment, whose users have no owner."""
    return PanelClient(marzban, "root", "root")
