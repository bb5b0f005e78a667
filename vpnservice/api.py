"""The Ninja API, put together from the rooms' routers."""

from ninja import NinjaAPI

from billing.api import router as billing

webhooks = NinjaAPI(urls_namespace="webhooks", docs_url=None, openapi_url=None)
webhooks.add_router("", billing)
