"""The admin site of the shop."""

from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from django.contrib.admin import AdminSite as UnfoldAdminSite
else:
    from unfold.sites import UnfoldAdminSite


class BackofficeSite(UnfoldAdminSite):
    """Django Admin, made the staff's workplace."""

    index_title = _("Home")
    index_template = "backoffice/home.html"
    enable_nav_sidebar = True
