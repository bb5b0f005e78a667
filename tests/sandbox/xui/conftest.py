import pytest

from tests.sandbox.xui.owner import Owner
from tests.world import XuiWorld


@pytest.fixture
def legacy(xui_legacy: XuiWorld) -> Owner:
    """The owner of a 2.8.9 panel, logged in."""
    owner = Owner(xui_legacy)
    assert owner.log_in()["success"]
    return owner


@pytest.fixture
def modern(xui_clients: XuiWorld) -> Owner:
    """A caller with the token of a 3.5.0 panel."""
    return Owner(xui_clients).bear()
