"""Kinds of panels. A new one is one file, one entry here, one class of contract tests."""

from django.utils.module_loading import import_string

from vpnpanel.drivers.base import PanelAddress, PanelDriver

DRIVERS: dict[str, tuple[str, str]] = {
    "marzban": ("Marzban", "vpnpanel.drivers.marzban.MarzbanDriver"),
}


def connect(kind: str, address: PanelAddress) -> PanelDriver:
    """Return a driver for a panel of that kind; nothing is called yet."""
    driver: type[PanelDriver] = import_string(DRIVERS[kind][1])
    return driver(address)  # type: ignore[call-arg]
