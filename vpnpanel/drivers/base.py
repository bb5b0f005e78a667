"""The contract every kind of panel fulfils. Drivers know the panel's API and nothing of our rows."""

import base64
import hashlib
import json
import secrets
import uuid
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from vpnpanel.errors import PanelError

# How long keys may be that are not any text: those of the ciphers of 2022.
KEY_BYTES = (16, 32)
# What the counter of an account is called that has but one.
WHOLE = ""


@dataclass(frozen=True)
class PanelAddress:
    """How to reach a panel. `inbounds`: protocol -> tags to sell; empty means all the panel has.

    `token` stands for name and password where the API takes one; `totp_secret` is the base32 text of a second
    factor; `public_host` is where customers connect to, empty where the panel says so itself.
    """

    base_url: str
    username: str
    password: str
    verify_tls: bool = True
    inbounds: dict[str, list[str]] = field(default_factory=dict)
    token: str = ""
    totp_secret: str = ""
    public_host: str = ""


@dataclass(frozen=True)
class Desired:
    """What an account should be. `traffic_limit` in bytes, 0: none. Absolute values: repeating is harmless.

    `note` tells our accounts from others where a name is found taken. `credentials` are the account's keys
    as we made them before the first call (see `Credentials`), for panels that are told them.
    `devices`: how many may connect at once, for panels that can count them; 0: any number.
    """

    is_enabled: bool
    until: datetime
    traffic_limit: int
    note: str
    credentials: "Credentials | None" = None
    devices: int = 0


@dataclass(frozen=True)
class Credentials:
    """Keys of one account: made once, stored with it, and told to the panel as often as it is called.

    `uuid` for vless and vmess, `password` for trojan (no slash: it is part of addresses), `sub_id` the
    panel's own name of the customer's subscription.
    """

    uuid: str
    password: str
    sub_id: str

    @classmethod
    def fresh(cls) -> "Credentials":
        return cls(uuid=str(uuid.uuid4()), password=secrets.token_urlsafe(18), sub_id=secrets.token_hex(12))

    @classmethod
    def read(cls, text: str) -> "Credentials | None":
        """Return what `written` gave, None for an empty text."""
        return cls(**json.loads(text)) if text else None

    def password_for(self, key_bytes: int) -> str:
        """Return the password, or what a cipher takes in its place that asks for a key of so many bytes.

        That is made from the password, the same each time, and written in base64.
        """
        if not key_bytes:
            return self.password
        digest = hashlib.sha256(self.password.encode()).digest()
        return base64.b64encode(digest[:key_bytes]).decode()

    def cover(self, shown: frozenset[str]) -> bool:
        """Tell whether each key that a panel shows is one of these, in one of their forms."""
        others = shown - {self.uuid, self.password, self.sub_id}
        return not others or others <= {self.password_for(each) for each in KEY_BYTES}

    @property
    def written(self) -> str:
        return json.dumps(asdict(self))


@dataclass(frozen=True)
class Observed:
    """What the panel says of an account.

    `is_enabled`: nobody stopped it and its time is not over; an account whose traffic is used up counts.
    `counters` are its traffic counters in bytes, by part: one called WHOLE, one for each client that it is
    made of, or one named by when the account was made. A counter may fall; None where the part is there
    and the panel does not show its counter for now. `inbounds` are the tags it may enter by, by protocol;
    None where the panel does not say. `telegram_id` is the customer's, where the panel has a field for it.
    `resets` says in a word how often the panel starts traffic or time anew by itself.
    `is_whole`: nothing of it is missing or unlike the rest, where an account is made of several parts.
    `is_stuck`: it is off, and the panel does not let it be deleted. `keys`: the secrets that let in where it
    is sold, as far as the panel shows them.
    """

    name: str
    status: str
    is_enabled: bool
    until: datetime | None
    traffic_limit: int
    counters: Mapping[str, int | None]
    online_at: datetime | None
    links: tuple[str, ...]
    note: str = ""
    inbounds: dict[str, list[str]] | None = None
    telegram_id: int | None = None
    resets: str = ""
    is_whole: bool = True
    is_stuck: bool = False
    keys: frozenset[str] = field(default=frozenset(), repr=False)

    @property
    def counter(self) -> int:
        """Traffic in bytes, over all counters that are shown."""
        return sum(size or 0 for size in self.counters.values())


@dataclass(frozen=True)
class Page:
    """A page of the panel's accounts, the number of all of them, and whether this is the last page.

    Rows that the panel cannot show are left out, and named in `unreadable` as well as they can be; they count
    in the offset all the same. `calls` is how often the panel was asked for this page: 0 where it was read
    together with the one before.
    """

    accounts: tuple[Observed, ...]
    total: int
    is_last: bool
    calls: int = 1
    unreadable: tuple[str, ...] = ()


@dataclass(frozen=True)
class Figures:
    """What a panel says of itself. `dialect`: which of its API's forms it speaks, where there are several."""

    version: str
    accounts: int
    online: int
    details: dict[str, Any] = field(default_factory=dict)
    dialect: str = ""


class PanelDriver(ABC):
    """One panel. An instance is used by one thread at a time; making one calls nothing.

    Every method raises PanelDown if the panel cannot be reached or cannot work for anybody now,
    PanelRefused if it says no for good, and AccountFailed if it failed at this one account. A lost answer
    is read back by the driver, so OutcomeUnknown never comes out.

    `one_writer`: the panel loses changes that are made at once, so whoever writes to it holds the panel's
    lease meanwhile, in whatever process (`vpnpanel.writers`).
    """

    page_size: int = 100
    one_writer: bool = False

    @property
    def reads_all_for_one(self) -> bool:
        """Whether the panel gives everything when it is asked for one account. Raises as the methods."""
        return False

    @abstractmethod
    def __init__(self, address: PanelAddress, *, read_seconds: float) -> None:
        """Get ready to call the panel, waiting up to `read_seconds` for each answer."""

    @abstractmethod
    def figures(self) -> Figures:
        """Ask the panel about itself. Cheap; also the health check."""

    @abstractmethod
    def get_account(self, name: str) -> Observed:
        """Read one account. Raises AccountMissing."""

    @abstractmethod
    def put_account(self, name: str, desired: Desired, *, is_new: bool = False) -> Observed:
        """Make the account as desired, creating it if it is not there.

        Keys of an existing one stay, but on panels that are told keys: there it gets those of `desired`.

        Safe to repeat, also after a lost answer. Returns what the panel shows afterwards, with links.
        `is_new` says that nobody was given this account's keys yet, so that what a failed create left
        behind may be thrown away. An account that should be off is never created: AccountMissing. One that
        cannot stand where it is sold gets its terms all the same, and PanelRefused is raised then.
        """

    @abstractmethod
    def remove_account(self, name: str) -> None:
        """Cut the account off and delete it. Safe to repeat: a missing account is success."""

    @abstractmethod
    def pages(self, start: int = 0) -> Iterator[Page]:
        """Yield the panel's accounts page by page from offset `start`, foreign ones included.

        Every page but the last stands for `page_size` rows.
        """

    @abstractmethod
    def close(self) -> None:
        """Give connections back."""


class RotatesKeys(ABC):
    """A panel that can give an account other keys, so that whoever holds the old ones is cut off."""

    @abstractmethod
    def rotate_account(self, name: str, desired: Desired) -> Observed:
        """Make the account as desired, under the keys of `desired.credentials` alone.

        Safe to repeat: an account that has those keys already only gets its terms. Also for one that is
        switched off, which stays off. Returns what the panel shows afterwards. Raises AccountMissing.
        """


@dataclass(frozen=True)
class Wish:
    """What is to become of one account: as `desired`, or not there any more where that is None.

    `is_new` as for `put_account`. `rotates` as for `rotate_account`, but one that is missing is made.
    """

    name: str
    desired: Desired | None
    is_new: bool = False
    rotates: bool = False


# How one wish ended: what the panel shows, None where the account is removed, or what went wrong.
Outcome = Observed | PanelError | None


class WorksInBatches(ABC):
    """A panel that is told about many accounts in fewer calls than about each by itself."""

    # Whoever comes next waits for the batch before, so it is not as large as the panel would take.
    at_once: int = 25

    @abstractmethod
    def carry_out(self, wishes: Sequence[Wish]) -> list[Outcome]:
        """Bring accounts of different names, `at_once` or so, to what is wished; return each one's outcome.

        As `put_account`, `rotate_account` or `remove_account` do, and as safe to repeat: what goes wrong with
        one of them is its outcome, and no other's. Raises what is wrong for all of them.
        """


class Advises(ABC):
    """A panel that knows what of its own set-up is not as it should be."""

    @abstractmethod
    def advice(self) -> tuple[str, ...]:
        """Return keys of `vpnpanel.guard.words.ADVICE`; none if all is as it should be."""


class ListsInbounds(ABC):
    """A panel whose entrances can be listed, so that a mistyped one is found before anything is sold."""

    @abstractmethod
    def inbounds(self) -> dict[str, list[str]]:
        """Return the tags of the panel's entrances by protocol."""
