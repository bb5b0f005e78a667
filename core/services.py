"""Verbs over the technical rows: installation, leases, health."""

import uuid
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Q

from core import clock
from core.errors import InstallationMismatch
from core.models import Installation, Lease, ServiceHealth


def claim_installation() -> Installation:
    """Make this database the one of INSTALLATION_ID.

    Safe to repeat. Raises InstallationMismatch if the database belongs to another installation.
    """
    Installation.objects.bulk_create([Installation(id=settings.INSTALLATION_ID)], ignore_conflicts=True)
    return require_installation()


@transaction.atomic
def take_over_installation() -> Installation:
    """Give a database that came from elsewhere to this installation: its dump now acts as the shop."""
    Installation.objects.exclude(pk=settings.INSTALLATION_ID).delete()
    return claim_installation()


def require_installation() -> Installation:
    """Return the installation, or raise InstallationMismatch if this process must not act for it."""
    installation = Installation.objects.first()
    if installation is None:
        raise InstallationMismatch("This database is not set up yet: run manage.py setup.")
    if installation.pk != settings.INSTALLATION_ID:
        raise InstallationMismatch(
            f"This database belongs to installation {installation.pk}, INSTALLATION_ID says "
            f"{settings.INSTALLATION_ID}. A copy must not act as the shop; if this is the shop now, run "
            "manage.py setup --take-over."
        )
    return installation


def hold_lease(name: str, *, holder: str, token: uuid.UUID, seconds: float) -> bool:
    """Take or prolong the lease `name` for `seconds`; tell whether it is ours now."""
    now = clock.database_now()
    until = now + timedelta(seconds=seconds)
    ours_or_over = Q(token=token) | Q(until__lt=now)
    if Lease.objects.filter(ours_or_over, name=name).update(holder=holder, token=token, until=until):
        return True
    Lease.objects.bulk_create(
        [Lease(name=name, holder=holder, token=token, until=until)], ignore_conflicts=True
    )
    return Lease.objects.filter(name=name, token=token).exists()


def drop_lease(name: str, *, token: uuid.UUID) -> None:
    """Give the lease back at once, so that a stand-by need not wait for its end."""
    Lease.objects.filter(name=name, token=token).delete()


@transaction.atomic
def note_health(name: str, *, is_up: bool, error: str = "") -> bool:
    """Write down what was seen of an outside service; tell whether that is news."""
    now = clock.now()
    ServiceHealth.objects.bulk_create(
        [ServiceHealth(name=name, is_up=True, changed_at=now)], ignore_conflicts=True
    )
    is_news = bool(
        ServiceHealth.objects.filter(name=name).exclude(is_up=is_up).update(is_up=is_up, changed_at=now)
    )
    seen = {"seen_at": now} if is_up else {}
    ServiceHealth.objects.filter(name=name).update(error=error, **seen)
    return is_news
