"""From a Panel row to the driver that talks to it."""

from collections.abc import Callable
from typing import TypeVar

from vpnpanel import drivers
from vpnpanel.drivers.base import PanelAddress, PanelDriver
from vpnpanel.models import Panel

# A panel that is well tells about itself within a second or two; the probe need not wait longer.
CHECK_SECONDS = 10.0

Result = TypeVar("Result")


def driver_for(panel: Panel, *, read_seconds: float = drivers.READ_SECONDS) -> PanelDriver:
    """Return a driver for the panel; nothing is called yet."""
    address = PanelAddress(
        base_url=panel.base_url,
        username=panel.username,
        password=panel.password,
        verify_tls=panel.verify_tls,
        inbounds=panel.inbounds,
        token=panel.token,
        totp_secret=panel.totp_secret,
        public_host=panel.public_host,
    )
    return drivers.connect(panel.kind, address, read_seconds=read_seconds)


def ask(panel: Panel, question: Callable[[PanelDriver], Result]) -> Result:
    """Ask the panel one short question. Raises what the driver raises."""
    driver = driver_for(panel, read_seconds=CHECK_SECONDS)
    try:
        return question(driver)
    finally:
        driver.close()
