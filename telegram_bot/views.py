"""Where Telegram delivers updates in webhook mode: store the update, answer 200 with an empty body."""

import hmac
import json

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from telegram_bot import services
from telegram_bot.errors import BadUpdate

SECRET_HEADER = "X-Telegram-Bot-Api-Secret-Token"


@csrf_exempt
@require_POST
def webhook(request: HttpRequest) -> HttpResponse:
    """Accept one update. Telegram repeats whatever is not answered 2xx, so 200 means: it is committed."""
    if settings.TELEGRAM_MODE != "webhook":
        return HttpResponse(status=404)
    given = request.headers.get(SECRET_HEADER, "").encode()
    if not hmac.compare_digest(given, settings.TELEGRAM_WEBHOOK_SECRET.encode()):
        return HttpResponse(status=403)
    try:
        services.store_updates([json.loads(request.body)])
    except (ValueError, RecursionError, BadUpdate):
        return HttpResponse(status=400)
    return HttpResponse(status=200)
