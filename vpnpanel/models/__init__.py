"""Where access lives: panels, what we want on them, what we saw there."""

from vpnpanel.models.accesses import LATE_AFTER, Access, PanelAccount
from vpnpanel.models.panels import Panel, PanelGroup, require_inbounds, require_web_address
from vpnpanel.models.syncs import SyncRun

__all__ = [
    "LATE_AFTER",
    "Access",
    "Panel",
    "PanelAccount",
    "PanelGroup",
    "SyncRun",
    "require_inbounds",
    "require_web_address",
]
