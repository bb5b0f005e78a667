"""The snapshot: what a demo knows must survive its restart, and a broken file must be said."""

import json
import time

import pytest
import requests

from sandbox.server import SandboxThread
from sandbox.store import SnapshotUnreadable
from tests.sandbox.marzban_client import PanelClient
from tests.world import PanelWorld


@pytest.fixture
def path(tmp_path):
    return tmp_path / "deep" / "snapshot.json"


def sign_in(box):
    world = PanelWorld(box.addresses["marzban"])
    return PanelClient(world, world.username, world.password)


def test_a_panel_goes_on_where_it_stopped(path):
    with SandboxThread(snapshot=path) as box:
        shop = sign_in(box)
        before = shop.make("anna", data_limit=1000, note="order 1")
        shop.world.traffic("anna", 5)
        shop.wait(86_400)
        token = dict(shop.http.headers)
    with SandboxThread(snapshot=path) as box:
        world = PanelWorld(box.addresses["marzban"])
        after = requests.get(f"{world.address}/api/user/anna", headers=token, timeout=5).json()
        assert world.emu("POST", "connect", link=before["links"][0])["connects"]
        assert round(world.emu("GET", "clock")["offset"]) == 86_400
    kept = ("proxies", "data_limit", "note", "created_at", "inbounds", "admin")
    assert {name: after[name] for name in kept[:-1]} == {name: before[name] for name in kept[:-1]}
    assert (after["used_traffic"], after["admin"]["users_usage"]) == (5, 5)


def test_each_panel_has_its_own_part(path):
    with SandboxThread(snapshot=path, marzban_ports=(0, 0)) as box:
        sign_in(box).make("anna")
    with SandboxThread(snapshot=path, marzban_ports=(0, 0)) as box:
        counts = [len(PanelWorld(box.addresses[name]).users()) for name in ("marzban", "marzban2")]
    assert counts == [1, 0]


def test_a_change_is_saved_soon_without_a_stop(path):
    with SandboxThread(snapshot=path) as box:
        sign_in(box).make("anna")
        limit = time.monotonic() + 5
        while not path.exists() and time.monotonic() < limit:
            time.sleep(0.05)
        assert "anna" in json.loads(path.read_text())["stand_ins"]["marzban"]["users"]
        assert path.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"stand_ins": {"marzban": {}}}', '{"stand_ins": {"marzban": 5}}']
)
def test_a_file_that_cannot_be_used_is_said_and_kept(path, text):
    path.parent.mkdir()
    path.write_text(text)
    with pytest.raises(SnapshotUnreadable, match=r"snapshot\.json"), SandboxThread(snapshot=path):
        pass
    assert path.read_text() == text


def test_without_a_file_nothing_is_written(tmp_path):
    with SandboxThread() as box:
        sign_in(box).make("anna")
    assert list(tmp_path.iterdir()) == []
