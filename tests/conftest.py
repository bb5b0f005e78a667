"""Every test meets the same world: the sandbox over HTTP, fresh for each test."""

import gc
from collections.abc import Callable, Generator, Iterator
from contextlib import suppress
from typing import Any

import pytest
from celery import current_app
from django.test import TestCase, TransactionTestCase
from django.utils import translation

from core.services import claim_installation
from sandbox.server import SandboxThread
from scripts.compile_locale import compile_all
from tests import outside_calls
from tests.pristine import Pristine
from tests.world import PanelWorld, PaymentWorld, TelegramWorld, XuiWorld
from vpnpanel.drivers import marzban as marzban_driver
from vpnpanel.drivers import marzban_api
from vpnpanel.drivers.xui import doors, known

# Folders of files that last a minute: storms, demos, browsers.
LONG = {"proof", "ops", "page", "browser", "stories"}
# Folders of files that last some seconds at most.
SHORT = {"accounts", "core", "drivers", "notifications", "referrals", "vpnservice"}
# Tests of these folders find the servers by themselves.
OWN_SERVERS = {"core", "notifications", "proof", "vpnservice"}


def pytest_configure() -> None:
    """Compile the translations, so that no test meets those of yesterday."""
    if errors := compile_all():
        raise pytest.UsageError("\n".join(errors))
    outside_calls.watch()


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Leave what is collected out of all search for garbage: thousands of tests come to be, and none goes."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--only-with-servers", action="store_true", help="leave out what needs no database")
    parser.addoption("--without-rolled-back", action="store_true", help="leave out what commits nothing")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Begin with the files that last longest, so that no process is left alone with one at the end."""
    items.sort(key=lambda item: (not LONG & {*item.path.parts}, bool(SHORT & {*item.path.parts})))
    if config.getoption("--only-with-servers"):
        leave_out(config, items, lambda item: not meets_servers(item))
    if config.getoption("--without-rolled-back"):
        leave_out(config, items, lambda item: meets_servers(item) and not commits(item))


def leave_out(
    config: pytest.Config, items: list[pytest.Item], is_left: Callable[[pytest.Item], bool]
) -> None:
    left_out = [item for item in items if is_left(item)]
    items[:] = [item for item in items if not is_left(item)]
    config.hook.pytest_deselected(items=left_out)


def meets_servers(item: pytest.Item) -> bool:
    """Tell whether a test meets the database or Redis, so that other ones may give another result."""
    if OWN_SERVERS & {*item.path.parts}:
        return True
    test_case = getattr(item, "cls", None)
    fixtures = getattr(item, "fixturenames", ())
    return (
        bool({"db", "transactional_db"} & {*fixtures})
        or item.get_closest_marker("django_db") is not None
        or (isinstance(test_case, type) and issubclass(test_case, TransactionTestCase))
    )


def commits(item: pytest.Item) -> bool:
    """Tell whether a test commits, so that locks matter, which are another thing on each database."""
    test_case, marker = getattr(item, "cls", None), item.get_closest_marker("django_db")
    return (
        "transactional_db" in getattr(item, "fixturenames", ())
        or (marker is not None and marker.kwargs.get("transaction", False))
        or (
            isinstance(test_case, type)
            and issubclass(test_case, TransactionTestCase)
            and not issubclass(test_case, TestCase)
        )
    )


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: Any) -> Iterator[Pristine]:
    """Let what a test commits be put back after it, instead of emptying the database."""
    with django_db_blocker.unblock():
        pristine = Pristine()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransactionTestCase, "_fixture_teardown", lambda _self: pristine.put_back())
        yield pristine


@pytest.fixture(autouse=True)
def no_outside_call_in_a_transaction() -> Iterator[None]:
    outside_calls.seen.clear()
    yield
    assert not outside_calls.seen, f"called while a transaction was open: {outside_calls.seen}"


@pytest.fixture(autouse=True)
def fresh_process() -> None:
    """Let each test meet a process that has asked no panel yet and served nobody in another language."""
    translation.deactivate()
    marzban_api.TOKENS.clear()
    marzban_api.REFUSALS.clear()
    marzban_driver.INBOUNDS.clear()
    doors.DOORS.clear()
    known.PANELS.clear()


@pytest.fixture(scope="session")
def box() -> Iterator[SandboxThread]:
    from django.conf import settings

    with SandboxThread(
        marzban_ports=(0, 0), xui_ports=(0, 0), bot_token=settings.TELEGRAM_BOT_TOKEN
    ) as running:
        yield running


@pytest.fixture
def telegram(box: SandboxThread, settings) -> TelegramWorld:
    world = TelegramWorld(box.addresses["telegram"])
    world.reset()
    settings.TELEGRAM_API_BASE_URL = world.address
    return world


@pytest.fixture
def marzban(box: SandboxThread) -> PanelWorld:
    world = PanelWorld(box.addresses["marzban"])
    world.reset()
    return world


@pytest.fixture
def second_marzban(box: SandboxThread) -> PanelWorld:
    world = PanelWorld(box.addresses["marzban2"])
    world.reset()
    return world


@pytest.fixture
def xui_clients(box: SandboxThread) -> XuiWorld:
    """A 3x-ui panel of the clients dialect, 3.5.0."""
    world = XuiWorld(box.addresses["xui"])
    world.reset()
    return world


@pytest.fixture
def xui_legacy(box: SandboxThread) -> XuiWorld:
    """A 3x-ui panel of the legacy dialect, 2.8.9."""
    world = XuiWorld(box.addresses["xui2"])
    world.reset()
    return world


@pytest.fixture
def yookassa(box: SandboxThread, settings) -> PaymentWorld:
    world = PaymentWorld(box.addresses["yookassa"])
    world.reset()
    settings.YOOKASSA_API_URL = world.api_url
    return world


@pytest.fixture
def installation(db):
    return claim_installation()


@pytest.fixture
def queued() -> Callable[..., list[tuple[str, list[Any]]]]:
    """Takes what waits for the worker in a queue, each a task with its arguments; nothing does at first."""

    def take(name: str = "fast") -> list[tuple[str, list[Any]]]:
        found = []
        with (
            current_app.connection_for_read() as broker,
            broker.SimpleQueue(name, no_ack=True) as queue,
            suppress(queue.Empty),
        ):
            while True:
                message = queue.get_nowait()
                found.append((message.headers["task"], message.payload[0]))
        return found

    for name in ("fast", "default"):
        take(name)
    return take


@pytest.fixture
def live_db(transactional_db: None) -> None:
    """A database that other threads and processes see too."""
