"""What must hold on three panels after a storm: asked of their insides, the links and the database."""

import base64
from typing import Any

import requests

from tests.proof.panel_storm import (
    SHARED_INBOUNDS,
    PanelSeen,
    has_its_places,
    is_shut_out,
    live,
    raw_rows,
    wanted_count,
)
from tests.proof.processes import Shop
from tests.proof.verdict import taps, unfinished
from tests.world import XuiWorld

TRIAL_DAYS = 7
DAYS = {"one": 30, "pair": 30, "all": 30, "refund": -3}
SECOND = 1 / 86_400
ENTRANCES = 2  # that each panel sells

Users = dict[str, dict[str, Any]]


def judge_panels(shop: Shop, customers: list[int], seen: PanelSeen) -> list[str]:
    """Return every broken promise, one sentence each; none if all hold."""
    held = {int(key): value for key, value in shop.books.ask("holdings").items()}
    inside = {name: panel.users() for name, panel in shop.panels.items()}
    wrong = [*shop.fell, *taps(shop, seen), *unfinished(shop), *others(shop, seen), *meetings(shop)]
    wrong += strangers(held, inside, seen)
    for customer in customers:
        acts = seen.acts[customer]
        if (mine := held.get(customer)) is None:
            wrong.append(f"{customer} has no subscription")
            continue
        found = [*_books(mine, acts), *_accounts(shop, mine, acts, inside), *_link(shop, mine, acts)]
        found += _shut(shop, seen.replaced.get(customer, []), "a key that was replaced")
        wrong += [f"{customer} ({' '.join(acts) or 'trial'}): {each}" for each in found]
    return wrong


def others(shop: Shop, seen: PanelSeen) -> list[str]:
    """Compare the accounts of others with what they were before."""
    wrong = []
    for name, panel in shop.panels.items():
        before, after = seen.strangers[name], raw_rows(panel)
        changed = [who for who, row in before.items() if after.get(who) != row]
        if changed or len(after) != len(before):
            wrong.append(f"{name}: {len(changed)} foreign accounts are not as they were, {changed[0:1]}")
    return wrong


def meetings(shop: Shop) -> list[str]:
    """Tell how often two writers met on a panel where one of them then loses what it wrote."""
    counts = {
        name: panel.set()["overwritten"] for name, panel in shop.panels.items() if isinstance(panel, XuiWorld)
    }
    return [f"{name}: {count} clients were overwritten" for name, count in counts.items() if count]


def strangers(held: dict[int, Any], inside: dict[str, Users], seen: PanelSeen) -> list[str]:
    """Tell of clients that are nobody's: neither a guest's nor of an account the shop knows to be there.

    One that others replaced serves on for a while, but for nobody who is shut out. The old panel does not
    delete the last client of an inbound: that of a contract test made before the guests came stays, switched
    off, until the next test.
    """
    wrong = []
    places = [each for mine in held.values() for each in live(mine)]
    places += [
        each
        for customer, mine in held.items()
        for each in mine["accounts"]
        if each["serves_on"] and not is_shut_out(seen.acts[customer])
    ]
    for panel, users in inside.items():
        known = {each["name"] for each in places if each["panel"] == panel}
        for name, user in users.items():
            is_of_a_test = "_test_" in name and not user["can_connect"]
            if not (name.startswith("guest") or is_of_a_test or _account_of(name) in known):
                state = "lets in" if user["can_connect"] else "has"
                wrong.append(f"{panel} {state} {name} ({user['status']}), which should not be there")
    return wrong


def compare(found: dict[str, Any]) -> list[str]:
    """Tell what a full sync found after all was done: nothing may be left to find."""
    wrong = [
        f"{panel}: a full sync found {count} {what}"
        for panel, counts in found["found"].items()
        for what, count in counts.items()
        if count
    ]
    done = len(found["found"])
    return wrong if done == found["panels"] else [*wrong, f"only {done} full syncs ended"]


def _account_of(client: str) -> str:
    """On 3x-ui's older versions an account is a client for each inbound, whose number ends its name."""
    return client.partition("-i")[0]


def _books(mine: dict[str, Any], acts: list[str]) -> list[str]:
    wrong = []
    days = TRIAL_DAYS + sum(DAYS.get(act, 0) for act in acts)
    if abs(mine["days"] - days) > 5 * SECOND:
        wrong.append(f"has {mine['days']:.3f} days, not {days}")
    if mine["is_behind"]:
        wrong.append("the newest terms are not applied")
    if mine["wanted_end"] != mine["end"]:
        wrong.append(f"the access ends at {mine['wanted_end']}, the subscription at {mine['end']}")
    if not has_its_places(mine, acts):
        wrong.append(f"lives on {len(live(mine))} panels, not {wanted_count(acts)}")
    return wrong


def _accounts(shop: Shop, mine: dict[str, Any], acts: list[str], inside: dict[str, Users]) -> list[str]:
    wrong = []
    for account in live(mine):
        panel, name = account["panel"], account["name"]
        there = [user for client, user in inside[panel].items() if _account_of(client) == name]
        if not there and is_shut_out(acts):
            continue  # cut off before it was made: nobody gets in, which is what was wanted
        if not there:
            wrong.append(f"{panel} has lost account {name}")
        if isinstance(shop.panels[panel], XuiWorld):
            inbounds = [number for user in there for number in user["inbounds"]]
            if sorted(inbounds) != list(SHARED_INBOUNDS) and not is_shut_out(acts):
                wrong.append(f"{panel} has account {name} on inbounds {inbounds}")
            elif len(inbounds) != len(set(inbounds) & set(SHARED_INBOUNDS)):  # some: cut off half-made
                wrong.append(f"{panel} has account {name} on inbounds {inbounds}, which are not its own")
        ends = {user["expire"] for user in there}
        if not is_shut_out(acts) and ends != {mine["end"]}:
            wrong.append(f"{panel} ends at {ends}, the subscription at {mine['end']}")
        if account["placement"] != "serving" and not is_shut_out(acts):
            wrong.append(f"{panel}: the account is {account['placement']}")
        if any(user["can_connect"] for user in there) == is_shut_out(acts):
            wrong.append(f"{panel}: gets in" if is_shut_out(acts) else f"{panel}: does not get in")
    return wrong


def _link(shop: Shop, mine: dict[str, Any], acts: list[str]) -> list[str]:
    """The link opens the door of every panel the customer is on, or of none."""
    answer = requests.get(mine["link"], timeout=10)
    if answer.status_code != 200:
        return [f"the link answers {answer.status_code}"]
    entries = base64.b64decode(answer.text).decode().split()
    if is_shut_out(acts):
        known = [link for account in mine["accounts"] for link in account["links"]]
        return _shut(shop, [*entries, *known], "somebody who was cut off")
    if len(entries) != ENTRANCES * wanted_count(acts):
        return [f"the link has {len(entries)} keys for {wanted_count(acts)} panels"]
    lead = [[name for name, panel in shop.panels.items() if panel.connects(entry)] for entry in entries]
    wrong = [f"no panel lets in {entry[:40]}" for entry, at in zip(entries, lead, strict=True) if not at]
    closed = {account["panel"] for account in live(mine)} - {name for at in lead for name in at}
    return wrong + [f"no key of the link opens {name}" for name in sorted(closed)]


def _shut(shop: Shop, links: list[str], whose: str) -> list[str]:
    return [
        f"{name} lets in {whose}: {link[:40]}"
        for link in dict.fromkeys(links)
        for name, panel in shop.panels.items()
        if panel.connects(link)
    ]
