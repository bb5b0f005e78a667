from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class BillingConfig(AppConfig):
    name = "billing"
    verbose_name = _("Money")

    def ready(self) -> None:
        from billing import checks, messages, refund_messages  # noqa: F401 (checks register themselves)
        from billing.services import notices, sweeps
        from core import jobs, retention

        messages.register_kinds()
        refund_messages.register_kinds()
        jobs.register(sweeps.KIND, sweeps.compare, _("Compare with the provider"))
        retention.register("notice bodies", notices.forget_old_bodies)
