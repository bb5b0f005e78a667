"""Webhook mode: stored before 200, everything forged or broken refused, nothing answered in the body."""

import json

import pytest
from django.test import Client

from core.services import claim_installation
from telegram_bot.models import Update
from tests.shop import RunningBot, wait_for, wait_for_answer
from tests.telegram_bot.test_intents import message

SECRET = {"X-Telegram-Bot-Api-Secret-Token": "test-only-webhook-secret"}
ANNA = 5_001


@pytest.fixture
def webhook_mode(settings) -> None:
    settings.TELEGRAM_MODE = "webhook"


def deliver(body: object, **headers: str):
    raw = body if isinstance(body, bytes | str) else json.dumps(body)
    return Client().post("/telegram/webhook", raw, content_type="application/json", headers=headers)


def test_an_update_is_stored_and_the_answer_is_empty(db, webhook_mode):
    response = deliver(message("/start"), **SECRET)
    assert (response.status_code, response.content) == (200, b"")
    assert Update.objects.get().payload == message("/start")


def test_delivering_again_is_answered_alike(db, webhook_mode):
    assert [deliver(message("/start"), **SECRET).status_code for _ in range(3)] == [200] * 3
    assert Update.objects.count() == 1


@pytest.mark.parametrize(
    "headers", [{}, {"X-Telegram-Bot-Api-Secret-Token": "guess"}, {"X-Telegram-Bot-Api-Secret-Token": ""}]
)
def test_without_the_secret_nothing_is_stored(db, webhook_mode, headers):
    assert deliver(message("/start"), **headers).status_code == 403
    assert not Update.objects.exists()


@pytest.mark.parametrize("body", ["", "{", "[]", "null", '{"update_id": 1.5}', b"\xff\xfe", "[" * 5000])
def test_garbage_is_refused(db, webhook_mode, body):
    assert deliver(body, **SECRET).status_code == 400


def test_a_body_over_a_mebibyte_is_refused(db, webhook_mode):
    assert deliver(b'{"update_id": 1, "x": "' + b"a" * 2**20 + b'"}', **SECRET).status_code in (400, 413)


def test_other_methods_are_refused(db, webhook_mode):
    assert Client().get("/telegram/webhook").status_code == 405


def test_in_polling_mode_there_is_no_webhook(db):
    assert deliver(message("/start"), **SECRET).status_code == 404


def test_storing_costs_one_query(db, webhook_mode, django_assert_num_queries):
    with django_assert_num_queries(1):
        deliver(message("/start"), **SECRET)


def test_the_bot_answers_what_the_webhook_stored(live_db, telegram, webhook_mode, live_server, settings):
    claim_installation()
    telegram.http.post(
        f"{telegram.address}/bot{settings.TELEGRAM_BOT_TOKEN}/setWebhook",
        json={
            "url": f"{live_server.url}/telegram/webhook",
            "secret_token": SECRET["X-Telegram-Bot-Api-Secret-Token"],
        },
        timeout=5,
    ).raise_for_status()
    with RunningBot():
        telegram.say(ANNA, "/start")
        wait_for_answer(telegram, ANNA, "Hello")
        telegram.press(ANNA, "💳 Plans")
        wait_for_answer(telegram, ANNA, "299")
        wait_for(lambda: not Update.objects.exclude(state="answered").exists())
