"""What must hold of money after a storm: the provider's own books beside the shop's, payment by payment."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from tests.proof.money_storm import MoneySeen
from tests.proof.processes import Shop
from tests.proof.verdict import strangers, taps, unfinished

DAY = 86_400
TRIAL_SECONDS = 7 * DAY
Row = dict[str, Any]


@dataclass
class Books:
    """Both sides of every payment. `paid` are the provider's payments that took money, by its id."""

    shop: Row
    provider: Row

    def __post_init__(self) -> None:
        self.paid = {row["id"]: row for row in self.provider["payments"] if row["status"] == "succeeded"}
        self.orders: dict[int, Row] = {row["id"]: row for row in self.shop["orders"]}
        self.journal: list[Row] = [
            dict(zip(("fact", "debit", "credit", "payment", "amount"), row, strict=True))
            | {"amount": Decimal(row[-1])}
            for row in self.shop["journal"]
        ]

    def order_of(self, payment: Row) -> int:
        return int(payment["metadata"]["order_id"])

    def balance(self, account: str, entries: Iterable[Row] | None = None) -> Decimal:
        total = Decimal(0)
        for row in self.journal if entries is None else entries:
            total += row["amount"] * ((row["debit"] == account) - (row["credit"] == account))
        return total


def judge_money(shop: Shop, seen: MoneySeen, *, spread_seconds: float) -> list[str]:
    """Return every broken promise, one sentence each; none if all hold.

    Ends may differ by `spread_seconds`, the time that passed meanwhile, from what was paid for.
    """
    books = Books(shop.books.ask("money"), shop.payments.books())
    held = {int(key): value for key, value in shop.books.ask("customers").items()}
    on_panel = shop.panel.users()
    return [
        *shop.fell,
        *taps(shop, seen),
        *unfinished(shop),
        *strangers(held, on_panel),
        *seen.gave_up,
        *_payments(books),
        *_journal(books),
        *_orders(books),
        *_messages(books),
        *_ends(books, spread_seconds),
        *_access(books, held, on_panel),
    ]


def _payments(books: Books) -> list[str]:
    """Every payment of the provider is one row here with the same money; nothing else is."""
    wrong = []
    rows = Counter(row["remote_id"] for row in books.shop["payments"] if row["remote_id"])
    keys = {row["key"] for row in books.shop["payments"]}
    asked = Counter(row["idempotence_key"] for row in books.provider["payments"])
    for payment in books.provider["payments"]:
        if rows[payment["id"]] != 1:
            wrong.append(f"payment {payment['id']} ({payment['status']}) has {rows[payment['id']]} rows")
        if payment["idempotence_key"] not in keys:
            wrong.append(f"payment {payment['id']} was asked for under a key that is not stored")
    wrong += [f"{count} payments were made under key {key}" for key, count in asked.items() if count > 1]
    for row in books.shop["payments"]:
        there = books.paid.get(row["remote_id"])
        if (row["state"] == "succeeded") != (there is not None):
            wrong.append(f"payment {row['remote_id']} is {row['state']} here")
        elif there is not None and Decimal(row["received_amount"]) != Decimal(there["value"]):
            wrong.append(f"payment {row['remote_id']}: {row['received_amount']} here, {there['value']} there")
    return wrong


def _journal(books: Books) -> list[str]:
    """The journal is equal to the provider's books, per payment and in sum, and sums to zero."""
    wrong = []
    by_payment = defaultdict(list)
    for entry in books.journal:
        by_payment[entry["payment"]].append(entry)
    for remote_id, entries in by_payment.items():
        there = books.paid.get(remote_id)
        left = Decimal(there["value"]) - Decimal(there["refunded"]) if there else Decimal(0)
        fees = books.balance("fees", entries)
        if books.balance("provider", entries) + fees != left:
            here = books.balance("provider", entries) + fees
            wrong.append(f"payment {remote_id}: the journal holds {here}, the provider {left}")
    missing = books.paid.keys() - by_payment.keys()
    wrong += [f"payment {remote_id} is not in the journal" for remote_id in sorted(missing)]
    accounts = {row[side] for row in books.journal for side in ("debit", "credit")}
    if (total := sum(books.balance(account) for account in accounts)) != 0:
        wrong.append(f"the journal sums to {total}")
    held, left = books.balance("provider") + books.balance("fees"), books.provider["totals"]["left"]["value"]
    if held != Decimal(left):
        wrong.append(f"the journal holds {held} in all, the provider {left}")
    for account in ("prepaid", "suspense", "refunds", "credit"):
        if balance := books.balance(account):
            wrong.append(f"{balance} lies in {account}")
    return wrong


def _orders(books: Books) -> list[str]:
    """Every order that was paid is given once, nothing else is given; one payment pays one order."""
    wrong = []
    paid = Counter(books.order_of(payment) for payment in books.paid.values())
    grants = Counter(row["source"] for row in books.shop["grants"] if not row["source"].startswith("trial:"))
    sales = Counter(row["fact"] for row in books.journal if row["fact"].startswith("sale:"))
    back = {
        books.order_of(row)
        for row in books.paid.values()
        if Decimal(row["refunded"]) == Decimal(row["value"])
    }
    for number, order in books.orders.items():
        times, source = paid.pop(number, 0), f"order:{number}"
        wanted = ("refunded",) if number in back else ("fulfilled",) if times else ("open", "closed")
        if order["state"] not in wanted:
            wrong.append(f"order {number} was paid {times} times and is {order['state']}")
        if (grants.pop(source, 0), sales.pop(f"sale:{source}", 0)) != (min(times, 1),) * 2:
            wrong.append(f"order {number} was paid {times} times, and given or sold otherwise")
        if times > 1:
            wrong.append(f"order {number} was paid {times} times")
    strays = {"paid": paid, "given": grants, "sold": sales}
    wrong += [f"{what} without an order: {dict(found)}" for what, found in strays.items() if found]
    open_questions = [row for row in books.shop["questions"] if row[1] == "open"]
    return wrong + [f"staff are asked about {kind}: {fact}" for kind, _, fact in open_questions]


def _messages(books: Books) -> list[str]:
    told = dict(books.shop["told"])
    wanted = {f"order_fulfilled:{books.order_of(row)}" for row in books.paid.values()}
    wrong = [f"nobody was told of {key}" for key in sorted(wanted - told.keys())]
    wrong += [f"somebody was told of {key}" for key in sorted(told.keys() - wanted)]
    # What is no longer true when its turn comes (refunded meanwhile) is dropped, not sent.
    return wrong + [f"{key} is {state}" for key, state in told.items() if state not in ("sent", "dropped")]


def _ends(books: Books, spread: float) -> list[str]:
    """Each customer's time is what the provider's books say they paid for, less what went back."""
    wrong = []
    due: dict[int, float] = defaultdict(float)
    for payment in books.paid.values():
        order = books.orders[books.order_of(payment)]
        kept = 1 - Decimal(payment["refunded"]) / Decimal(payment["value"])
        due[order["payer__telegram_id"]] += float(kept) * order["days"] * DAY
    trials = {row["subscription"] for row in books.shop["grants"] if row["source"].startswith("trial:")}
    holders = {int(key): row for key, row in books.shop["holders"].items()}
    for customer, holder in holders.items():
        expected = due.pop(customer, 0.0) + (TRIAL_SECONDS if holder["id"] in trials else 0)
        has = holder["end"] - holder["began"]
        if abs(has - expected) > spread:
            wrong.append(f"{customer} paid for {expected / DAY:.2f} days and has {has / DAY:.2f}")
    return wrong + [f"{customer} paid and holds nothing" for customer, seconds in due.items() if seconds]


def _access(books: Books, held: dict[int, Row], on_panel: dict[str, Row]) -> list[str]:
    """One link and one account each; the panel has the end that the books have, and lets in who paid."""
    wrong = []
    for key, holder in books.shop["holders"].items():
        mine = held[int(key)]
        live = [account for account in mine["accounts"] if account["placement"] in ("serving", "joining")]
        if len(mine["links"]) != 1 or len(live) > 1 or mine["behind"]:
            wrong.append(f"{key}: {len(mine['links'])} links, {len(live)} accounts, behind: {mine['behind']}")
        if not holder["is_wanted"]:
            open_ones = [each for each in live if on_panel[each["name"]]["can_connect"]]
            wrong += [f"{key} gets in without having paid" for _ in open_ones]
            continue
        there = on_panel.get(live[0]["name"]) if live else None
        if there is None or not there["can_connect"] or there["expire"] != int(holder["end"]):
            shown = there and (there["status"], there["expire"])
            wrong.append(f"{key} paid until {int(holder['end'])}, the panel has {shown}")
    return wrong
