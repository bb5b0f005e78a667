"""Updates that break something, or meet an outage: nobody else waits for them, and none is lost."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.db import IntegrityError, connection

from accounts.models import User
from telegram_bot import services
from telegram_bot.handlers import COMMANDS
from telegram_bot.models import Update
from tests.shop import wait_for, wait_for_answer
from tests.telegram_bot.test_intents import message

ANNA, BORIS = 5_101, 5_102
NO_MORE_TRIES = {
    "sqlite": [
        "CREATE TRIGGER no_more BEFORE UPDATE OF attempts ON telegram_bot_update "
        "BEGIN SELECT RAISE(ABORT, 'no'); END"
    ],
    "postgresql": [
        "CREATE FUNCTION no_more() RETURNS trigger AS $$ BEGIN RAISE EXCEPTION 'no'; END $$ LANGUAGE plpgsql",
        "CREATE TRIGGER no_more BEFORE UPDATE OF attempts ON telegram_bot_update "
        "FOR EACH ROW EXECUTE FUNCTION no_more()",
    ],
}
AGAIN = {
    "sqlite": ["DROP TRIGGER no_more"],
    "postgresql": ["DROP TRIGGER no_more ON telegram_bot_update", "DROP FUNCTION no_more"],
}


def run(statements: dict[str, list[str]]) -> None:
    with connection.cursor() as cursor:
        for statement in statements[connection.vendor]:
            cursor.execute(statement)


@contextmanager
def tries_cannot_be_noted() -> Iterator[None]:
    run(NO_MORE_TRIES)
    try:
        yield
    finally:
        run(AGAIN)


@pytest.fixture
def broken_commands() -> Iterator[None]:
    """`/broken` meets a bug of ours; `/refused` meets a value the database refuses."""

    def break_down(customer: User, argument: str) -> None:
        raise ZeroDivisionError("a bug")

    def be_refused(customer: User, argument: str) -> None:
        raise IntegrityError("a value")

    COMMANDS.update(broken=break_down, refused=be_refused)
    yield
    del COMMANDS["broken"], COMMANDS["refused"]


@pytest.mark.parametrize("text", ["/start \0", "/start \ud800"])
def test_characters_that_no_database_takes_are_replaced(db, text):
    sender = {"id": ANNA, "is_bot": False, "first_name": text}
    services.decide(services.store_updates([message(text, **{"from": sender})])[0])
    assert User.objects.get().first_name == "/start \ufffd"


def test_a_forged_button_does_not_stop_the_inbox(bot, telegram):
    """A modified app may send any bytes as a button's data."""
    telegram.say(ANNA, "/start")
    menu = wait_for_answer(telegram, ANNA, "Hello")
    telegram.press(ANNA, data="v1:\0", message_id=menu["message_id"], stale=True)
    telegram.say(ANNA, "/help")
    wait_for_answer(telegram, ANNA, "Help")


def test_what_the_database_refuses_counts_as_a_try(bot, telegram, broken_commands):
    telegram.say(ANNA, "/refused")
    wait_for(lambda: Update.objects.filter(attempts__gte=1, error__contains="a value").exists())
    telegram.say(ANNA, "/help")
    wait_for_answer(telegram, ANNA, "Help")


def test_a_chat_goes_on_after_a_failure_that_could_not_be_noted(bot, telegram, broken_commands):
    with tries_cannot_be_noted():
        telegram.say(ANNA, "/broken")
        wait_for(Update.objects.exists)
        telegram.say(BORIS, "/start")
        wait_for_answer(telegram, BORIS, "Hello")
    telegram.say(ANNA, "/help")
    wait_for_answer(telegram, ANNA, "Help")
    wait_for(lambda: Update.objects.filter(attempts__gte=1).exists())


def test_an_outage_of_telegram_of_hours_gives_no_tap_up(db):
    update = services.store_updates([{**message("/start"), "update_id": 1}])[0]
    for attempts in range(300):
        tried = services.Stored(update.update_id, update.chat_id, update.intent, attempts)
        assert not services.note_failed(tried, "no answer", most_tries=services.OUTAGE_TRIES)


def test_an_answer_that_telegram_refuses_is_followed_by_an_apology(bot, telegram):
    telegram.say(ANNA, "/start")
    wait_for_answer(telegram, ANNA, "Hello")
    refusal = {"status": 400, "description": "Bad Request: BUTTON_DATA_INVALID", "times": 1}
    telegram.fail("editMessageText", "error", **refusal)
    telegram.press(ANNA, "💳 Plans")
    wait_for_answer(telegram, ANNA, "Something went wrong")
