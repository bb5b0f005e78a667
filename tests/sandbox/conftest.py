from collections.abc import AsyncIterator

import pytest

from tests.sandbox.telegram_server import TelegramServer, running


@pytest.fixture
async def server() -> AsyncIterator[TelegramServer]:
    """The Telegram stand-in alone; user 7 has written /start, and that update is still waiting."""
    async with running() as server:
        await server.say()
        yield server
