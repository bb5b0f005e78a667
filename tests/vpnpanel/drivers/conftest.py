"""Every kind of panel and each of its dialects, for the cases all drivers must pass."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.world import PanelWorld, XuiWorld
from vpnpanel import drivers
from vpnpanel.drivers.base import Credentials, Desired, Observed, PanelAddress, PanelDriver
from vpnpanel.errors import PanelDown, PanelError, PanelRefused

NAME = "abc123_0123456789abcdef"
OTHER = "abc123_other"
NEIGHBOUR = "neighbour"
UNTIL = datetime(2031, 5, 6, 7, 8, 9, tzinfo=UTC)
KEYS = Credentials(
    uuid="5b0f3c1e-8a54-4a4b-9a7e-2f6d1c9e7a10", password="a-password_of-ours", sub_id="s7k2m9q4x1v8b3n6"
)
WANTED = Desired(
    is_enabled=True, until=UNTIL, traffic_limit=5 * 2**30, note="abc123 access 1", credentials=KEYS
)
STOPPED = Desired(is_enabled=False, until=UNTIL, traffic_limit=0, note=WANTED.note, credentials=KEYS)

Trouble = tuple[dict[str, Any], type[PanelError]]


@dataclass
class Case:
    """One dialect of one kind: how to reach it, what its calls are called, and what it holds inside.

    `create`, `change`, `delete` name its calls as the stand-in does; `calls_for_accounts` matches all that
    have to do with accounts. `links` is how many an account gets; `troubles` are faults of its own.
    """

    kind: str
    world: Any
    address: dict[str, Any]
    version: str
    create: str
    change: str
    delete: str
    calls_for_accounts: str
    links: int
    troubles: tuple[Trouble, ...] = ()
    made: list[PanelDriver] = field(default_factory=list)

    def connect(self, *, read_seconds: float = 5, **fields: Any) -> PanelDriver:
        address = PanelAddress(**{**self.address, **fields})
        self.made.append(drivers.connect(self.kind, address, read_seconds=read_seconds))
        return self.made[-1]

    def accounts(self) -> dict[str, bool]:
        """Return by name whether the panel's core lets our accounts in, past what the API says."""
        found: dict[str, bool] = {}
        for shown, user in self.world.users().items():
            name = shown.rpartition("-i")[0] or shown
            if name != NEIGHBOUR:
                found[name] = found.get(name, False) or user["can_connect"]
        return found

    def lose(self, name: str) -> None:
        for shown in self.world.users():
            if shown.rpartition("-i")[0] == name or shown == name:
                self.world.emu("POST", "lose", username=shown)

    def calls(self, call: str) -> int:
        return len(self.world.calls(call))


def with_keys_only(shown: Observed) -> Observed:
    """Return what was observed without what a panel draws anew for each link."""
    return replace(shown, links=tuple(keys_of(shown.links)))


def keys_of(links: tuple[str, ...]) -> list[str]:
    return [link.split("@")[0] for link in links]


@pytest.fixture(params=["marzban", "xui_legacy", "xui_clients"])
def case(request: pytest.FixtureRequest) -> Iterator[Case]:
    made: Case = request.getfixturevalue(f"{request.param}_case")
    yield made
    for driver in made.made:
        driver.close()


@pytest.fixture
def driver(case: Case) -> PanelDriver:
    return case.connect()


@pytest.fixture
def marzban_case(marzban: PanelWorld) -> Case:
    refused = {"kind": "error", "status": 403, "body": {"detail": "You're not allowed"}}
    return Case(
        kind="marzban",
        world=marzban,
        address={"base_url": marzban.address, "username": marzban.username, "password": marzban.password},
        version="0.8.4",
        create="POST /api/user",
        change="PUT *",
        delete="DELETE *",
        calls_for_accounts="*/api/user*",
        links=2,
        troubles=(
            (refused, PanelRefused),
            ({"kind": "error", "status": 404, "body": {"detail": "Not Found"}}, PanelRefused),
            ({"kind": "error", "status": 302}, PanelRefused),
        ),
    )


@pytest.fixture
def xui_legacy_case(xui_legacy: XuiWorld) -> Case:
    xui_legacy.make_user(NEIGHBOUR, inbounds=[1])
    return Case(
        kind="xui",
        world=xui_legacy,
        address={
            "base_url": xui_legacy.address,
            "username": xui_legacy.username,
            "password": xui_legacy.password,
            "inbounds": {"vless": ["inbound-443"]},
        },
        version="2.7-2.9",
        create="POST /panel/api/inbounds/addClient",
        change="POST */updateClient/*",
        delete="POST */delClient/*",
        calls_for_accounts="* /panel/api/inbounds/*",
        links=1,
        troubles=(*XUI_TROUBLES, ({"kind": "error", "status": 404}, PanelRefused)),
    )


@pytest.fixture
def xui_clients_case(xui_clients: XuiWorld) -> Case:
    xui_clients.make_user(NEIGHBOUR, inbounds=[1])
    return Case(
        kind="xui",
        world=xui_clients,
        address={
            "base_url": xui_clients.address,
            "username": "",
            "password": "",
            "token": xui_clients.token,
            "inbounds": {"vless": ["inbound-443", "inbound-8443"]},
        },
        version="3.5.0",
        create="POST /panel/api/clients/add",
        change="POST */update/*",
        delete="POST */del/*",
        calls_for_accounts="* /panel/api/[ci]*",
        links=2,
        # A panel that says it has these routes and does not: a proxy before it that finds nothing.
        troubles=(*XUI_TROUBLES, ({"kind": "error", "status": 404}, PanelDown)),
    )


XUI_TROUBLES: tuple[Trouble, ...] = (
    ({"kind": "error", "status": 403}, PanelRefused),
    ({"kind": "error", "status": 307}, PanelRefused),
    ({"kind": "error"}, PanelError),
)


def closing(case: Case):
    yield case
    for driver in case.made:
        driver.close()


@pytest.fixture
def legacy(xui_legacy_case: Case):
    yield from closing(xui_legacy_case)


@pytest.fixture
def clients(xui_clients_case: Case):
    yield from closing(xui_clients_case)
