"""Kinds of panels. A new one is one file, one entry here, one class of contract tests."""

from django.utils.module_loading import import_string

from vpnpanel.drivers.base import PanelAddress, PanelDriver, WorksInBatches

# Marzban needs up to 14 s for a page of a large panel; 30 s is what its contract asks for.
READ_SECONDS = 30.0

DRIVERS: dict[str, tuple[str, str]] = {
    "marzban": ("Marzban", "vpnpanel.drivers.marzban.MarzbanDriver"),
    "xui": ("3x-ui", "vpnpanel.drivers.xui.XuiDriver"),
}


def connect(kind: str, address: PanelAddress, *, read_seconds: float = READ_SECONDS) -> PanelDriver:
    """Return a driver for a panel of that kind; nothing is called yet."""
    return _class_of(kind)(address, read_seconds=read_seconds)


def has_one_writer(kind: str) -> bool:
    """Tell whether panels of that kind lose changes that are made at once."""
    return _class_of(kind).one_writer


def at_once(kind: str) -> int:
    """Return how many accounts panels of that kind may be told about together."""
    driver = _class_of(kind)
    return driver.at_once if issubclass(driver, WorksInBatches) else 1


def _class_of(kind: str) -> type[PanelDriver]:
    driver: type[PanelDriver] = import_string(DRIVERS[kind][1])
    return driver
