from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class SubscriptionsConfig(AppConfig):
    name = "subscriptions"
    verbose_name = _("Subscriptions")

    def ready(self) -> None:
        from core import retention
        from subscriptions import outage_messages
        from subscriptions.messages import register_kinds
        from subscriptions.services import adoption_jobs
        from subscriptions.services.devices import UNSEEN_RULE, release_unseen
        from subscriptions.services.outages import register_jobs
        from subscriptions.services.rules import update_hours
        from vpnpanel.services import register_update_hours

        register_kinds()
        outage_messages.register_kinds()
        register_jobs()
        register_update_hours(update_hours)
        retention.register(UNSEEN_RULE, release_unseen)
        adoption_jobs.register_jobs()
