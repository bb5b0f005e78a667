"""Kinds of panels. A new one is one file, one entry here, one class of contract tests."""

from django.utils.module_loading import import_string

from vpnpanel.drivers.base import PanelAddress, PanelDriver

# Marzban needs up to 14 s for a page of a large panel; 30 s is what its contract asks for.
READ_SECONDS = 30.0

DRIVERS: dict[str, tuple[str, str]] = {
    "marzban": ("Marzban", "vpnpanel.drivers.marzban.MarzbanDriver"),
}


def connect(kind: str, address: PanelAddress, *, read_seconds: float = READ_SECONDS) -> PanelDriver:
    """Return a driver for a panel of that kind; nothing is called yet."""
    driver: type[PanelDriver] = import_string(DRIVERS[kind][1])
    return driver(address, read_seconds=read_seconds)
