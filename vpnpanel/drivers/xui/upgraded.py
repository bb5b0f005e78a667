"""Accounts from before a panel's upgrade to the clients dialect: a record per inbound, named as it was there.

An account is one record now, under its own name, and only one record may have the name of its subscription.
So the old ones give way to it at the next change of the account; until then they count and are shown as what
they are: parts of an account that is not as it should be.
"""

import re
from collections.abc import Mapping

from vpnpanel.drivers.xui.records import Record

PART = re.compile(r"(.+)-i(\d{1,9})")

Records = dict[str, Record]


def is_part_of(name: str, record: Record) -> bool:
    """Tell whether a record named like a part of the account was made by us: our notes begin as our names."""
    shop, _, rest = name.partition("_")
    return bool(rest) and str(record.client.get("comment") or "").startswith(f"{shop} ")


def parted(records: Mapping[str, Record]) -> tuple[Records, dict[str, Records]]:
    """Return the records that are a whole account or somebody else's, and by account those that are parts."""
    parts: dict[str, Records] = {}
    for email, record in records.items():
        match = PART.fullmatch(email)
        if not match or match[1] in records or record.inbound_ids != {int(match[2])}:
            continue
        if is_part_of(match[1], record):
            parts.setdefault(match[1], {})[email] = record
    taken = {email for each in parts.values() for email in each}
    return {email: record for email, record in records.items() if email not in taken}, parts
