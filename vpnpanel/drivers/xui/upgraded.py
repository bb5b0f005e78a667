"""Accounts from before a panel's upgrade to the clients dialect: a record per inbound, named as it was there.

An account is one record now, under its own name, and only one record may have the name of its subscription.
So the old ones give way to it at the next change of the account; until then they count and are shown as what
they are: parts of an account that is not as it should be.
"""

from collections.abc import Mapping

from vpnpanel.drivers.xui.naming import is_taken_over, whole_of
from vpnpanel.drivers.xui.records import Record

Records = dict[str, Record]


def is_part_of(name: str, record: Record) -> bool:
    """Tell whether a record named like a part of the account was made by us: our notes begin as our names."""
    shop, _, _rest = name.partition("_")
    return is_taken_over(name) or str(record.client.get("comment") or "").startswith(f"{shop} ")


def parted(records: Mapping[str, Record]) -> tuple[Records, dict[str, Records]]:
    """Return the records that are a whole account or somebody else's, and by account those that are parts."""
    parts: dict[str, Records] = {}
    for email, record in records.items():
        name, inbound_id = whole_of(email) or ("", 0)
        if name and name not in records and record.inbound_ids == {inbound_id} and is_part_of(name, record):
            parts.setdefault(name, {})[email] = record
    taken = {email for each in parts.values() for email in each}
    return {email: record for email, record in records.items() if email not in taken}, parts
