"""The panel stand-in against 258 recorded exchanges of a real Marzban 0.8.4."""

import pytest

from sandbox.server import SandboxThread
from tests.sandbox.marzban_replay import API, Replay, why_out_of_scope

REPLAYED = [exchange for exchange in API if why_out_of_scope(exchange["name"]) is None]


@pytest.fixture(scope="module")
def problems(box: SandboxThread) -> dict[int, list[str]]:
    replay = Replay(box.addresses["marzban"])
    found = replay.run()
    replay.emu("reset")
    return found


@pytest.mark.parametrize("exchange", REPLAYED, ids=lambda exchange: f"{exchange['n']}-{exchange['name']}")
def test_answers_as_recorded(exchange, problems):
    assert problems[exchange["n"]] == []


def test_only_named_exchanges_are_left_out():
    assert len(API) == 258
    assert len(REPLAYED) == 230
