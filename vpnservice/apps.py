from django.apps import AppConfig


class VpnserviceConfig(AppConfig):
    name = "vpnservice"
