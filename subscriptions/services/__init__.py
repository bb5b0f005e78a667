"""Verbs over what customers hold. Each locks the customer, changes one customer, and may be repeated."""

from subscriptions.services.adopting import link_to_telegram
from subscriptions.services.devices import forget_devices, removals_left, remove_device
from subscriptions.services.expiry import expire_due, remind_due
from subscriptions.services.grants import extend_by_staff, give
from subscriptions.services.holds import ban_customer, disable, enable, unban_customer
from subscriptions.services.links import COOL_DOWN, replace_own_link, rotate_link
from subscriptions.services.locations import LocationOffer, choose_location, locations_of
from subscriptions.services.nearing import read_near_limit
from subscriptions.services.outages import (
    count_affected,
    credit_affected,
    tell_affected,
    tell_recovered,
    undo_credit,
)
from subscriptions.services.rules import change_rules
from subscriptions.services.sightings import write_seen
from subscriptions.services.taking_back import TakeBackPreview, give_back, preview_take_back, take_back
from subscriptions.services.terms import Terms, renew, start, terms_of
from subscriptions.services.traffic import begin_due, change_limit, tell_near_limit, traffic_by_day
from subscriptions.services.trials import take_trial
from subscriptions.services.unconnected import hint_unconnected, never_connected

__all__ = [
    "COOL_DOWN",
    "LocationOffer",
    "TakeBackPreview",
    "Terms",
    "ban_customer",
    "begin_due",
    "change_limit",
    "change_rules",
    "count_affected",
    "credit_affected",
    "choose_location",
    "disable",
    "enable",
    "expire_due",
    "extend_by_staff",
    "forget_devices",
    "give",
    "give_back",
    "hint_unconnected",
    "locations_of",
    "never_connected",
    "preview_take_back",
    "read_near_limit",
    "link_to_telegram",
    "remind_due",
    "removals_left",
    "remove_device",
    "renew",
    "replace_own_link",
    "rotate_link",
    "start",
    "take_back",
    "take_trial",
    "tell_affected",
    "tell_recovered",
    "tell_near_limit",
    "traffic_by_day",
    "terms_of",
    "unban_customer",
    "undo_credit",
    "write_seen",
]
