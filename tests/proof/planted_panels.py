"""Known bugs for the storm over three panels; see tests.proof.planted."""

from collections.abc import Callable


def many_writers() -> None:
    """Write to panels that lose changes made at once from wherever there is something to write."""
    from vpnpanel.drivers.xui import XuiDriver

    XuiDriver.one_writer = False


BUGS: dict[str, Callable[[], None]] = {"many-writers": many_writers}
