"""`manage.py demo`, for real: it opens, minds its processes, and leaves nothing behind."""

import json
import os
import random
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.timeout(400)
START_SECONDS = 150
STOP_SECONDS = 30


class RunningDemo:
    """One demo in a folder of its own, and everything it has said."""

    taken = 0  # a port that somebody else has

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder
        environment = {**os.environ, "DEMO_FOLDER": str(folder), "DEMO_PORT": str(port)}
        self.said = folder.parent / f"{folder.name}.out"
        with self.said.open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, "manage.py", "demo"], cwd=ROOT, env=environment, stdout=output, stderr=output
            )

    @property
    def output(self) -> str:
        return self.said.read_text()

    def addresses(self) -> dict[str, str]:
        read: dict[str, str] = json.loads((self.folder / "addresses.json").read_text())
        return read

    def wait_open(self) -> None:
        wait_for(lambda: (self.folder / "addresses.json").exists(), START_SECONDS, self)

    def processes(self) -> dict[int, str]:
        """Return what runs in this demo's name, by process id."""
        mark = f"DEMO_FOLDER={self.folder}\0".encode()
        return {pid: command for pid, environment, command in all_processes() if mark in environment}

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
        self.process.wait(30)

    def __enter__(self) -> "RunningDemo":
        try:
            self.wait_open()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def all_processes() -> Iterator[tuple[int, bytes, str]]:
    for path in Path("/proc").glob("[0-9]*"):
        try:
            environment = (path / "environ").read_bytes() + b"\0"
            yield int(path.name), environment, (path / "cmdline").read_text().replace("\0", " ")
        except OSError:
            continue


def wait_for(holds: Callable[[], bool], seconds: float, demo: RunningDemo) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, demo.output
        time.sleep(0.1)


def free_base() -> int:
    """Return a first port for a demo, below those the kernel gives to outgoing connections."""
    return random.randrange(20000, 32000)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDemo]:
    """Open with the first port taken by somebody else."""
    with socket.socket() as taken:
        base = free_base()
        taken.bind(("127.0.0.1", base))
        taken.listen(1)
        running = RunningDemo(tmp_path_factory.mktemp("demo") / "state", base)
        running.taken = base
        try:
            running.wait_open()
            yield running
        finally:
            running.stop()


def test_every_address_answers(demo):
    addresses = demo.addresses()
    assert set(addresses) == {"web", "admin", "sandbox", "telegram_api", "marzban", "xui", "yookassa"}
    for name in ("admin", "sandbox", "marzban", "xui"):
        assert requests.get(addresses[name], timeout=10).status_code == 200, name
    assert requests.get(f"{addresses['web']}/healthz", timeout=10).status_code == 200
    assert requests.get(f"{addresses['web']}/readyz", timeout=10).json()["ready"] is True


def test_taken_port_is_said_and_the_next_one_used(demo):
    assert f"Port {demo.taken} (web) is taken: using {demo.taken + 1}." in demo.output
    assert demo.addresses()["web"].endswith(f":{demo.taken + 1}")


def test_shown_password_opens_the_admin(demo):
    password = re.search(r"user admin, password (\S+)", demo.output)[1]
    assert sign_in(demo, password)
    assert not sign_in(demo, "another-password")


def sign_in(demo: RunningDemo, password: str) -> bool:
    browser = requests.Session()
    page = browser.get(f"{demo.addresses()['admin']}login/", timeout=10)
    form = {"username": "admin", "password": password, "csrfmiddlewaretoken": browser.cookies["csrftoken"]}
    browser.post(page.url, data=form, headers={"Referer": page.url}, timeout=10)
    return browser.get(demo.addresses()["admin"], allow_redirects=False, timeout=10).status_code == 200


def test_customer_gets_an_answer_in_the_chat(demo):
    control = f"{demo.addresses()['sandbox']}/_emu"
    requests.post(f"{control}/say", json={"user_id": 7001, "first_name": "Ops", "text": "/start"}, timeout=10)

    def answered() -> bool:
        chat = requests.get(f"{control}/chats/7001", timeout=10).json()
        return any(message["from"]["is_bot"] for message in chat)

    wait_for(answered, 10, demo)


class Shopper:
    """A customer in the demo's chat."""

    def __init__(self, demo: RunningDemo, number: int) -> None:
        self.demo, self.number = demo, number

    def emulate(self, call: str, **fields: object) -> requests.Response:
        url = f"{self.demo.addresses()['sandbox']}/_emu/{call}"
        return requests.post(url, json={"user_id": self.number, "first_name": "Ops", **fields}, timeout=10)

    def buttons(self) -> list[dict[str, str]]:
        """Return the buttons of the newest message."""
        url = f"{self.demo.addresses()['sandbox']}/_emu/chats/{self.number}"
        rows = requests.get(url, timeout=10).json()[-1].get("reply_markup", {}).get("inline_keyboard", [])
        return [button for row in rows for button in row]

    def press(self, start: str) -> None:
        """Wait for a button whose callback data start so, and press it."""

        def pressed() -> bool:
            data = [button.get("callback_data", "") for button in self.buttons()]
            found = [each for each in data if each.startswith(start)]
            return bool(found) and self.emulate("press", data=found[0]).ok

        wait_for(pressed, 20, self.demo)

    def pay_page(self) -> str:
        def links() -> list[str]:
            return [button["url"] for button in self.buttons() if "/pay/" in button.get("url", "")]

        wait_for(lambda: bool(links()), 20, self.demo)
        return links()[0]


def test_customer_buys_a_plan_at_once(demo):
    shopper = Shopper(demo, 7002)
    shopper.emulate("say", text="/start")
    for press in ("v1:plans", "v1:buy:", "v1:agree:1:", "v1:agree:2:", "v1:pay:"):
        shopper.press(press)
    page = shopper.pay_page()
    assert page.startswith(demo.addresses()["yookassa"])
    requests.post(page, data={"action": "pay", "method": "bank_card"}, timeout=10).raise_for_status()
    panels = [f"{demo.addresses()['sandbox']}/panels/{name}/_emu/users" for name in ("marzban", "xui")]

    def lets_in() -> bool:
        users = [user for panel in panels for user in requests.get(panel, timeout=10).json()]
        return any(user["can_connect"] for user in users)

    wait_for(lets_in, 30, demo)


def test_second_demo_of_the_folder_is_refused(demo):
    second = RunningDemo(demo.folder, 20000)
    assert second.process.wait(20) == 1
    assert "A demo is already running at http://127.0.0.1:" in demo.output
    assert demo.addresses()


def test_dead_process_is_started_again_and_said(demo):
    victim = next(pid for pid, command in demo.processes().items() if "manage.py bot" in command)
    os.kill(victim, signal.SIGKILL)
    wait_for(lambda: "bot was killed by signal 9: starting it again in 1 s" in demo.output, 10, demo)
    wait_for(lambda: any("manage.py bot" in command for command in demo.processes().values()), 10, demo)
    assert victim not in demo.processes()


def test_new_password_replaces_the_old_one_while_it_runs(demo):
    environment = {**os.environ, "DEMO_FOLDER": str(demo.folder)}
    command = [sys.executable, "manage.py", "demo", "--new-password"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60)
    assert sign_in(demo, re.search(r"password (\S+)", done.stdout)[1])
    assert demo.addresses()


def test_commands_of_the_shop_work_on_the_demo(demo):
    environment = {**os.environ, "DEMO_FOLDER": str(demo.folder)}
    command = [sys.executable, "manage.py", "demo", "--manage", "panels", "check"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and "Demo panel: version" in done.stdout
    done = subprocess.run([*command, "nobody"], cwd=ROOT, env=environment, capture_output=True, timeout=60)
    assert done.returncode == 2


def test_reset_is_refused_while_it_runs(demo):
    done = reset(demo)
    assert done.returncode != 0 and "already running" in done.stderr
    assert demo.addresses()


def reset(demo: RunningDemo) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "DEMO_FOLDER": str(demo.folder)}
    command = [sys.executable, "manage.py", "demo", "--reset"]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=30)


def test_stopped_it_leaves_nothing_goes_on_with_its_data_and_can_be_thrown_away(demo):
    """Stands last: it stops the demo of the others."""
    demo.process.send_signal(signal.SIGINT)
    assert demo.process.wait(STOP_SECONDS) == 0
    assert demo.processes() == {}
    assert not (demo.folder / "addresses.json").exists()
    with RunningDemo(demo.folder, free_base()) as again:
        assert again.output.count("user admin, password") == 1  # both have said it all in one file
        again.process.kill()
        again.process.wait(10)
        wait_for(lambda: again.processes() == {}, STOP_SECONDS, again)
    assert reset(demo).returncode == 0
    assert not demo.folder.exists()
