"""The customer's link: unguessable, stable, and replaceable."""

import re

import pytest
import time_machine
from django.db import connection

from accounts.models import AuditEvent
from core import clock
from notifications.models import OutboxMessage
from subscriptions import services
from subscriptions.errors import NoSuchSubscription, TooSoon
from subscriptions.models import Subscription
from subscriptions.tokens import fresh_token
from tests.factories import make_customer, make_subscription, serve

pytestmark = pytest.mark.django_db


def test_token_has_192_bits_that_need_no_escaping():
    tokens = {fresh_token() for _ in range(100)}
    assert len(tokens) == 100
    assert all(re.fullmatch(r"[\w-]{32}", token, re.ASCII) for token in tokens)


def test_link_is_our_own_address():
    subscription = make_subscription()
    assert re.fullmatch(r"http://localhost:8000/s/[\w-]{32}", subscription.link)


def test_token_is_not_readable_in_the_database():
    subscription = make_subscription()
    with connection.cursor() as cursor:
        cursor.execute("SELECT token, token_hash FROM subscriptions_subscription")
        stored = cursor.fetchone()
    assert all(subscription.token not in column for column in stored)


def test_new_secret_key_leaves_links_working(client, settings):
    subscription = make_subscription()
    settings.SECRET_KEY = "another"
    assert client.get(f"/s/{subscription.token}").status_code == 200


def test_link_answers_even_where_its_encrypted_copy_cannot_be_read(client):
    subscription = make_subscription()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE subscriptions_subscription SET token = 'unreadable'")
    assert client.get(f"/s/{subscription.token}").status_code == 200


def test_rotation_gives_a_new_link_and_silences_the_old_one(client):
    old = make_subscription()
    new = services.rotate_link(old.pk, actor="olga")
    assert client.get(f"/s/{old.token}").status_code == 404
    assert client.get(f"/s/{new.token}").status_code == 200
    assert Subscription.objects.get().link == new.link != old.link


def test_rotation_is_told_and_noted_without_the_secret():
    subscription = services.rotate_link(make_subscription().pk, actor="olga")
    message = OutboxMessage.objects.get(kind="link_rotated")
    event = AuditEvent.objects.get(action="link.rotated")
    assert subscription.token not in f"{message.context} {message.dedupe_key} {event.data} {event.subject}"


def replace(subscription, customer=None):
    return services.replace_own_link(
        subscription.pk, customer_id=(customer.pk if customer else subscription.user_id)
    )


def test_customer_replaces_link_and_keys_and_is_not_told_what_they_see(client):
    old = make_subscription()
    serve(old)
    told = OutboxMessage.objects.count()
    new = replace(old)
    assert client.get(f"/s/{old.token}").status_code == 404
    assert b"Being" not in client.get(f"/s/{new.token}").content
    assert new.access.key_epoch < Subscription.objects.select_related("access").get().access.key_epoch
    assert AuditEvent.objects.get(action="link.rotated").data == {"keys": True}
    assert OutboxMessage.objects.count() == told


def test_customer_waits_ten_minutes_for_another_link_also_after_staff_gave_one():
    with time_machine.travel(clock.now(), tick=False) as time:
        subscription = services.rotate_link(make_subscription().pk, actor="olga")
        time.shift(599)
        with pytest.raises(TooSoon):
            replace(subscription)
        assert Subscription.objects.get().token == subscription.token
        time.shift(1)
        assert replace(subscription).token != subscription.token


def test_nobody_replaces_the_link_of_somebody_else():
    subscription = make_subscription()
    with pytest.raises(NoSuchSubscription):
        replace(subscription, make_customer())
    assert Subscription.objects.get().token == subscription.token
