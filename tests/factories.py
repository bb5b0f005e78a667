"""Rows for tests. Each factory makes one plain row through the verbs where there is one."""

import itertools

from django.db import transaction

from accounts import services as accounts
from accounts.models import User
from tests.world import PanelWorld
from vpnpanel.models import Panel, PanelGroup

telegram_ids = itertools.count(700_000_001)


def make_customer(*, telegram_id: int | None = None, first_name: str = "Anna", language: str = "en") -> User:
    with transaction.atomic():
        customer, _ = accounts.arrive(
            telegram_id=telegram_id or next(telegram_ids),
            first_name=first_name,
            last_name="",
            telegram_username="",
            language_code=language,
            start_payload="",
        )
    return customer


def make_staff(username: str = "olga", **fields: object) -> User:
    return User.objects.create_user(username, "a long password", is_staff=True, is_superuser=True, **fields)


def make_panel(world: PanelWorld, *, name: str = "nl-1", **fields: object) -> Panel:
    panel = Panel.objects.create(
        name=name, base_url=world.address, username=world.username, password=world.password, **fields
    )
    panel.groups.add(PanelGroup.objects.get(code="main"))
    return panel
