"""The Ninja API, put together from the rooms' routers."""

from ninja import NinjaAPI

from billing.api import router as billing
from vpnpanel.api import router as vpnpanel

webhooks = NinjaAPI(urls_namespace="webhooks", docs_url=None, openapi_url=None)
webhooks.add_router("", billing)
webhooks.add_router("", vpnpanel)
