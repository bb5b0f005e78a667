"""The inbox: stored once, decided once, answered at least once."""

import threading

import pytest
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext

from accounts.models import AuditEvent, User
from subscriptions.models import Subscription
from telegram_bot import services
from telegram_bot.errors import BadUpdate
from telegram_bot.intents import read
from telegram_bot.models import Update
from tests.telegram_bot.test_intents import BOT_MESSAGE, message, press

State = Update.State


def store(payload: dict, update_id: int = 1) -> services.Stored:
    return services.store_updates([{**payload, "update_id": update_id}])[0]


def text_of(screen) -> str:
    return screen.text if screen else ""


def test_a_batch_is_stored_in_one_statement(db):
    with CaptureQueriesContext(connection) as queries:
        services.store_updates([{**message("/start"), "update_id": number} for number in range(50)])
    assert len([query for query in queries if query["sql"].startswith("INSERT")]) == 1
    assert Update.objects.count() == 50


def test_storing_again_keeps_the_first(db):
    store(message("/start"))
    services.decide(store(message("/plans")))
    assert Update.objects.get().payload["message"]["text"] == "/start"


def test_the_link_on_the_message_that_was_pressed_is_not_kept(db):
    shown = {**BOT_MESSAGE, "caption": "https://shop.example.com/s/secret", "photo": [{"file_id": "x"}]}
    stored = store(press("v1:menu", shown))
    row = Update.objects.get()
    assert "secret" not in str(row.payload)
    assert read(row.payload) == stored.intent == read(press("v1:menu", shown))


@pytest.mark.parametrize(
    "payload", [{}, {"update_id": "7"}, {"update_id": True}, {"update_id": 2**63}, [], "x", None]
)
def test_what_is_no_update_is_refused_whole(db, payload):
    with pytest.raises(BadUpdate):
        services.store_updates([{**message("/start"), "update_id": 1}, payload])
    assert not Update.objects.exists()


def test_a_replay_shows_the_screen_again_and_acts_no_second_time(db):
    services.decide(store(message("/start")))
    update = store(press("v1:trial"), 2)
    first, second = services.decide(update), services.decide(update)
    assert "being activated" in text_of(first) and "being activated" in text_of(second)
    assert Subscription.objects.count() == 1
    assert AuditEvent.objects.filter(action="trial.taken").count() == 1


@pytest.mark.parametrize(
    ("data", "name"),
    [
        ("v0:trial", "menu"),
        ("v1:nonsense", "menu"),
        ("", "menu"),
        ("v1:language:xx", "language"),
        ("v1:connect:../x", "connect"),
    ],
)
def test_a_stale_or_foreign_button_leads_to_a_screen(db, data, name):
    services.decide(store(press(data)))
    assert Update.objects.get().screen["name"] == name


def test_an_answered_update_shows_nothing(db):
    update = store(message("/start"))
    services.decide(update)
    services.note_answered([1])
    assert services.decide(update) is None


def test_a_replay_shows_how_things_are_now(db):
    services.decide(store(message("/start")))
    update = store(message("/profile"), 2)
    assert "no subscription" in text_of(services.decide(update))
    services.decide(store(press("v1:trial"), 3))
    assert "Trial" in text_of(services.decide(update))


def test_a_failing_verb_leaves_the_update_undecided(db):
    """The effect and the mark are one transaction: breaking the database between them undoes both."""
    update = store(message("/start"))
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE accounts_auditevent RENAME TO away")
    with pytest.raises(Exception, match="accounts_auditevent"):
        services.decide(update)
    assert Update.objects.get().state == State.RECEIVED
    assert not User.objects.exists()


def test_failures_end_in_dead_and_revive(db):
    update = store(message("/start"))
    given_up = [services.note_failed(found, "broken") for found in _tries(update)]
    assert given_up == [False] * (services.MAX_ATTEMPTS - 1) + [True]
    row = Update.objects.get()
    assert (row.state, row.error) == (State.DEAD, "broken")
    assert services.revive([row.pk], actor="olga") == 1
    assert services.open_updates()[0].update_id == 1


def _tries(update: services.Stored):
    for attempts in range(services.MAX_ATTEMPTS):
        yield services.Stored(update.update_id, update.chat_id, update.intent, attempts)


def test_a_retry_is_due_later(db):
    services.note_failed(store(message("/start")), "slow")
    assert services.open_updates() == []


def test_updates_of_another_bot_are_left_alone(db, settings):
    store(message("/start"))
    settings.TELEGRAM_BOT_ID = 42
    assert services.open_updates() == []


def test_deciding_a_known_customers_screen_costs_the_same_with_more_rows(db):
    services.decide(store(message("/start")))

    def cost(update_id: int) -> int:
        update = store(message("/profile"), update_id)
        with CaptureQueriesContext(connection) as queries:
            services.decide(update)
        return len(queries)

    first = cost(2)
    for number in range(3, 20):
        services.decide(store(message("/plans"), number))
    assert cost(30) <= first
    assert first <= 12


def test_two_processes_that_decide_at_once_act_once(live_db):
    services.decide(store(message("/start")))
    update = store(press("v1:trial"), 2)
    results: list[object] = []

    def decide() -> None:
        try:
            results.append(services.decide(update))
        finally:
            connections.close_all()

    threads = [threading.Thread(target=decide) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 6
    assert Subscription.objects.count() == 1
