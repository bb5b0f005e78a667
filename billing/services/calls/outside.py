"""One call to a provider for one of our accounts, and what its outcome means for the account."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, TypeVar

from django.db import transaction
from django.db.models import Q

from billing.errors import ProviderBusy, ProviderRefused
from billing.models import Notice, Payment, ProviderAccount
from billing.providers.base import READ_SECONDS, PaymentReport
from billing.services.accounts import note_outcome, provider_of
from core import clock
from core.errors import OutsideError, ServiceUnreachable
from notifications.services import tell_staff

LEASE_SECONDS = READ_SECONDS + 10

Said = TypeVar("Said")


def ask_provider(
    account: ProviderAccount, call: Callable[[Any], Said], *, read_seconds: float = READ_SECONDS
) -> Said:
    """Make one call for the account, note how it went, and return what was said.

    Not inside a transaction. Raises OutsideError as `billing.providers.base` describes.
    """
    try:
        said = call(provider_of(account, read_seconds=read_seconds))
    except OutsideError as failed:
        if note_outcome(account.pk, failed):
            _tell_refused(account)
        if isinstance(failed, ProviderBusy):
            _hold_back(account, failed.seconds)
        raise
    note_outcome(account.pk, None)
    return said


def read_remote(
    account: ProviderAccount, remote_id: str, *, read_seconds: float = READ_SECONDS
) -> PaymentReport:
    """Read one payment of the account by the provider's id. Raises OutsideError."""
    report: PaymentReport = ask_provider(
        account, lambda provider: provider.read(remote_id), read_seconds=read_seconds
    )
    return report


@transaction.atomic
def _tell_refused(account: ProviderAccount) -> None:
    tell_staff(
        "provider_refused",
        dedupe_key=f"provider_refused:{account.pk}:{clock.now():%Y%m%d%H%M%S}",
        context={"account": str(account)},
    )


def _hold_back(account: ProviderAccount, seconds: float) -> None:
    """Leave the provider alone for as long as it asks: whatever is waiting waits until then."""
    until = clock.now() + timedelta(seconds=seconds)
    Payment.objects.filter(account=account, state__in=Payment.OPEN, next_try_at__lt=until).update(
        next_try_at=until
    )
    sooner = Q(next_try_at__isnull=True) | Q(next_try_at__lt=until)
    Notice.objects.filter(sooner, provider=account.kind, state=Notice.State.RECEIVED).update(
        next_try_at=until
    )


class LeftAlone(ServiceUnreachable):
    """Nobody called: the provider had failed a moment before, in the same run."""


class Tired:
    """The accounts whose provider failed during one run of a sweep: they are left alone until the next.

    So a provider that hangs costs each sweep one time-out, not one for each row.
    """

    def __init__(self) -> None:
        self.accounts: set[int] = set()

    @contextmanager
    def watch(self, account: ProviderAccount) -> Iterator[None]:
        """Let the account's provider be called, unless it failed before: then raise LeftAlone."""
        if account.pk in self.accounts:
            raise LeftAlone("the provider did not answer a moment ago")
        try:
            yield
        except OutsideError as failed:
            self.note(account.pk, failed)
            raise

    def note(self, account_id: int | None, failed: OutsideError) -> None:
        """Remember the account, unless the failure is about one object only."""
        if account_id is not None and not isinstance(failed, ProviderRefused):
            self.accounts.add(account_id)
