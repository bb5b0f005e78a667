"""From what we want to a client's fields, and from a client's fields and traffic row to what we observe."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from core import clock
from core.said import said
from vpnpanel.drivers.base import WHOLE, Credentials, Desired, Observed
from vpnpanel.drivers.xui.inbounds import Client
from vpnpanel.errors import PanelRefused

VISION = "xtls-rprx-vision"
LIVE = ("active", "limited")
# The year 2100: nobody buys until then, and a time in seconds or microseconds shows.
LATEST_END_MS = 4_102_444_800_000
# What a read-back must show of what was written, and what else is a reason to write.
VERIFIED = ("id", "password", "subId", "enable", "expiryTime", "totalGB")
COMPARED = (*VERIFIED, "limitIp", "method")
# The key by which each protocol lets a client in.
NEEDED = {"vless": "id", "vmess": "id", "trojan": "password", "shadowsocks": "password"}

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Part:
    """A client with its traffic row (None: the panel shows none), its links and keys; an account or a part.

    One on an inbound that is not sold any more is kept switched off, so that its traffic still counts.
    `counted_as`: the name of its traffic row; clients of one name share a row.
    """

    client: Client
    row: Row | None = None
    links: tuple[str, ...] = ()
    keys: frozenset[str] = frozenset()
    is_sold: bool = True
    # Where it stands: the inbounds' protocols and tags.
    entrances: tuple[tuple[str, str], ...] = ()
    counted_as: str = WHOLE

    @property
    def used(self) -> int:
        """Traffic so far, in bytes; 0 where the panel shows none."""
        row = self.row or {}
        return max(0, _number(row.get("up"))) + max(0, _number(row.get("down")))

    @property
    def limit(self) -> int:
        return max(0, _number(self.client.get("totalGB")))

    @property
    def end(self) -> int:
        """End in ms since 1970; 0: none, also where the time begins with the first traffic."""
        return max(0, _number(self.client.get("expiryTime")))

    @property
    def is_let_in(self) -> bool:
        """Whether neither flag of the panel keeps it out; both fall when time or traffic are used up."""
        return bool(self.client.get("enable")) and bool((self.row or {}).get("enable", True))

    @property
    def is_used_up(self) -> bool:
        return 0 < self.limit <= self.used

    def is_live(self, at: datetime) -> bool:
        """Tell whether nobody switched it off and its time is not over.

        The panel switches off who has used up their traffic; one that is not sold only we do.
        """
        return self.status(at) in LIVE and (self.is_sold or bool(self.client.get("enable")))

    def is_over(self, at: datetime) -> bool:
        return 0 < self.end <= at.timestamp() * 1000

    def status(self, at: datetime) -> str:
        if self.is_over(at):
            return "expired"
        if self.is_used_up:
            return "limited"
        return "active" if self.is_let_in else "disabled"


def terms(desired: Desired, used: int, limit: int | None = None) -> Client:
    """Return the fields of a client that are ours to set. `limit` in bytes, else what is desired in all.

    Absolute values, so sending them again is harmless. A stopped client whose traffic is used up gets no
    limit: newer panels switch off whoever used it up, and nothing else would tell the two apart.
    Raises PanelRefused for an end the panel cannot hold.
    """
    end = int(desired.until.timestamp()) * 1000
    if not 0 < end < LATEST_END_MS:
        raise PanelRefused(said("the panel cannot hold an end at %(day)s", day=f"{desired.until:%Y-%m-%d}"))
    limit = desired.traffic_limit if limit is None else limit
    if not desired.is_enabled and used >= limit:
        limit = 0
    return {
        "enable": desired.is_enabled,
        "expiryTime": end,
        "totalGB": limit,
        "limitIp": desired.devices,
        "comment": desired.note,
    }


def keys(credentials: Credentials, protocols: Iterable[str], key_bytes: int = 0) -> Client:
    """Return the fields that let a client in through these protocols, and the name of its subscription.

    `key_bytes`: how long a key the cipher asks for, 0 for any text.
    """
    known = {"id": credentials.uuid, "password": credentials.password_for(key_bytes)}
    needed = {NEEDED[protocol] for protocol in protocols}
    return {name: value for name, value in known.items() if name in needed} | {"subId": credentials.sub_id}


def shown_keys(client: Mapping[str, Any], protocols: Iterable[str]) -> frozenset[str]:
    """Return what lets the client in through these protocols and is its subscription's name, if shown."""
    names = {NEEDED[protocol] for protocol in protocols if protocol in NEEDED} | {"subId"}
    return frozenset(str(client[name]) for name in names if client.get(name))


def fresh_client(email: str) -> Client:
    """Return what a new client has besides keys and terms. `tgId` must be a number."""
    return {"email": email, "flow": "", "tgId": 0, "reset": 0}


def must_write(wanted: Client, shown: Client, row: Row | None, names: Iterable[str] = COMPARED) -> bool:
    """Tell whether a client differs from what is wanted in a named field, or is kept out needlessly.

    A client whose time or traffic is used up is switched off by the panel itself: that is no difference.
    """
    part = Part({**shown, **wanted}, row)
    is_spent = part.is_used_up or part.is_over(clock.now())
    if is_spent and wanted.get("enable"):
        names = [name for name in names if name != "enable"]
    is_kept_out = bool(wanted.get("enable")) and not is_spent and not part.is_let_in
    return is_kept_out or bool(differences(wanted, shown, names))


def differences(
    wanted: Mapping[str, Any], shown: Mapping[str, Any], names: Iterable[str] = COMPARED
) -> list[str]:
    """Return which of the named fields are not shown as wanted."""
    return [name for name in names if name in wanted and not _same(wanted[name], shown.get(name))]


def observe(name: str, parts: Iterable[Part], *, is_whole: bool = True, is_stuck: bool = False) -> Observed:
    """Return what the panel says of an account that consists of `parts`, at least one.

    The limit is the parts' common one as long as that is not used up, else the sum of
    what each may use: other than what is wanted as soon as the whole is used up and some part still lets in.
    """
    every = list(parts)
    sold = [part for part in every if part.is_sold] or every
    others = [part for part in every if part not in sold]
    at = clock.now()
    statuses = [part.status(at) for part in sold]
    ends = {part.end for part in sold}
    is_live = [part.is_live(at) for part in (*sold, *others)]
    is_even = len(ends) == 1 and len(set(is_live[: len(sold)])) == 1 and not any(is_live[len(sold) :])
    used = sum(part.used for part in sold)
    elsewhere = sum(part.used for part in others)
    limit = _limit([part.limit for part in sold], used)
    status = next((each for each in ("active", "limited", "expired") if each in statuses), "disabled")
    return Observed(
        name=name,
        status="limited" if status == "active" and 0 < limit <= used else status,
        is_enabled=any(is_live),
        until=_moment(max(ends)) if 0 not in ends else None,
        traffic_limit=limit + elsewhere if limit else 0,
        counters=_counters(every),
        online_at=_moment(max(_number((part.row or {}).get("lastOnline")) for part in every)),
        links=tuple(link for part in sold for link in part.links),
        note=str(sold[0].client.get("comment") or ""),
        inbounds=_tags(entrance for part in sold for entrance in part.entrances),
        telegram_id=_number(sold[0].client.get("tgId")) or None,
        resets=_resets(sold[0].client),
        is_whole=is_whole and is_even,
        is_stuck=is_stuck,
        keys=frozenset().union(*(part.keys for part in sold)),
    )


def _resets(client: Client) -> str:
    """Newer panels have, besides a number of days, a day of the month, and traffic alone by the calendar."""
    if days := _number(client.get("reset")):
        return f"{days} days"
    if day := _number(client.get("resetDay")):
        return f"day {day} of the month"
    word = str(client.get("trafficReset") or "never")
    return "" if word == "never" else word


def share_limits(limit: int, used: list[int]) -> list[int]:
    """Return what each part of an account may use in all, in bytes, when all of them may use `limit`.

    While something is left each may use the whole: a customer uses one entrance at a time. Once it is used up
    every part is closed, at limits that add up to `limit` and are not all alike (see `observe`).
    """
    if len(used) < 2 or not limit or sum(used) < limit:
        return [limit] * len(used)
    shares = [max(1, min(each, limit - len(used) + 1)) for each in used]
    surplus = sum(shares) - limit
    for place in sorted(range(len(shares)), key=lambda index: -shares[index]):
        cut = min(surplus, shares[place] - 1)
        shares[place] -= cut
        surplus -= cut
    return shares


def _counters(parts: list[Part]) -> dict[str, int | None]:
    """Return the counters by the names of their rows; None where no part of a name has its row."""
    found: dict[str, int | None] = {part.counted_as: None for part in parts}
    return found | {part.counted_as: part.used for part in parts if part.row is not None}


def _tags(entrances: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for protocol, tag in entrances:
        found.setdefault(protocol, []).append(tag)
    return found


def _limit(limits: list[int], used: int) -> int:
    if 0 in limits:
        return 0
    is_common = len(set(limits)) == 1
    if is_common and (len(limits) == 1 or used < limits[0]):
        return limits[0]
    return sum(limits)


def _same(wanted: Any, shown: Any) -> bool:
    if isinstance(wanted, bool):
        return bool(shown) == wanted
    if isinstance(wanted, int):
        return _number(shown) == wanted
    return str(shown or "") == str(wanted or "")


def _number(value: Any) -> int:
    try:
        return int(value or 0)
    except (TypeError, ValueError, OverflowError):
        return 0


def _moment(milliseconds: int) -> datetime | None:
    if not 0 < milliseconds < LATEST_END_MS:
        return None
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
