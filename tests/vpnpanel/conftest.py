import pytest

from core.models import Installation
from tests.factories import make_panel
from tests.world import PanelWorld
from vpnpanel.drivers import marzban as marzban_driver
from vpnpanel.drivers import marzban_api
from vpnpanel.drivers.xui import doors, known
from vpnpanel.models import Panel


@pytest.fixture(autouse=True)
def fresh_process() -> None:
    """Let each test meet a process that has asked no panel yet."""
    marzban_api.TOKENS.clear()
    marzban_api.REFUSALS.clear()
    marzban_driver.INBOUNDS.clear()
    doors.DOORS.clear()
    known.PANELS.clear()


@pytest.fixture
def panel(installation: Installation, marzban: PanelWorld) -> Panel:
    return make_panel(marzban)


@pytest.fixture
def second_panel(panel: Panel, second_marzban: PanelWorld) -> Panel:
    return make_panel(second_marzban, name="de-1")
