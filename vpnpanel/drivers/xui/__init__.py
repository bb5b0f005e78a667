"""3x-ui, both of its API's dialects behind one driver."""

from vpnpanel.drivers.xui.driver import XuiDriver

__all__ = ["XuiDriver"]
