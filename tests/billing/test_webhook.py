"""The address for notices: quick, deaf to strangers, and never out of order whatever it is sent."""

import json
import time
from ipaddress import ip_network

import pytest
from django.db import connection
from django.test import Client
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from billing.models import Notice
from billing.services.notices import store_notice
from tests.billing.notices import ADDRESS, deliver

NOTICE = {
    "type": "notification",
    "event": "payment.succeeded",
    "object": {"id": "2f7a1c9e-000f-5001-9000-1d2c3b4a5968", "status": "succeeded"},
}
FUZZ = hypothesis_settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)

texts = st.text(st.characters(codec=None), max_size=20)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=True) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)


def with_fields(**fields: object) -> dict[str, object]:
    return {**NOTICE, "object": {**NOTICE["object"], **fields}}


def test_a_notice_is_kept_as_it_came(db):
    body = b'{"type": "notification", "event": "payment.succeeded",\r\n "object": {"id": "2f7a1c9e-\
000f-5001-9000-1d2c3b4a5968", "status": "succeeded", "description": "\xd0\x92\xd0\x9f\xd0\x9d", "a": 199.00}}'
    assert deliver(body) == 200
    kept = Notice.objects.get()
    assert kept.body.encode() == body
    assert (kept.event, kept.source_address) == ("payment.succeeded", "127.0.0.1")


def test_storing_costs_one_query_and_a_repeat_one_more(db, django_assert_num_queries):
    for queries in (1, 2):
        with django_assert_num_queries(queries):
            assert deliver(NOTICE) == 200


def test_only_post_is_answered(db):
    for method in ("get", "put", "patch", "delete", "head", "options"):
        assert getattr(Client(), method)(ADDRESS).status_code == 405


@pytest.mark.parametrize("address", ["8.8.8.8", "2001:4860::1", "", "garbage"])
def test_a_stranger_is_refused_and_nothing_is_kept(db, address):
    assert deliver(NOTICE, address=address) == 403
    assert not Notice.objects.exists()


def test_f52_behind_our_proxy_the_caller_counts(db, settings):
    settings.YOOKASSA_NOTICE_ADDRESSES = [ip_network("185.71.76.0/27")]
    settings.TRUSTED_PROXIES = [ip_network("10.0.0.0/8")]
    forwarded = {"X-Forwarded-For": "185.71.76.5"}
    assert deliver(NOTICE, address="10.0.0.2", **forwarded) == 200
    assert deliver(NOTICE, address="8.8.8.8", **forwarded) == 403
    assert deliver(NOTICE, address="10.0.0.2", **{"X-Forwarded-For": "8.8.8.8"}) == 403
    assert Notice.objects.get().source_address == "185.71.76.5"


def test_f52_without_a_list_everybody_may_hint(db, settings):
    settings.YOOKASSA_NOTICE_ADDRESSES = []
    assert deliver(NOTICE, address="8.8.8.8") == 200
    assert deliver({**NOTICE, "event": "payment.canceled"}, address="garbage") == 200


@pytest.mark.parametrize(
    "body",
    ["", "{", "null", "[]", "1", '"payment.succeeded"', "[" * 100_000, '{"a":' * 50_000, b"\xff\xfe", b"\x00",
     "{}", '{"type": "notification"}', '{"type": "notification", "event": 1, "object": {}}',
     '{"type": "notification", "event": "payment.succeeded", "object": []}', "9" * 5000,
     json.dumps(NOTICE).encode("utf-16"), b"\xef\xbb\xbf{}"],
)  # fmt: skip
def test_garbage_is_refused(db, body):
    assert deliver(body) == 400
    assert not Notice.objects.exists()


def test_too_much_is_refused(db):
    assert deliver({**NOTICE, "padding": "a" * 256 * 1024}) == 413
    assert deliver({**NOTICE, "padding": "a" * 2**20}) == 413
    assert not Notice.objects.exists()


def test_events_we_do_not_use_are_kept_and_left_alone(db):
    assert deliver({**NOTICE, "event": "payout.succeeded"}) == 200
    assert deliver({**NOTICE, "event": "payout.succeeded"}) == 200
    assert Notice.objects.get().state == Notice.State.FOREIGN


@FUZZ
@given(body=st.binary(max_size=300))
def test_no_bytes_break_it(db, body):
    assert deliver(body) == 400


@FUZZ
@given(body=values)
def test_no_json_breaks_it(db, body):
    assert deliver(json.dumps(body)) == 400


@FUZZ
@given(event=st.sampled_from(["payment.succeeded", "refund.succeeded", "payment.x"]) | values,
       status=values, metadata=values, recipient=values, payment_id=values, amount=values)  # fmt: skip
def test_no_field_breaks_it(db, event, **fields):
    assert deliver({**with_fields(**fields), "event": event}) in (200, 400)


@pytest.mark.parametrize("text", ["\0", "\ud800", "\udfff\ud800", "😀", "a" * 5000])
@pytest.mark.parametrize("field", ["status", "description", "metadata"])
def test_characters_no_database_takes_are_survived(db, field, text):
    value = {"payment_key": text, text: text} if field == "metadata" else text
    assert deliver(with_fields(**{field: value})) == 200


@pytest.mark.parametrize(
    "kind", ["text/html", "multipart/form-data", "application/x-www-form-urlencoded", "\0"]
)
def test_the_declared_type_does_not_matter(db, kind):
    assert Client().post(ADDRESS, json.dumps(NOTICE), content_type=kind).status_code == 200


def test_a_notice_that_cannot_be_stored_is_asked_for_again(db):
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE billing_notice RENAME TO billing_notice_away")
    assert deliver(NOTICE) == 503


def test_a_key_is_known_for_ever_also_when_its_body_is_gone(db):
    deliver(NOTICE)
    Notice.objects.update(body="", state=Notice.State.DONE)
    assert store_notice("yookassa", json.dumps(NOTICE).encode(), source_address=None) is None
    assert Notice.objects.get().state == Notice.State.DONE


def test_many_notices_at_once_nudge_the_worker_soon_and_seldom(live_db, nudges):
    began = time.monotonic()
    for number in range(30):
        deliver(with_fields(id=f"2f7a1c9e-000f-5001-9000-{number:012}"))
    took = time.monotonic() - began
    time.sleep(0.2)
    assert 1 <= nudges() <= took / 0.1 + 2
    deliver(NOTICE)
    assert nudges(within=2.0) == 1


def test_a_notice_known_already_nudges_nobody(live_db, nudges):
    deliver(NOTICE)
    assert nudges(within=2.0) == 1
    deliver(NOTICE)
    assert nudges(within=0.2) == 0


@pytest.fixture
def nudges(queued):
    """Counts and takes the nudges in the worker's queue, waiting for the first one."""

    def take(within: float = 0.0) -> int:
        end = time.monotonic() + within
        while not (found := len(queued())) and time.monotonic() < end:
            time.sleep(0.02)
        return found

    time.sleep(0.05)
    queued()
    return take
