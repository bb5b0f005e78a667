"""Verbs over the access customers are to have, over panels, and over what was seen on them.

Nothing else changes the state of this room. For a customer's access the caller holds the customer's lock
(`accounts.services.lock_customer`) and the transaction. The reconciler and the jobs run the verbs that record
what panels showed.
"""

from vpnpanel.grace import register_update_hours
from vpnpanel.observation import used_bytes
from vpnpanel.ownership import terms_differ
from vpnpanel.services.accesses import (
    change_access,
    choose_location,
    links_of,
    locations_for,
    open_access,
    remove_long_ended,
    request_reconcile,
    rotate_keys,
    traffic_by_day,
)
from vpnpanel.services.near_limits import read_traffic
from vpnpanel.services.outages import FLAPPING, affected_by, settle_outage
from vpnpanel.services.panels import (
    add_panel,
    change_panel,
    change_panel_rules,
    register_panel,
    set_panel_state,
)

__all__ = [
    "add_panel",
    "FLAPPING",
    "affected_by",
    "change_access",
    "change_panel",
    "change_panel_rules",
    "choose_location",
    "links_of",
    "locations_for",
    "open_access",
    "read_traffic",
    "register_panel",
    "register_update_hours",
    "remove_long_ended",
    "request_reconcile",
    "rotate_keys",
    "set_panel_state",
    "settle_outage",
    "terms_differ",
    "traffic_by_day",
    "used_bytes",
]
