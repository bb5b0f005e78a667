from collections.abc import Iterator

import pytest

from core.services import claim_installation
from tests.shop import RunningBot


@pytest.fixture
def bot(live_db: None, telegram) -> Iterator[RunningBot]:
    """A running bot in polling mode."""
    claim_installation()
    with RunningBot() as running:
        yield running
