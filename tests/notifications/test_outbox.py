"""The outbox: told once, sent once it is due, dropped when no longer true, and what failures do."""

import threading
from datetime import timedelta

import pytest
from django.db import connections

from accounts.models import User
from core import clock
from core.services import claim_installation
from notifications import kinds, services
from notifications.kinds import Button, Rendered
from notifications.models import OutboxMessage
from tests.factories import make_customer
from tests.shop import RunningBot, wait_for

State = OutboxMessage.State


@pytest.fixture(autouse=True)
def kind_of_test():
    kinds.register(
        "test",
        lambda user, context: Rendered(context["text"], buttons=((Button("Menu", action="menu"),),)),
        lambda user, context: not context.get("over"),
    )
    kinds.register("broken", lambda user, context: Rendered(context["missing"]))
    yield
    del kinds.KINDS["test"], kinds.KINDS["broken"]


@pytest.fixture
def anna(live_db, telegram):
    claim_installation()
    customer = make_customer(first_name="Anna")
    telegram.emu("POST", "users", user_id=customer.telegram_id, first_name="Anna")
    telegram.say(customer.telegram_id, "/start")
    return customer


def tell(customer: User, key: str = "test:1", kind: str = "test", **context: object) -> None:
    services.tell(customer, kind, dedupe_key=key, context={"text": "Hi there", **context})


def texts(telegram, customer: User) -> list[str]:
    return [
        message["text"] for message in telegram.answers(customer.telegram_id) if message["text"] == "Hi there"
    ]


def settled(state: str) -> OutboxMessage:
    return wait_for(lambda: OutboxMessage.objects.filter(state=state).first(), 20)


def test_telling_again_changes_nothing(db):
    customer = make_customer()
    tell(customer)
    tell(customer)
    assert OutboxMessage.objects.count() == 1


def test_an_unknown_kind_is_a_mistake_of_ours(db):
    with pytest.raises(KeyError, match="no kind of message 'nonsense'"):
        tell(make_customer(), kind="nonsense")


def test_staff_without_telegram_are_not_told(db):
    tell(User.objects.create_user("olga", "a long password"))
    assert not OutboxMessage.objects.exists()


def test_the_bot_sends_it_once(anna, telegram):
    tell(anna)
    with RunningBot():
        message = settled(State.SENT)
    assert message.remote_id and message.sent_at
    assert len(texts(telegram, anna)) == 1


def test_what_is_no_longer_true_is_dropped(anna, telegram):
    tell(anna, over=True)
    with RunningBot():
        settled(State.DROPPED)
    assert not texts(telegram, anna)


def test_a_customer_who_blocked_the_bot_is_noted_and_left_alone(anna, telegram):
    telegram.fail(
        "sendMessage", "error", status=403, description="Forbidden: bot was blocked by the user", times=5
    )
    tell(anna)
    with RunningBot():
        settled(State.UNREACHABLE)
    assert User.objects.get(pk=anna.pk).reach == User.Reach.BLOCKED


def test_a_broken_text_is_retried_and_others_are_sent(anna, telegram):
    tell(anna, "broken:1", kind="broken")
    tell(anna)
    with RunningBot():
        settled(State.SENT)
        broken = wait_for(lambda: OutboxMessage.objects.filter(kind="broken", attempts__gte=1).first())
    assert broken.state == State.PENDING and "KeyError" in broken.error


def test_a_refused_message_fails_for_good(anna, telegram):
    telegram.fail(
        "sendMessage", "error", status=400, description="Bad Request: message text is empty", times=5
    )
    tell(anna)
    with RunningBot():
        assert "text is empty" in settled(State.FAILED).error.lower()


def test_too_fast_puts_it_back_without_counting_a_try(anna, telegram):
    with RunningBot():
        wait_for(lambda: telegram.answers(anna.telegram_id))
        telegram.fail("sendMessage", "rate_limit", retry_after=1, times=1)
        tell(anna)
        assert settled(State.SENT).attempts == 0


def test_giving_up_and_sending_again(db):
    tell(make_customer())
    for _ in range(services.MAX_ATTEMPTS):
        OutboxMessage.objects.update(next_try_at=None)
        services.note_failed(services.claim_due(1)[0], "no answer", permanent=False)
    message = OutboxMessage.objects.get()
    assert message.state == State.FAILED
    assert services.retry_failed([message.pk], actor="olga") == 1
    assert len(services.claim_due(5)) == 1


def test_urgent_lanes_come_first(db):
    customer = make_customer()
    services.tell(customer, "test", dedupe_key="b", lane=OutboxMessage.Lane.BROADCAST)
    tell(customer, "t")
    assert [message.dedupe_key for message in services.claim_due(2)] == ["t", "b"]


def test_a_slow_sender_finds_that_another_has_the_row(db):
    tell(make_customer())
    slow = services.claim_due(1)[0]
    OutboxMessage.objects.update(claimed_until=clock.now() - timedelta(seconds=1))
    fast = services.claim_due(1)[0]
    services.note_sent(fast, "7")
    services.note_failed(slow, "late", permanent=True)
    assert OutboxMessage.objects.get().state == State.SENT


def test_two_senders_never_take_the_same_row(live_db):
    customer = make_customer()
    for number in range(40):
        tell(customer, f"test:{number}")
    taken: list[int] = []

    def take() -> None:
        try:
            while messages := services.claim_due(3):
                taken.extend(message.pk for message in messages)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=take) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(taken) == len(set(taken)) == 40


def test_claiming_costs_the_same_with_more_rows(db, django_assert_max_num_queries):
    customer = make_customer()
    for number in range(30):
        tell(customer, f"test:{number}")
    with django_assert_max_num_queries(5):
        assert len(services.claim_due(20)) == 20
