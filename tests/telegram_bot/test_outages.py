"""The bot waits out what is away, says so, and tells nobody anything twice because of it."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest
from django.db import connection

from core.models import ServiceHealth
from core.services import claim_installation, note_health
from notifications import kinds, services
from notifications.kinds import Rendered
from notifications.models import OutboxMessage
from telegram_bot.models import Update
from telegram_bot.process.database import DatabaseThreads
from telegram_bot.process.poller import Poller
from tests.factories import make_customer
from tests.shop import RunningBot, wait_for, wait_for_answer

ANNA = 5_201


@contextmanager
def refusing(event: str, table: str) -> Iterator[None]:
    """Let the database refuse to `event` (INSERT, UPDATE) rows of the table, as one in trouble does."""
    is_sqlite = connection.vendor == "sqlite"
    with connection.cursor() as cursor:
        if is_sqlite:
            cursor.execute(
                f"CREATE TRIGGER refusing BEFORE {event} ON {table} BEGIN SELECT RAISE(ABORT, 'no'); END"
            )
        else:
            cursor.execute(
                "CREATE FUNCTION refusing() RETURNS trigger AS $$ BEGIN RAISE EXCEPTION 'no'; END $$ "
                "LANGUAGE plpgsql"
            )
            cursor.execute(
                f"CREATE TRIGGER refusing BEFORE {event} ON {table} FOR EACH ROW EXECUTE FUNCTION refusing()"
            )
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("DROP TRIGGER refusing" if is_sqlite else f"DROP TRIGGER refusing ON {table}")
            if not is_sqlite:
                cursor.execute("DROP FUNCTION refusing")


@pytest.fixture
def anna(live_db, telegram):
    claim_installation()
    kinds.register("test", lambda user, context: Rendered("Hi there"))
    telegram.emu("POST", "users", user_id=ANNA, first_name="Anna")
    telegram.say(ANNA, "/start")
    yield make_customer(telegram_id=ANNA)
    del kinds.KINDS["test"]


def test_a_bot_that_starts_before_its_database_waits_for_it(live_db, telegram):
    claim_installation()
    telegram.say(ANNA, "/start")
    with ExitStack() as trouble:
        trouble.enter_context(refusing("INSERT", "core_lease"))
        with RunningBot():
            time.sleep(1)
            trouble.close()
            wait_for_answer(telegram, ANNA, "Hello")


def test_health_that_cannot_be_noted_does_not_end_the_bot(live_db, telegram):
    claim_installation()
    with refusing("INSERT", "core_servicehealth"), RunningBot():
        telegram.say(ANNA, "/start")
        wait_for_answer(telegram, ANNA, "Hello")
        telegram.say(ANNA, "/plans")
        wait_for_answer(telegram, ANNA, "299")


def test_a_press_is_stored_while_every_thread_decides(live_db, telegram):
    claim_installation()
    telegram.say(ANNA, "/start")
    with RunningBot() as bot:
        wait_for_answer(telegram, ANNA, "Hello")
        with bot.all_busy():
            telegram.say(ANNA, "/plans")
            wait_for(lambda: Update.objects.count() == 2)
            assert Update.objects.latest("id").state == Update.State.RECEIVED
        wait_for_answer(telegram, ANNA, "299")


def test_a_telegram_that_never_answers_counts_as_down(live_db, telegram):
    telegram.fail("getUpdates", "hang")

    async def poll() -> None:
        database = DatabaseThreads(1)
        poller = Poller(database, None, read_seconds=0.2)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(poller.run(), 2)
        database.close()

    asyncio.run(poll())
    assert not ServiceHealth.objects.get(name="telegram").is_up


def test_a_webhook_bot_says_that_telegram_is_back(live_db, telegram, settings):
    settings.TELEGRAM_MODE = "webhook"
    claim_installation()
    note_health("telegram", is_up=False, error="no answer")
    with RunningBot():
        wait_for(lambda: ServiceHealth.objects.get(name="telegram").is_up)


def test_a_message_on_its_way_when_the_bot_stops_is_told_once(anna, telegram):
    telegram.fail("sendMessage", "delay", seconds=1.5)
    services.tell(anna, "test", dedupe_key="test:1")
    with RunningBot():
        wait_for(lambda: telegram.fired().get("delay"))
    assert OutboxMessage.objects.get().state == OutboxMessage.State.SENT


def test_a_message_whose_sending_cannot_be_noted_at_once_is_told_once(anna, telegram):
    services.tell(anna, "test", dedupe_key="test:1")
    with RunningBot():
        with refusing("UPDATE OF remote_id", "notifications_outboxmessage"):
            wait_for(lambda: "Hi there" in [message["text"] for message in telegram.answers(ANNA)])
        wait_for(lambda: OutboxMessage.objects.filter(state="sent").exists())
    assert [message["text"] for message in telegram.answers(ANNA)].count("Hi there") == 1


def test_an_outage_of_hours_fails_no_message(db):
    kinds.register("quiet", lambda user, context: Rendered("Hi"))
    services.tell(make_customer(), "quiet", dedupe_key="quiet:1")
    for _ in range(services.MAX_ATTEMPTS + 5):
        OutboxMessage.objects.update(next_try_at=None)
        services.note_failed(services.claim_due(1)[0], "no way", permanent=False, is_outage=True)
    assert OutboxMessage.objects.get().state == OutboxMessage.State.PENDING
    del kinds.KINDS["quiet"]
