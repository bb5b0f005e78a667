import pytest
from django.utils import translation

from core.models import Installation
from tests.factories import make_panel
from tests.world import PanelWorld
from vpnpanel.models import Panel


@pytest.fixture(autouse=True)
def in_english() -> None:
    """Errors are said in the language of the thread, which may have served somebody in another."""
    translation.deactivate()


@pytest.fixture
def panel(installation: Installation, marzban: PanelWorld) -> Panel:
    return make_panel(marzban)


@pytest.fixture
def second_panel(panel: Panel, second_marzban: PanelWorld) -> Panel:
    return make_panel(second_marzban, name="de-1")
