"""Every address of the web role."""

from django.contrib import admin
from django.urls import path
from django.views.i18n import set_language

from accounts.views import current_document, document
from subscriptions.views import feed, open_app
from telegram_bot.views import webhook
from vpnservice.api import webhooks
from vpnservice.health import healthz, readyz

urlpatterns = [
    path("healthz", healthz, name="healthz"),
    path("readyz", readyz, name="readyz"),
    path("s/<path:token>", feed, name="feed"),
    path("open/<slug:code>/<path:token>", open_app, name="open-app"),
    path("documents/<slug:kind>", current_document, name="current-document"),
    path("documents/<slug:kind>/<int:version>", document, name="document"),
    path("telegram/webhook", webhook, name="telegram-webhook"),
    path("webhooks/", webhooks.urls),
    path("i18n/setlang/", set_language, name="set_language"),
    path("admin/", admin.site.urls),
]
