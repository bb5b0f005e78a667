"""A whole answer to an app: body and headers. Two queries, nothing written, no panel asked.

Headers as the apps read them: Happ's developer notes and the Clash convention for `subscription-userinfo`.
"""

import base64
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db.models import QuerySet, Subquery
from django.db.models.functions import JSONObject
from django.utils import translation
from django.utils.http import content_disposition_header

from core.compiled import CompiledQuery
from subscriptions.contacts import support_url
from subscriptions.feeds.bodies import body
from subscriptions.feeds.formats import Wanted
from subscriptions.feeds.signs import refused
from subscriptions.models import Conditions, Subscription, SubscriptionRules
from subscriptions.services.devices import Refusal
from subscriptions.status import Reading, State
from subscriptions.tokens import hash_of

PENDING_UPDATE_HOURS = 1  # the shortest interval the header knows: the key will be there long before
# All an app needs. The token is not read back: decrypting it costs more than the rest, and it is known.
COLUMNS = (
    "state",
    "is_disabled",
    "expires_at",
    "token_hash",
    "device_mode",
    "first_fetched_at",
    "last_fetched_at",
    "allowance_from",
    "resets_at",
    "user__language",
    "user__banned_at",
    "access__traffic_limit",
    "access__devices",
    "access__generation",
    "access__key_epoch",
)
RULES = ("update_hours", "announce_en", "announce_ru", "fetches_per_minute")


@dataclass(frozen=True)
class Found:
    """A subscription whose link was asked for, and the rules it is answered by."""

    subscription: Subscription
    rules: SubscriptionRules


@dataclass(frozen=True)
class Document:
    """What an app gets. `mark` changes whenever the text does."""

    text: str
    content_type: str
    mark: str
    headers: dict[str, str]


def find(token: str, *, for_page: bool = False) -> Found | None:
    """Return the subscription with that token, None if no subscription has it. One query.

    A page shows more of it than an app gets. The rules come along as one column: a table of one row is not
    worth a query of its own.
    """
    subscriptions = (_FOR_PAGE if for_page else _FOR_APP).rows(hash_of(token))
    if not subscriptions:
        return None
    subscription = subscriptions[0]
    subscription.token = token
    return Found(subscription, SubscriptionRules(**(subscription.rules or {})))


def _known(token_hash: str) -> QuerySet[Any]:
    rules = SubscriptionRules.objects.values(row=JSONObject(**{name: name for name in RULES}))[:1]
    return Subscription.objects.filter(token_hash=token_hash).annotate(rules=Subquery(rules)).order_by()


_FOR_APP = CompiledQuery[Any](
    lambda token_hash: _known(token_hash).select_related("user", "access").only(*COLUMNS), "no hash"
)
_FOR_PAGE = CompiledQuery[Any](
    lambda token_hash: _known(token_hash).select_related("user", "access", "plan").defer("token"), "no hash"
)


def make(found: Found, reading: Reading, wanted: Wanted, refusal: Refusal = Refusal.NONE) -> Document:
    """Return the document of a reading, or why the device that asks is refused it. No query.

    Where nothing can be served, its entries are no servers: their names say why, in the customer's language.
    """
    language = found.subscription.user.language
    made = body(wanted, reading, language, refusal)
    headers = _headers(found, reading, language) | _device_headers(found.subscription, refusal, language)
    return Document(made.text, made.content_type, made.mark, headers)


def _headers(found: Found, reading: Reading, language: str) -> dict[str, str]:
    hours = PENDING_UPDATE_HOURS if reading.state == State.PENDING else found.rules.update_hours
    headers = {
        "subscription-userinfo": (
            f"upload=0; download={reading.period_used}; total={reading.period_limit}; "
            f"expire={int(found.subscription.expires_at.timestamp())}"
        ),
        "profile-title": _encoded(settings.SHOP_NAME),
        "profile-update-interval": str(hours),
        "profile-web-page-url": found.subscription.link,
        "content-disposition": content_disposition_header(True, settings.SHOP_NAME) or "attachment",
    }
    if found.subscription.resets_at is not None:
        headers["subscription-refill-date"] = str(int(found.subscription.resets_at.timestamp()))
    if support := support_url():
        headers["support-url"] = support
    if announcement := found.rules.announcement_in(language):
        headers["announce"] = _encoded(announcement)
    return headers


def _device_headers(subscription: Subscription, refusal: Refusal, language: str) -> dict[str, str]:
    """Return what apps read of a limit of devices; v2RayTun knows the last one only."""
    if subscription.device_mode == Conditions.DeviceMode.OFF:
        return {}
    headers = {"x-hwid-active": "true"}
    if refusal == Refusal.UNTOLD:
        headers["x-hwid-not-supported"] = "true"
    if refusal == Refusal.FULL:
        headers |= {"x-hwid-max-devices-reached": "true", "x-hwid-limit": "true"}
    if refusal:
        with translation.override(language):
            headers["announce"] = _encoded(". ".join(refused(refusal)))
    return headers


def _encoded(text: str) -> str:
    """Return a text as apps take it in a header, which itself carries no more than ASCII."""
    return f"base64:{base64.b64encode(text.encode()).decode()}"
