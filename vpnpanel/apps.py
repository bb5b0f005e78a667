from django.apps import AppConfig


class VpnpanelConfig(AppConfig):
    name = "vpnpanel"

    def ready(self) -> None:
        from core import jobs, retention
        from vpnpanel import checkup, sync

        jobs.register(checkup.KIND, checkup.step)
        jobs.register(sync.KIND, sync.step)
        retention.register("full syncs", sync.remove_runs)
