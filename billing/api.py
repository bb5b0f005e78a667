"""Where providers deliver their notices: check what can be checked, store, answer 200."""

import logging

from django.conf import settings
from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest, HttpResponse
from ninja import Router

from billing.models import Provider
from billing.services import notices
from core.addresses import client_address, is_in
from core.bursts import BurstNudge

log = logging.getLogger(__name__)

MOST_BYTES = 256 * 1024

router = Router()
work_soon = BurstNudge("billing.tasks.work_notices")


@router.post("/yookassa", url_name="yookassa-notices", include_in_schema=False)
def yookassa(request: HttpRequest) -> HttpResponse:
    """Accept one notice. YooKassa repeats for a day whatever is not answered 200.

    200 means that it is in the inbox, now or from before; 503 that it could not be stored.
    """
    address = client_address(request)
    allowed = settings.YOOKASSA_NOTICE_ADDRESSES
    if allowed and (address is None or not is_in(address, allowed)):
        log.warning("a notice from %s was refused: see YOOKASSA_NOTICE_ADDRESSES, TRUSTED_PROXIES", address)
        return HttpResponse(status=403)
    if _length(request) > MOST_BYTES:
        return HttpResponse(status=413)
    try:
        notice = notices.store_notice(
            Provider.YOOKASSA, request.body, source_address=str(address or "") or None
        )
    except (DatabaseError, InterfaceError):
        log.exception("a notice could not be stored")
        return HttpResponse(status=503)
    except (ValueError, RecursionError, OSError):  # not a notice, or the caller went away while sending it
        return HttpResponse(status=400)
    if notice is not None:
        work_soon.ask()
    return HttpResponse(status=200)


def _length(request: HttpRequest) -> int:
    length = request.META.get("CONTENT_LENGTH") or "0"
    if len(length) > 12:  # Python refuses to read a number of thousands of digits
        return MOST_BYTES + 1
    return int(length) if length.isdecimal() else 0
