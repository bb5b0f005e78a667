import pytest

from core.models import Installation
from tests.factories import make_panel
from tests.world import PanelWorld
from vpnpanel.models import Panel


@pytest.fixture
def panel(installation: Installation, marzban: PanelWorld) -> Panel:
    return make_panel(marzban)


@pytest.fixture
def second_panel(panel: Panel, second_marzban: PanelWorld) -> Panel:
    return make_panel(second_marzban, name="de-1")
