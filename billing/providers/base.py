"""What every payment provider can do, in plain values. No models, no transactions here.

Errors of every call, all `core.errors.OutsideError`: ServiceUnreachable (nothing was done there),
OutcomeUnknown (it may have been done: repeat with the same key), and from billing.errors ProviderRefused
and ProviderNotFound (final), ProviderMisconfigured (our keys), ProviderBusy (later, same request),
AnswerOdd (on a create: as OutcomeUnknown).
"""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, Protocol


class Said(StrEnum):
    """What a provider can say of a payment or a refund, whatever words it has for it."""

    PENDING = "pending"
    HELD = "held"
    SUCCEEDED = "succeeded"
    CANCELED = "canceled"
    UNKNOWN = "unknown"  # a word we do not know: nothing changes, staff are asked


class Hope(StrEnum):
    """What a refusal lets one hope for; `billing.providers` decides it by the provider's own reason."""

    RETRY = "retry"  # a passing cause: again later, as a new try
    ANEW = "anew"  # the customer can pay anew: the link ran out, or they did not confirm
    OTHER = "other"  # this card or wallet will not do: another one
    NONE = "none"


@dataclass(frozen=True)
class Asked:
    """A payment as we ask for it. Frozen into a request once, then sent as it is, every time."""

    key: str
    order_id: int
    amount: Decimal
    currency: str
    description: str
    return_url: str
    language: str
    receipt_email: str = ""


@dataclass(frozen=True)
class PaymentReport:
    """A payment as the provider reports it. `key` is ours, empty where the provider does not know it.

    `refunded` is what went back so far, `fee` what the provider kept (None: not known yet). `raw` is
    the answer for the timeline, without secrets and card data beyond first six and last four digits.
    """

    remote_id: str
    said: Said
    amount: Decimal
    currency: str
    is_test: bool
    remote_account: str = ""
    key: str = ""
    refunded: Decimal = Decimal(0)
    fee: Decimal | None = None
    confirmation_url: str = ""
    expires_at: datetime | None = None
    created_at: datetime | None = None
    method: str = ""
    method_title: str = ""
    reason: str = ""
    is_receipt_failed: bool = False
    raw: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class RefundReport:
    """A refund as the provider reports it."""

    remote_id: str
    remote_payment_id: str
    said: Said
    amount: Decimal
    currency: str
    key: str = ""
    reason: str = ""
    created_at: datetime | None = None
    is_receipt_failed: bool = False
    raw: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class AccountReport:
    """What the provider says of our account: proof that the keys work."""

    remote_account: str
    is_test: bool
    is_enabled: bool
    needs_receipts: bool
    raw: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Page:
    """A page of payments or refunds from the provider's books; `cursor` empty: the last one.

    `unread`: ids of objects that could not be understood, so that staff can look.
    """

    payments: tuple[PaymentReport, ...] = ()
    refunds: tuple[RefundReport, ...] = ()
    cursor: str = ""
    unread: tuple[str, ...] = ()


@dataclass(frozen=True)
class Hint:
    """What a notice claims. Never a fact: it only says what to read back."""

    event: str
    object_id: str
    said: str
    remote_payment_id: str
    is_refund: bool
    key: str = ""
    remote_account: str = ""

    @property
    def dedupe_key(self) -> str:
        return f"{self.event}:{self.object_id}:{self.said}"


@dataclass(frozen=True)
class Credentials:
    """How to reach one account. `secret` is never logged.

    `receipt_email` is where receipts go of customers without an address.
    """

    remote_account: str
    secret: str = field(repr=False)
    is_test: bool = True
    sends_receipts: bool = False
    receipt_email: str = ""
    vat_code: int = 1


class Provider(Protocol):
    """The core of a provider: at most six calls."""

    def check(self) -> AccountReport:
        """Ask for our own account: proves address and keys, changes nothing."""

    def compose(self, asked: Asked) -> str:
        """Return the request body for a payment. No call. Raises ValueError for what the provider forbids."""

    def create(self, key: str, body: str) -> PaymentReport:
        """Create the payment. Safe to repeat with the same key and body within `KEY_HOURS`."""

    def read(self, remote_id: str) -> PaymentReport:
        """Return a payment as it is now. Raises ProviderNotFound."""

    def capture(self, remote_id: str, key: str) -> PaymentReport:
        """Take money that is only held. Safe to repeat."""

    def read_notice(self, body: bytes) -> Hint | None:
        """Understand a notice; None if it is about nothing of ours. Raises ValueError for garbage."""


class Refunds(Protocol):
    """Providers that send money back."""

    def compose_refund(
        self,
        *,
        key: str,
        remote_payment_id: str,
        amount: Decimal,
        currency: str,
        description: str,
        receipt_email: str = "",
        item: str = "",
    ) -> str:
        """Return the request body for a refund. No call. Raises ValueError for what the provider forbids.

        `item` is what the receipt names as given back, where receipts are sent; else the description.
        """

    def refund(self, key: str, body: str) -> RefundReport:
        """Send money back. Safe to repeat with the same key and body within `KEY_HOURS`."""

    def read_refund(self, remote_id: str) -> RefundReport:
        """Return a refund as it is now. Raises ProviderNotFound."""


class Listing(Protocol):
    """Providers whose books can be read."""

    def list_payments(self, *, since: datetime, cursor: str = "") -> Page:
        """Return payments created since then, a page at a time."""

    def list_refunds(
        self, *, since: datetime | None = None, remote_payment_id: str = "", cursor: str = ""
    ) -> Page:
        """Return refunds created since then, or those of one payment, a page at a time."""


READ_SECONDS = 30.0  # how long an answer is waited for: YooKassa itself works up to 30 s on a payment
KEY_HOURS = 23  # providers forget a key after 24 hours; then the same request would pay twice
