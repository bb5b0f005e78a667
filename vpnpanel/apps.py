from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class VpnpanelConfig(AppConfig):
    name = "vpnpanel"
    verbose_name = _("Panels")

    def ready(self) -> None:
        from core import jobs, retention
        from vpnpanel.messages import register_kinds
        from vpnpanel.services import checkups, findings, guard, outages, strays, sync, usage

        jobs.register(checkups.KIND, checkups.step, _("Check"))
        jobs.register(sync.KIND, sync.step, _("Full sync"))
        jobs.register(guard.KIND, guard.step, _("Contract test"))
        jobs.register(strays.KIND, strays.step, _("Remove from the panel"), when_undone=strays.put_back)
        retention.register("full syncs", sync.remove_runs)
        retention.register("outages", outages.remove_outages)
        register_kinds()
        retention.register("traffic by day", usage.remove_days)
        retention.register("findings of full syncs", findings.remove_old)
