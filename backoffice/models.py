"""Staff as a list of their own: the same people as `accounts.User`, seen from the other side."""

from django.utils.translation import gettext_lazy as _

from accounts.models import User


class Staff(User):
    """Somebody who may sign in to the admin."""

    class Meta:
        proxy = True
        verbose_name = _("member of staff")
        verbose_name_plural = _("staff")
