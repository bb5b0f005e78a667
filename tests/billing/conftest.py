"""A shop that takes money: a provider account at the stand-in, and the address it sends notices to."""

import pytest

from billing.models import ProviderAccount
from tests.factories import make_provider_account
from tests.world import PaymentWorld


@pytest.fixture
def account(installation, yookassa: PaymentWorld) -> ProviderAccount:
    return make_provider_account()
