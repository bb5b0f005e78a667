"""Where Marzban panels send their webhooks: a hint where to look, and nothing more.

Their bodies hold keys of customers, so nothing of them is kept or logged but names of accounts.
"""

import hmac
import json
import logging
from typing import Any

from django.core.exceptions import RequestDataTooBig
from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest, HttpResponse
from ninja import Router

from vpnpanel.models import NAME_LENGTH, Panel
from vpnpanel.services import pointers

log = logging.getLogger(__name__)

SECRET_HEADER = "X-Webhook-Secret"
router = Router()


@router.post("/marzban/{int:panel_id}", url_name="marzban-events", include_in_schema=False)
def marzban(request: HttpRequest, panel_id: int) -> HttpResponse:
    """Take in a batch of events. Marzban repeats for ten minutes whatever is not answered 2xx.

    A batch too large to be read (DATA_UPLOAD_MAX_MEMORY_SIZE) says enough: the whole panel is looked at.
    """
    panel = _panel(panel_id)
    if panel is None or not panel.webhook_secret:
        return HttpResponse(status=404)
    given = request.headers.get(SECRET_HEADER, "").encode()
    if not hmac.compare_digest(given, panel.webhook_secret.encode()):
        log.warning("a webhook for panel %s came with another secret than the panel's row has", panel)
        return HttpResponse(status=403)
    try:
        changed, echoed = _names(json.loads(request.body), panel.username)
        pointers.point_at(panel, changed=changed, echoed=echoed)
    except RequestDataTooBig:
        pointers.read_whole(panel)
    except (DatabaseError, InterfaceError):
        log.exception("what panel %s points at could not be written down", panel)
        return HttpResponse(status=503)
    except (ValueError, RecursionError, OSError):  # not JSON, or the caller went away while sending it
        return HttpResponse(status=400)
    return HttpResponse(status=200)


def _panel(panel_id: int) -> Panel | None:
    if panel_id >= 2**31:  # no key of ours; a database refuses to compare with it
        return None
    serving = Panel.objects.filter(pk=panel_id, kind=Panel.Kind.MARZBAN, state__in=Panel.SERVING)
    return serving.only("name", "username", "webhook_secret", "synced_at").first()


def _names(events: Any, own_administrator: str) -> tuple[set[str], set[str]]:
    """Return the accounts named: those somebody changed, and those our own administrator did.

    Odd events are skipped. Raises ValueError for what is no array.
    """
    if not isinstance(events, list):
        raise ValueError("not an array of events")
    changed: set[str] = set()
    echoed: set[str] = set()
    for event in events:
        if not isinstance(event, dict):
            continue
        name, by = event.get("username"), event.get("by")
        if not isinstance(name, str) or not name.isprintable() or not 0 < len(name) <= NAME_LENGTH:
            continue
        is_own = isinstance(by, dict) and by.get("username") == own_administrator
        (echoed if is_own else changed).add(name)
    return changed, echoed
