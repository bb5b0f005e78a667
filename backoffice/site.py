"""The admin site of the shop."""

from functools import partial
from typing import TYPE_CHECKING, Any

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject
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

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> Any:
        """List what can be opened, once somebody asks: each page is given the list, few pages show it."""
        return SimpleLazyObject(partial(super().get_app_list, request, app_label))
