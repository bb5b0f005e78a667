"""What is wrong with money before the first customer comes: run at start-up and by `manage.py check`."""

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.db import connections
from django.db.utils import DatabaseError

from billing import providers
from billing.models import OUTSIDE, ProviderAccount


@register(Tags.security)
def keys_travel_encrypted(app_configs: Any, **options: Any) -> list[CheckMessage]:
    """Each call to a provider carries the shop's keys, and its answer decides about money."""
    if not settings.IS_PRODUCTION or settings.YOOKASSA_API_URL.startswith("https://"):
        return []
    return [Error("YOOKASSA_API_URL must start with https:// in production.", id="billing.E001")]


@register()
def every_kind_is_connected(app_configs: Any, **options: Any) -> list[CheckMessage]:
    """A kind staff can choose needs a provider to call and words for what it refuses."""
    missing = [
        kind.value for kind in OUTSIDE if kind not in providers.KINDS or providers.reasons_of(kind) is None
    ]
    return [
        Error(f"The provider {kind} has no entry in billing.providers.", id="billing.E002")
        for kind in missing
    ]


@register(Tags.database)
def nobody_pays_with_test_cards(
    app_configs: Any, databases: Sequence[str] | None = None, **options: Any
) -> list[CheckMessage]:
    """Test shops take cards that everybody can read about: whoever knows them gets access for nothing."""
    if not settings.IS_PRODUCTION or "default" not in (databases or ()):
        return []
    if ProviderAccount._meta.db_table not in _tables():
        return []
    pretending = ProviderAccount.objects.filter(is_test=True, is_open=True).defer("secret")
    return [
        Warning(f"{account} is open to customers, and takes test cards.", id="billing.W001")
        for account in pretending
    ]


def _tables() -> list[str]:
    """Return the tables there are; a database that cannot be asked is not this check's business."""
    try:
        return connections["default"].introspection.table_names()
    except DatabaseError:
        return []
