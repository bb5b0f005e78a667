"""Where access lives: panels, what we want on them, what we saw there."""

from vpnpanel.models.accesses import LATE_AFTER, NAME_LENGTH, NO_ROOM, PICKY, Access, PanelAccount
from vpnpanel.models.moves import MOST_IN_FLIGHT, Move, MoveItem
from vpnpanel.models.outages import LONGEST_GRACE_HOURS, Outage, PanelRules
from vpnpanel.models.panels import (
    LOST_CHANGES,
    Panel,
    PanelGroup,
    normal_address,
    require_inbounds,
    require_web_address,
)
from vpnpanel.models.strays import StrayAccount
from vpnpanel.models.syncs import SyncFinding, SyncRun
from vpnpanel.models.usage import AccessUsage

__all__ = [
    "LATE_AFTER",
    "LONGEST_GRACE_HOURS",
    "LOST_CHANGES",
    "MOST_IN_FLIGHT",
    "NAME_LENGTH",
    "NO_ROOM",
    "Access",
    "AccessUsage",
    "Move",
    "MoveItem",
    "Outage",
    "Panel",
    "PanelAccount",
    "PanelGroup",
    "StrayAccount",
    "SyncFinding",
    "PICKY",
    "PanelRules",
    "SyncRun",
    "normal_address",
    "require_inbounds",
    "require_web_address",
]
