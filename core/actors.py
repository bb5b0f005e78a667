"""Who did something, as staff read it: people by their sign-in name, the shop's own parts in words."""

from django.utils.translation import gettext_lazy

ACTORS = {
    "customer": gettext_lazy("customer"),
    "schedule": gettext_lazy("by schedule"),
    "command line": gettext_lazy("command line"),
    "installation": gettext_lazy("at installation"),
    "send": gettext_lazy("the shop"),
    "notice": gettext_lazy("by notice"),
    "sweep": gettext_lazy("by the provider's books"),
    "provider": gettext_lazy("the provider"),
}


def who(actor: str) -> str:
    """Return an actor as staff read it."""
    return str(ACTORS.get(actor, actor))
