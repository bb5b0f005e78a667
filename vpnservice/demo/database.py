"""Brings the demo's database to where a newcomer can look around: tables, plans, panels, a till, staff.

Import it only once Django is set up.
"""

import secrets
from typing import Any

from django.core.management import call_command

from accounts.models import User
from accounts.services import give_staff_access
from billing import services as billing
from billing.models import ProviderAccount
from core.services import claim_installation
from vpnpanel.models import Panel
from vpnpanel.services import register_panel

STAFF_NAME = "admin"
# What the sandbox's panels start with. Marzban has an administrator of the shop's own, not the panel's root.
MARZBAN = {
    "name": "Demo panel",
    "username": "shop",
    "password": "shop-sandbox-password",
    "location": "🇳🇱 Amsterdam",
}
XUI: dict[str, Any] = {
    "name": "Demo 3x-ui",
    "kind": Panel.Kind.XUI,
    "username": "owner",
    "password": "xui-sandbox-password",
    "token": "xui-sandbox-token-0123456789abcdef0123456789abcd",
    "inbounds": {"vless": ["inbound-443"], "trojan": ["inbound-2083"]},
    "location": "🇫🇮 Helsinki",
}
XUI_BASE_PATH = "/xui-sandbox"

# The shop the sandbox's YooKassa knows from the start.
TILL = {"remote_account": "100500", "secret": "test_sandbox_secret", "is_test": True}


def prepare_database(*, panel_url: str, xui_url: str = "") -> str | None:
    """Migrate and load what is missing; return the new staff user's password, or None if there was one.

    Safe to repeat: what staff changed since the first start stays; only the panels' addresses follow.
    """
    call_command("migrate", verbosity=0, interactive=False)
    claim_installation()
    register_panel(**MARZBAN, base_url=panel_url)
    if xui_url:
        register_panel(**XUI, base_url=f"{xui_url}{XUI_BASE_PATH}")
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
