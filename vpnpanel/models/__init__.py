"""Where access lives: panels, what we want on them, what we saw there."""

from vpnpanel.models.accesses import LATE_AFTER, Access, PanelAccount
from vpnpanel.models.panels import Panel, PanelGroup, require_inbounds, require_web_address
from vpnpanel.models.syncs import SyncRun
from vpnpanel.models.usage import AccessUsage

__all__ = [
    "LATE_AFTER",
    "Access",
    "AccessUsage",
    "Panel",
    "PanelAccount",
    "PanelGroup",
    "SyncRun",
    "require_inbounds",
    "require_web_address",
]
