"""The document VPN apps fetch: a base64 list of share links, and headers with what the customer has.

Format and headers as the apps read them: Happ's developer notes and the Clash convention for
`subscription-userinfo`. Two queries, nothing written, no panel asked.
"""

import base64
from dataclasses import dataclass
from urllib.parse import quote

from django.conf import settings
from django.utils import translation
from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _

from core import clock
from subscriptions import status
from subscriptions.contacts import support_url
from subscriptions.models import Subscription
from subscriptions.status import Reading, State
from subscriptions.tokens import hash_of

UPDATE_HOURS = 12
PENDING_UPDATE_HOURS = 1  # the shortest interval the header knows: the key will be there long before


@dataclass(frozen=True)
class Document:
    """What an app gets."""

    body: str
    headers: dict[str, str]


def find(token: str) -> Document | None:
    """Return the document of the subscription with that token, None if no subscription has it.

    Where nothing can be served, its entries are no servers: their names say why, in the customer's language,
    because the list of servers is the only place every app shows.
    """
    subscription = (
        Subscription.objects.select_related("user", "access")
        .only(*_COLUMNS)
        .filter(token_hash=hash_of(token))
        .first()
    )
    if subscription is None:
        return None
    reading = status.read(subscription, subscription.user, now=clock.now())
    with translation.override(subscription.user.language):
        links = (
            reading.links
            if reading.state == State.ACTIVE
            else [_sign(text) for text in reasons(reading.state)]
        )
    body = base64.b64encode("".join(f"{link}\n" for link in links).encode()).decode()
    return Document(body=body, headers=_headers(subscription, reading))


# All but the token: decrypting it would cost more than the rest, and it is known already.
_COLUMNS = (
    "state",
    "is_disabled",
    "expires_at",
    "user__language",
    "user__banned_at",
    "access__traffic_limit",
    "access__generation",
    "access__key_epoch",
)


def _headers(subscription: Subscription, reading: Reading) -> dict[str, str]:
    title = base64.b64encode(settings.SHOP_NAME.encode()).decode()
    hours = PENDING_UPDATE_HOURS if reading.state == State.PENDING else UPDATE_HOURS
    headers = {
        "subscription-userinfo": (
            f"upload=0; download={reading.used_bytes}; total={subscription.access.traffic_limit}; "
            f"expire={int(subscription.expires_at.timestamp())}"
        ),
        "profile-title": f"base64:{title}",
        "profile-update-interval": str(hours),
        "content-disposition": content_disposition_header(True, settings.SHOP_NAME) or "attachment",
    }
    if support := support_url():
        headers["support-url"] = support
    return headers


def reasons(state: State) -> tuple[str, ...]:
    """Return why nothing is served, in one or two names of at most 30 characters."""
    renew = _("Renew in the bot")
    match state:
        case State.PENDING:
            return _("Being activated"), _("Refresh in a minute")
        case State.EXHAUSTED:
            return _("Traffic is used up"), renew
        case State.EXPIRED:
            return _("Subscription has ended"), renew
        case State.DISABLED:
            return _("Subscription is switched off"), _("Write to support")
        case _:
            return _("Access is closed"), _("Write to support")


def _sign(text: str) -> str:
    """Return a share link that leads nowhere and is named `text`."""
    nowhere = (
        "vless://00000000-0000-0000-0000-000000000000@127.0.0.1:1?encryption=none&type=tcp&security=none"
    )
    return f"{nowhere}#{quote(text)}"
