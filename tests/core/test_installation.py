"""A copy of the database must not act as the shop; one active process holds a role's lease."""

import threading
import uuid
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connections

from core import clock
from core.errors import InstallationMismatch
from core.models import Installation, Lease, ServiceHealth
from core.services import claim_installation, drop_lease, hold_lease, note_health, require_installation
from telegram_bot.process.runner import BotProcess
from vpnpanel import reconciler

OTHER = uuid.UUID(int=7)


def test_setting_up_twice_changes_nothing(db, settings):
    assert claim_installation() == claim_installation()
    assert Installation.objects.get().pk == settings.INSTALLATION_ID


def test_an_empty_database_says_what_to_do(db):
    with pytest.raises(InstallationMismatch, match="manage.py setup"):
        require_installation()


def test_a_copy_does_not_act(db, settings):
    claim_installation()
    settings.INSTALLATION_ID = OTHER
    with pytest.raises(InstallationMismatch, match="--take-over"):
        claim_installation()
    with pytest.raises(InstallationMismatch):
        reconciler.reconcile_due()


def test_a_copy_does_not_poll(live_db, settings, telegram):
    import asyncio

    claim_installation()
    settings.INSTALLATION_ID = OTHER
    with pytest.raises(InstallationMismatch):
        asyncio.run(BotProcess().run())
    assert not telegram.calls("getUpdates")


def test_taking_over_is_said_aloud(db, settings):
    claim_installation()
    settings.INSTALLATION_ID = OTHER
    with pytest.raises(CommandError, match="--take-over"):
        call_command("setup")
    call_command("setup", take_over=True, stdout=StringIO())
    assert require_installation().pk == OTHER


def test_the_web_is_ready_only_when_set_up(db, client):
    assert client.get("/healthz").status_code == 200
    assert client.get("/readyz").status_code == 503
    claim_installation()
    assert client.get("/readyz").json() == {"ready": True, "why": ""}


def hold(token: uuid.UUID, seconds: float = 10) -> bool:
    return hold_lease("bot", holder="host:1", token=token, seconds=seconds)


def test_a_lease_has_one_holder_until_it_ends(db):
    one, two = uuid.uuid4(), uuid.uuid4()
    assert hold(one) and hold(one) and not hold(two)
    Lease.objects.update(until=clock.now() - timedelta(seconds=1))
    assert hold(two) and not hold(one)


def test_a_lease_given_back_is_free_at_once(db):
    one, two = uuid.uuid4(), uuid.uuid4()
    hold(one)
    drop_lease("bot", token=two)
    assert not hold(two)
    drop_lease("bot", token=one)
    assert hold(two)


def test_of_many_who_ask_at_once_one_gets_the_lease(live_db):
    got: list[bool] = []

    def ask() -> None:
        try:
            got.append(hold(uuid.uuid4()))
        finally:
            connections.close_all()

    threads = [threading.Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(got) == [False] * 5 + [True]


def test_health_tells_what_is_news(db):
    seen = [note_health("telegram", is_up=up, error="no" * (not up)) for up in (True, False, False, True)]
    assert seen == [False, True, False, True]
    assert ServiceHealth.objects.get().error == ""
