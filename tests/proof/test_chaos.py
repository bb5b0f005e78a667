"""Killed half-way: trials while calls are lost, doubled and hang, and processes die."""

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from tests.proof.planted import BUGS
from tests.proof.processes import Shop, own_database
from tests.proof.storm import Dose, Storm, settle
from tests.proof.verdict import count_faults, judge, silent_kinds

SEED = int(os.environ.get("PROOF_SEED", "20261122"))
SMALL = Dose(
    seed=SEED, customers=12, arrive_within=3, kill_every=(1.5, 2.5), rounds=1, hang=1.5,
    give_up_after=30, settle_within=40, is_hurried=True,
)  # fmt: skip
WHOLE = Dose(
    seed=SEED, customers=200, arrive_within=120, kill_every=(4, 8), rounds=6, hang=4,
    give_up_after=300, settle_within=240,
)  # fmt: skip
PLANTED = replace(SMALL, customers=80, arrive_within=25, kill_every=(2, 4), rounds=3, give_up_after=60)


@pytest.fixture
def weather(tmp_path: Path, record_property, capsys):
    """Let a storm pass over a shop; return what was wrong afterwards."""

    def pass_over(dose: Dose, bug: str = "") -> list[str]:
        with own_database() as (database_url, redis_url):
            shop = Shop(tmp_path / "shop", database_url, redis_url, bug)
            try:
                shop.open()
                if dose.is_hurried:
                    shop.books.ask("probe_often")
                storm = Storm(shop, dose)
                seen = storm.run()
                # A test of the panel that was killed keeps an account there until the next one has ended.
                settled = settle(shop, dose, is_known=lambda: shop.books.ask("passed"))
                fired = count_faults(shop)
                wrong = judge(shop, storm.customers, seen)
            finally:
                shop.close()
        for name, value in {
            "seed": dose.seed,
            "customers": dose.customers,
            "taps": len(seen.updates),
            "redelivered": seen.redelivered,
            "killed": json.dumps(seen.kills),
            "faults": json.dumps(fired),
            "storm": f"{seen.seconds:.0f} s",
            "settled after": f"{settled:.0f} s",
            "broken promises": len(wrong),
        }.items():
            record_property(name, value)
        with capsys.disabled():
            print(f"\nseed {dose.seed}, killed {dict(seen.kills)}, faults {fired}, settled {settled:.0f} s")
            print(*wrong[:10], sep="\n")  # at once: pytest tells at the end, which a long run may not reach
        assert not silent_kinds(fired), f"these faults never fired: {silent_kinds(fired)}"
        assert len(seen.kills) == 4, "not every role was killed"
        return wrong

    return pass_over


def test_small_storm_loses_no_tap_and_doubles_no_trial(weather):
    assert weather(SMALL) == []


@pytest.mark.proof
def test_two_hundred_trials_survive_kills_and_faults(weather):
    assert weather(WHOLE) == []


@pytest.mark.proof
@pytest.mark.parametrize("bug", BUGS)
def test_planted_bug_turns_the_storm_red(weather, bug, record_property):
    wrong = weather(PLANTED, bug)
    record_property("seen", "; ".join(wrong[:3]))
    assert wrong
