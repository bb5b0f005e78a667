"""Brings the demo's database to where a newcomer can look around: tables, plans, a panel, a till, staff.

Import it only once Django is set up.
"""

import secrets

from django.core.management import call_command

from accounts.models import User
from accounts.services import give_staff_access
from billing import services as billing
from billing.models import ProviderAccount
from core.services import claim_installation
from vpnpanel.services import register_panel

STAFF_NAME = "admin"
# What the sandbox's Marzban starts with: an administrator of the shop's own, not the panel's root.
PANEL = {"name": "Demo panel", "username": "shop", "password": "shop-sandbox-password"}

# The shop the sandbox's YooKassa knows from the start.
TILL = {"remote_account": "100500", "secret": "test_sandbox_secret", "is_test": True}


def prepare_database(*, panel_url: str) -> str | None:
    """Migrate and load what is missing; return the new staff user's password, or None if there was one.

    Safe to repeat: what staff changed since the first start stays as it is; only the panel's address follows.
    """
    call_command("migrate", verbosity=0, interactive=False)
    claim_installation()
    register_panel(**PANEL, base_url=panel_url)
    return None if User.objects.filter(username=STAFF_NAME).exists() else new_password()


def open_till() -> str:
    """Set up the pretend YooKassa and let customers pay with it; return why they can't, empty if they can.

    Asks the sandbox, so that must answer. Safe to repeat: what staff made of it later stays as it is.
    """
    account = ProviderAccount.objects.filter(remote_account=TILL["remote_account"]).first()
    if account is not None and account.checked_at is not None:
        return ""
    account = account or billing.add_account(**TILL, actor="demo")
    said = billing.check_account(account.pk, actor="demo")
    account.refresh_from_db()
    if account.checked_at is None:
        return said
    billing.set_account_open(account.pk, is_open=True, actor="demo")
    return ""


def new_password() -> str:
    """Give the staff user a new random password, making the user if need be; only its hash is stored."""
    password = secrets.token_urlsafe(12)
    give_staff_access(STAFF_NAME, password=password, is_superuser=True)
    return password
