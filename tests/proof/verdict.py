"""What must hold after a storm, asked of the chats, the panel, the links and the database."""

import base64
from typing import Any

import requests

from tests.proof.processes import Shop
from tests.proof.storm import KINDS, Seen

Account = dict[str, Any]


def judge(shop: Shop, customers: list[int], seen: Seen) -> list[str]:
    """Return every broken promise, one sentence each; none if all hold."""
    held = {int(key): value for key, value in shop.books.ask("customers").items()}
    on_panel = shop.panel.users()
    wrong = [*shop.fell, *taps(shop, seen), *unfinished(shop), *strangers(held, on_panel)]
    for customer in customers:
        if customer not in seen.pressed:
            wrong.append(f"{customer} never saw a button for the trial")
            continue
        mine = held.get(customer)
        found = [*_books(mine), *_panel(mine, on_panel), *_chat(shop, customer, mine)] if mine else ["no row"]
        wrong += [f"{customer}: {each}" for each in found]
    return wrong


def count_faults(shop: Shop) -> dict[str, dict[str, int]]:
    return {"telegram": shop.telegram.fired(), "panel": shop.panel.fired()}


def silent_kinds(fired: dict[str, dict[str, int]]) -> list[str]:
    """Return the planned kinds of faults that never fired: a storm without them proves nothing."""
    return [kind for kind in KINDS if not any(each.get(kind) for each in fired.values())]


def taps(shop: Shop, seen: Seen) -> list[str]:
    stored = {int(key): state for key, state in shop.books.ask("updates").items()}
    return [
        f"{what} was {stored.get(update_id, 'lost')}"
        for update_id, what in seen.updates.items()
        if stored.get(update_id) != "answered"
    ]


def unfinished(shop: Shop) -> list[str]:
    left = shop.books.ask("unfinished")
    return [f"{count} {name} never came to an end" for name, count in left.items() if count]


def strangers(held: dict[int, Any], on_panel: dict[str, Account]) -> list[str]:
    known = {account["name"] for customer in held.values() for account in customer["accounts"]}
    return [f"the panel has an account {name} unknown to the shop" for name in on_panel.keys() - known]


def _books(mine: dict[str, Any]) -> list[str]:
    wrong = [
        f"{len(mine[name])} {name}" for name in ("links", "accounts", "ready") if len(mine[name]) != 1
    ] + [f"{mine[name]} {name}" for name in ("trials", "grants") if mine[name] != 1]
    if mine["behind"]:
        wrong.append("the newest terms are not applied")
    if mine["ready"] not in ([], ["sent"]):
        wrong.append(f"news of the key: {mine['ready']}")
    return wrong


def _panel(mine: dict[str, Any], on_panel: dict[str, Account]) -> list[str]:
    """Compare what the shop believes of the account with what the panel has."""
    wrong = []
    for account, end in zip(mine["accounts"], mine["ends"], strict=False):
        there = on_panel.get(account["name"])
        if there is None:
            wrong.append(f"the panel has no account {account['name']}")
            continue
        believed = (account["placement"], account["status"], account["until"])
        if believed != ("serving", there["status"], there["expire"]) or there["status"] != "active":
            wrong.append(f"the shop believes {believed}, the panel has {there['status'], there['expire']}")
        if there["expire"] != end:
            wrong.append(f"the panel ends at {there['expire']}, the subscription at {end}")
    return wrong


def _chat(shop: Shop, customer: int, mine: dict[str, Any]) -> list[str]:
    """The press led to a screen, the key came, and its link opens the panel's door."""
    wrong = []
    answers = shop.telegram.answers(customer)
    cards = [answer for answer in answers if "Your VPN is ready" in answer.get("caption", "")]
    if not cards:
        wrong.append("the chat has no message with the key")
    if len(answers) == len(cards):
        wrong.append("the chat has no screen for the press")
    for link in mine["links"]:
        if cards and link not in cards[-1]["caption"]:
            wrong.append("the key in the chat is another one than in the books")
        wrong += _link(shop, link)
    return wrong


def _link(shop: Shop, link: str) -> list[str]:
    answer = requests.get(link, timeout=10)
    if answer.status_code != 200:
        return [f"the link answers {answer.status_code}"]
    entries = base64.b64decode(answer.text).decode().split()
    if not entries:
        return ["the link is empty"]
    shut = [entry for entry in entries if not shop.panel.emu("POST", "connect", link=entry)["connects"]]
    return [f"the panel does not let in {entry[:40]}" for entry in shut]
