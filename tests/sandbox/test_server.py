"""The sandbox as one process: addresses, the command that runs it, its clock, its events, who may call."""

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import requests
from django.core.management import CommandError, call_command

from sandbox.server import SandboxThread

ROOT = Path(__file__).parents[2]


def test_each_stand_in_has_an_address_of_its_own():
    with SandboxThread(marzban_ports=(0, 0, 0), xui_ports=(0,)) as box:
        assert set(box.addresses) == {
            "page",
            "telegram",
            "marzban",
            "marzban2",
            "marzban3",
            "xui",
            "yookassa",
        }
        assert len(set(box.addresses.values())) == 7
        for address in box.addresses.values():
            assert address.startswith("http://127.0.0.1:")


def test_it_stops_while_calls_hang_and_pages_listen():
    with SandboxThread() as box:
        address = box.addresses["marzban"]
        stream = requests.get(f"{address}/_emu/events", stream=True, timeout=5)
        requests.post(f"{address}/_emu/fail", json={"kind": "hang", "seconds": 60}, timeout=5)
        with pytest.raises(requests.Timeout):
            requests.get(f"{address}/api/admin", timeout=0.2)
    assert [line for line in stream.iter_lines() if line.startswith(b"data")] == []
    with pytest.raises(requests.ConnectionError):
        requests.get(address, timeout=5)


def test_events_are_streamed_as_they_happen(box, marzban):
    with requests.get(f"{marzban.address}/_emu/events", stream=True, timeout=10) as stream:
        lines = stream.iter_lines()
        assert next(lines) == b": open"
        marzban.emu("POST", "users", username="stranger")
        told = next(json.loads(line.removeprefix(b"data: ")) for line in lines if line.startswith(b"data"))
    assert (told["kind"], told["panel"], told["username"]) == ("marzban.user", "marzban", "stranger")


def test_an_idle_connection_is_closed_after_five_seconds_as_by_the_panel(box):
    ports = {name: int(address.rpartition(":")[2]) for name, address in box.addresses.items()}
    with socket.create_connection(("127.0.0.1", ports["marzban"]), timeout=10) as connection:
        connection.sendall(b"GET /api/admin HTTP/1.1\r\nHost: x\r\n\r\n")
        assert connection.recv(4096).startswith(b"HTTP/1.1 401")
        assert connection.recv(4096) == b""


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        ("http://127.0.0.1:8081", True),
        ("http://localhost:8081", True),
        ("https://example.com", False),
        ("null", False),
    ],
)
def test_only_pages_of_this_machine_may_use_the_control_calls(marzban, origin, allowed):
    for method in ("GET", "OPTIONS"):
        answer = requests.request(
            method, f"{marzban.address}/_emu/faults", headers={"Origin": origin}, timeout=5
        )
        assert answer.headers.get("Access-Control-Allow-Origin") == (origin if allowed else None)


@pytest.mark.parametrize(("order", "moved"), [({"advance": 3600}, 3600), ({"advance": -60}, -60)])
def test_the_clock_is_moved_and_set_back(marzban, order, moved):
    assert abs(marzban.emu("POST", "clock", **order)["offset"] - moved) < 1
    assert marzban.emu("POST", "clock", real=True)["real"] is True


def test_the_clock_is_put_to_a_moment(marzban):
    assert 0 <= marzban.emu("POST", "clock", now=1_800_000_000)["now"] - 1_800_000_000 < 5


@pytest.mark.parametrize("order", [{}, {"advance": "x"}, {"real": False}])
def test_a_clock_order_that_makes_no_sense_is_refused(marzban, order):
    assert requests.post(f"{marzban.address}/_emu/clock", json=order, timeout=5).status_code == 400


def test_the_command_refuses_where_it_is_not_wanted(settings):
    settings.SANDBOX_ENABLED = False
    with pytest.raises(CommandError, match="SANDBOX_ENABLED"):
        call_command("sandbox")
    settings.SANDBOX_ENABLED = True
    settings.DEPLOYMENT = "production"
    with pytest.raises(CommandError, match="production"):
        call_command("sandbox")


def test_a_taken_port_is_said_in_one_sentence(settings, box):
    taken = box.addresses["marzban"].rpartition(":")[2]
    with pytest.raises(CommandError, match=r"cannot listen.*" + taken):
        call_command("sandbox", page_port=0, telegram_port=0, marzban_port=[int(taken)], yookassa_port=0)


def test_a_version_nobody_stands_in_for_is_said_in_one_sentence(settings):
    with pytest.raises(CommandError, match="from 2.6.0 on, not 2.4.0"):
        call_command("sandbox", xui_port=[0], xui_version=["2.4.0"])


def test_the_command_runs_until_told_to_stop_and_keeps_its_state(tmp_path):
    snapshot = tmp_path / "snapshot.json"
    arguments = [
        "--page-port=0",
        "--telegram-port=0",
        "--marzban-port=0",
        "--xui-port=0",
        "--xui-version=2.9.4",
        "--yookassa-port=0",
        f"--snapshot={snapshot}",
    ]
    process = subprocess.Popen(
        [sys.executable, "manage.py", "sandbox", *arguments],
        cwd=ROOT,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings", "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        addresses = dict(process.stdout.readline().split() for _ in range(5))
        requests.post(f"{addresses['marzban']}/_emu/users", json={"username": "stranger"}, timeout=5)
        assert requests.get(f"{addresses['xui']}/_emu/panel", timeout=5).json()["version"] == "2.9.4"
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
    assert "stranger" in json.loads(snapshot.read_text())["stand_ins"]["marzban"]["users"]
