"""The admin site of the shop."""

from unfold.sites import UnfoldAdminSite


class BackofficeSite(UnfoldAdminSite):
    """Django Admin, made the staff's workplace."""
