from django.apps import AppConfig
from django.contrib.admin import apps as admin_apps


class BackofficeConfig(AppConfig):
    name = "backoffice"
    default = True


class BackofficeAdminConfig(admin_apps.AdminConfig):
    default = False
    default_site = "backoffice.site.BackofficeSite"
