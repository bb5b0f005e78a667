"""Three panels of three dialects, one flapping: customers end up on those they should, and on no other."""

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from tests.proof.panel_storm import PanelDose, PanelStorm, is_in_place, silent
from tests.proof.panel_verdict import compare, judge_panels
from tests.proof.planted_panels import BUGS
from tests.proof.processes import ROLES, SECOND_WORKER, Shop, own_database
from tests.proof.storm import settle

SEED = int(os.environ.get("PROOF_SEED", "20261122"))
SMALL = PanelDose(
    seed=SEED, customers=10, arrive_within=3, kill_every=(1.5, 2.5), rounds=1, hang=1.5,
    give_up_after=60, settle_within=90, is_hurried=True,
)  # fmt: skip
WHOLE = PanelDose(
    seed=SEED, customers=100, arrive_within=90, kill_every=(3, 6), rounds=5, hang=4, give_up_after=150,
    settle_within=150, flap=(10, 15), sync_every=20, strangers=200,
)  # fmt: skip
# Without syncs, which would find what was lost and bring it back.
PLANTED = replace(SMALL, customers=40, arrive_within=5, sync_every=0, write_ms=150)


@pytest.fixture
def weather(tmp_path: Path, record_property, capsys):
    """Let a storm pass over a shop with three panels; return what was wrong afterwards."""

    def pass_over(dose: PanelDose, bug: str = "") -> list[str]:
        with own_database() as (database_url, redis_url):
            roles = (*ROLES, SECOND_WORKER)
            shop = Shop(tmp_path / "shop", database_url, redis_url, bug, roles, has_xui=True)
            try:
                shop.open()
                shop.books.ask("look_often")
                storm = PanelStorm(shop, dose)
                storm.run()
                seen = storm.seen
                settled = settle(shop, dose, is_known=lambda: is_in_place(shop, seen))
                fired = {name: panel.fired() for name, panel in shop.panels.items()}
                wrong = judge_panels(shop, storm.customers, seen)
                wrong += compare(shop.books.ask("compare 60"))
            finally:
                shop.close()
        for name, value in {
            "seed": dose.seed,
            "customers": dose.customers,
            "acts": json.dumps(seen.done),
            "killed": json.dumps(seen.kills),
            "flaps": seen.flaps,
            "faults": json.dumps(fired),
            "storm": f"{seen.seconds:.0f} s",
            "settled after": f"{settled:.0f} s",
            "broken promises": len(wrong),
        }.items():
            record_property(name, value)
        with capsys.disabled():
            print(f"\nseed {dose.seed}, killed {dict(seen.kills)}, flaps {seen.flaps}, faults {fired},")
            print(f"acts {dict(seen.done)}, storm {seen.seconds:.0f} s, settled {settled:.0f} s")
            print(*wrong[:10], sep="\n")
        missing = silent(fired, on_each=not dose.is_hurried)
        assert not missing, f"these faults never fired: {missing}; wrong: {wrong}"
        assert len(seen.kills) == len(roles), "not every role was killed"
        return wrong

    return pass_over


def assert_kept(wrong: list[str]) -> None:
    assert not wrong, "\n".join(wrong)


@pytest.mark.timeout(300)  # three quarters of a minute on a quiet machine
def test_small_storm_leaves_everybody_on_the_panels_they_bought(weather):
    assert_kept(weather(SMALL))


@pytest.mark.proof
def test_storm_over_three_panels_leaves_everybody_where_they_should_be(weather):
    assert_kept(weather(WHOLE))


@pytest.mark.proof
@pytest.mark.parametrize("bug", BUGS)
def test_planted_bug_turns_the_storm_over_panels_red(weather, bug, record_property):
    wrong = weather(PLANTED, bug)
    record_property("seen", "; ".join(wrong[:3]))
    assert wrong
