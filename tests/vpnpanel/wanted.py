"""What the tests of this room want of panels, and a reconciler that can be stopped between its steps."""

from contextlib import ExitStack
from datetime import datetime, timedelta

from django.db import transaction

from accounts.models import User
from core import claims, clock
from core.services import require_installation
from tests.factories import make_customer
from vpnpanel import services
from vpnpanel.calls import Drivers, carry_out
from vpnpanel.models import Access, PanelAccount, PanelGroup
from vpnpanel.plans import Plan, Result
from vpnpanel.services.placement import make_plan


def want_access(
    customer: User | None = None, *, days: float = 7, until: datetime | None = None, **terms
) -> Access:
    with transaction.atomic():
        return services.open_access(
            customer or make_customer(),
            until=until or clock.now() + timedelta(days=days),
            traffic_limit=terms.pop("traffic_limit", 0),
            devices=0,
            groups=PanelGroup.objects.filter(code="main"),
            **terms,
        )


def change(access: Access, **terms) -> Access:
    with transaction.atomic():
        services.change_access(access.pk, **terms)
    access.refresh_from_db()
    return access


def account_of(access: Access) -> PanelAccount:
    """Return the one live account."""
    return access.accounts.get(placement__in=PanelAccount.LIVE)


def plan_for(access: Access) -> Plan:
    (claimed,) = claims.claim(Access.objects.filter(pk=access.pk), limit=1, lease_seconds=60)
    return make_plan(claimed, require_installation())


def call(plan: Plan) -> list[Result]:
    with ExitStack() as closing:
        return carry_out(plan, Drivers(closing))
