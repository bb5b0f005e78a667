"""Our accounts with providers: which are offered, and how to reach them."""

from datetime import datetime
from typing import Any

from billing import providers
from billing.models import ProviderAccount
from billing.providers.base import Credentials


def offered_accounts(at: datetime) -> list[ProviderAccount]:
    """Return the accounts customers can pay with at that time, in the order staff gave them. One query."""
    open_ones = ProviderAccount.objects.filter(is_open=True, refused_at__isnull=True)
    return [account for account in open_ones if account.is_offered(at)]


def provider_of(account: ProviderAccount) -> Any:
    """Return the provider behind an account, ready to be called."""
    credentials = Credentials(
        remote_account=account.remote_account,
        secret=account.secret,
        is_test=account.is_test,
        sends_receipts=account.sends_receipts,
        vat_code=account.vat_code,
    )
    return providers.connect(account.kind, credentials)
