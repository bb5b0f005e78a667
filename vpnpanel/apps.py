from django.apps import AppConfig


class VpnpanelConfig(AppConfig):
    name = "vpnpanel"
