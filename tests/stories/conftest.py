from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from core.services import claim_installation
from tests.factories import make_panel
from tests.shop import RunningBot, RunningWorker
from tests.world import PanelWorld, TelegramWorld


@dataclass
class Shop:
    bot: RunningBot
    telegram: TelegramWorld
    panel: PanelWorld


@pytest.fixture
def shop(live_db: None, telegram: TelegramWorld, marzban: PanelWorld) -> Iterator[Shop]:
    """The whole shop at work: bot, worker, one panel."""
    claim_installation()
    make_panel(marzban)
    with RunningBot() as bot, RunningWorker():
        yield Shop(bot, telegram, marzban)
