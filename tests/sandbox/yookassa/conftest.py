from collections.abc import Iterator

import pytest

from tests.sandbox.yookassa.receiver import Receiver
from tests.sandbox.yookassa.shop import ApiClient
from tests.world import PaymentWorld


@pytest.fixture
def shop(yookassa: PaymentWorld) -> ApiClient:
    """The shop everybody knows, in test mode."""
    return ApiClient(yookassa)


@pytest.fixture
def hook() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


@pytest.fixture
def told(shop: ApiClient, hook: Receiver) -> Receiver:
    """Where the shop's notifications arrive."""
    shop.world.set_webhook(hook.url)
    return hook
