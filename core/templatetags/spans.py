"""How long ago something was, for people."""

from datetime import datetime

from django import template
from django.utils.timesince import timesince
from django.utils.translation import gettext as _

from core import clock

register = template.Library()


@register.filter
def ago(moment: datetime) -> str:
    """Return how long ago a moment was; what is less than a minute ago is just now."""
    now = clock.now()
    if (now - moment).total_seconds() < 60:
        return _("just now")
    return _("%(span)s ago") % {"span": timesince(moment, now)}
