"""What every provider must do, whatever its API: run for each kind against its stand-in, over HTTP."""

import json
import logging
import time
import uuid
from base64 import b64encode
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from billing.errors import (
    AnswerOdd,
    ProviderBusy,
    ProviderMisconfigured,
    ProviderNotFound,
    ProviderRefused,
)
from billing.providers.base import Said
from core import clock
from core.errors import OutcomeUnknown, OutsideError, ServiceUnreachable
from tests.billing.providers.conftest import asked
from tests.billing.providers.silent import answering_server, trickling_server

HTML = "<html><body><h1>502 Bad Gateway</h1></body></html>"
NOWHERE = str(uuid.uuid4())


def refund_of(provider: Any, remote_id: str, amount: str, key: str) -> Any:
    body = provider.compose_refund(
        key=key,
        remote_payment_id=remote_id,
        amount=Decimal(amount),
        currency="RUB",
        description="Unused days",
    )
    return provider.refund(key, body)


CALLS: dict[str, Callable[[Any], Any]] = {
    "check": lambda provider: provider.check(),
    "create": lambda provider: provider.create("key", "{}"),
    "read": lambda provider: provider.read(NOWHERE),
    "capture": lambda provider: provider.capture(NOWHERE, "key"),
    "refund": lambda provider: provider.refund("key", "{}"),
    "read_refund": lambda provider: provider.read_refund(NOWHERE),
    "list_payments": lambda provider: provider.list_payments(since=clock.now()),
    "list_refunds": lambda provider: provider.list_refunds(remote_payment_id=NOWHERE),
}
each_call = pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)


class TestWhatItDoes:
    def test_check_tells_which_account_it_is_and_in_which_mode(self, case):
        report = case.connect().check()
        assert (report.remote_account, report.is_test, report.is_enabled) == ("100500", True, True)

    def test_new_payment_waits_with_a_link_and_carries_our_key(self, case):
        wish, provider = asked(), case.connect()
        report = provider.create(wish.key, provider.compose(wish))
        assert (report.said, report.amount, report.currency) == (Said.PENDING, Decimal("299.00"), "RUB")
        assert (report.key, report.remote_account, report.is_test) == (wish.key, "100500", True)
        assert report.confirmation_url.startswith("http")
        assert report.expires_at - report.created_at == timedelta(hours=1)

    def test_body_is_the_same_each_time_it_is_composed(self, case):
        wish = asked()
        assert case.connect().compose(wish) == case.connect().compose(wish)

    def test_body_is_sent_as_it_was_frozen_byte_for_byte(self, case, settings):
        body = '{"amount" : {"value":"1.00"},  "description":"дней"}'
        with answering_server(b"HTTP/1.1 500 X\r\nContent-Length: 0\r\n\r\n") as (address, received):
            settings.YOOKASSA_API_URL = address
            with pytest.raises(OutcomeUnknown):
                case.connect().create("the-key", body)
        head, _, sent = received[0].partition(b"\r\n\r\n")
        assert sent == body.encode()
        assert b"the-key" in head

    def test_repeat_with_the_same_key_is_the_same_payment(self, case):
        wish, provider = asked(), case.connect()
        reports = [provider.create(wish.key, provider.compose(wish)) for _ in range(3)]
        assert len({report.remote_id for report in reports}) == 1
        assert len(case.world.payments()) == 1

    def test_other_body_under_the_same_key_is_refused(self, case):
        wish, provider = asked(), case.connect()
        provider.create(wish.key, provider.compose(wish))
        with pytest.raises(ProviderRefused):
            provider.create(wish.key, provider.compose(asked(wish.key, amount=Decimal("1.00"))))
        assert len(case.world.payments()) == 1

    def test_paid_payment_reads_as_succeeded_with_its_fee(self, case):
        provider = case.connect()
        remote_id = case.start(provider).remote_id
        case.world.pay(remote_id)
        report = provider.read(remote_id)
        assert (report.said, report.amount) == (Said.SUCCEEDED, Decimal("299.00"))
        assert Decimal(0) < report.fee < Decimal(30)
        assert report.expires_at is None and report.confirmation_url == ""

    def test_declined_payment_keeps_the_provider_s_own_reason(self, case):
        provider = case.connect()
        remote_id = case.start(provider).remote_id
        case.world.decline(remote_id, reason="insufficient_funds")
        report = provider.read(remote_id)
        assert (report.said, report.reason) == (Said.CANCELED, "insufficient_funds")

    def test_held_money_is_taken_once_however_often_it_is_asked_for(self, case):
        provider = case.connect()
        remote_id = case.start(provider).remote_id
        case.world.hold(remote_id)
        assert provider.read(remote_id).said == Said.HELD
        said = [provider.capture(remote_id, "capture-1").said for _ in range(2)]
        assert said == [Said.SUCCEEDED, Said.SUCCEEDED]

    def test_refund_goes_back_once_however_often_it_is_asked_for(self, case):
        provider, key = case.connect(), str(uuid.uuid4())
        remote_id = case.start(provider).remote_id
        case.world.pay(remote_id)
        refunds = [refund_of(provider, remote_id, "100.00", key) for _ in range(2)]
        assert {(r.said, r.amount, r.key, r.remote_payment_id) for r in refunds} == {
            (Said.SUCCEEDED, Decimal("100.00"), key, remote_id)
        }
        assert provider.read(remote_id).refunded == Decimal("100.00")
        assert provider.read_refund(refunds[0].remote_id).remote_id == refunds[0].remote_id

    def test_refund_of_more_than_came_in_is_refused(self, case):
        provider = case.connect()
        remote_id = case.start(provider).remote_id
        case.world.pay(remote_id)
        with pytest.raises(ProviderRefused):
            refund_of(provider, remote_id, "299.01", "key")

    def test_books_are_read_page_by_page_to_the_end(self, case, settings):
        provider = case.connect()
        made = {case.start(provider).remote_id for _ in range(101)}
        since, cursor, found, pages = clock.now() - timedelta(minutes=5), "", [], 0
        while pages == 0 or cursor:
            page = provider.list_payments(since=since, cursor=cursor)
            cursor, pages = page.cursor, pages + 1
            found += [report.remote_id for report in page.payments]
        assert (len(found), set(found), pages) == (101, made, 2)

    def test_books_leave_out_what_was_created_earlier(self, case):
        provider = case.connect()
        case.start(provider)
        assert provider.list_payments(since=clock.now() + timedelta(minutes=5)).payments == ()

    def test_refunds_are_listed_for_one_payment_and_by_time(self, case):
        provider = case.connect()
        remote_ids = [case.start(provider).remote_id for _ in range(2)]
        for remote_id in remote_ids:
            case.world.pay(remote_id)
            refund_of(provider, remote_id, "10.00", f"key-{remote_id}")
        of_one = provider.list_refunds(remote_payment_id=remote_ids[0]).refunds
        of_all = provider.list_refunds(since=clock.now() - timedelta(minutes=5)).refunds
        assert [refund.remote_payment_id for refund in of_one] == remote_ids[:1]
        assert {refund.remote_payment_id for refund in of_all} == set(remote_ids)

    def test_one_odd_object_does_not_hide_the_others_in_a_list(self, case):
        provider = case.connect()
        good, odd = (case.object(case.start(provider).remote_id) for _ in range(2))
        odd["amount"] = "a lot"
        case.answer("GET /v3/payments", {"type": "list", "items": [odd, good, 7]})
        page = provider.list_payments(since=clock.now())
        assert [report.remote_id for report in page.payments] == [good["id"]]
        assert page.unread == (odd["id"], "")


class TestWhenItFails:
    def test_lost_answer_leaves_the_outcome_open_and_a_repeat_finds_the_payment(self, case):
        wish, provider = asked(), case.connect()
        case.world.fail(case.create, "lost", times=1)
        with pytest.raises(OutcomeUnknown):
            provider.create(wish.key, provider.compose(wish))
        report = provider.create(wish.key, provider.compose(wish))
        assert [row["id"] for row in case.world.payments()] == [report.remote_id]

    def test_connection_cut_before_the_work_leaves_the_outcome_open(self, case):
        wish, provider = asked(), case.connect()
        case.world.fail(case.create, "refuse", times=1)
        with pytest.raises(OutcomeUnknown):
            provider.create(wish.key, provider.compose(wish))
        assert case.world.payments() == []
        assert provider.create(wish.key, provider.compose(wish)).said == Said.PENDING

    @each_call
    def test_address_where_nobody_listens_means_that_nothing_was_done(self, case, settings, call):
        settings.YOOKASSA_API_URL = "http://127.0.0.1:9/v3"
        with pytest.raises(ServiceUnreachable):
            call(case.connect())

    @each_call
    def test_no_call_waits_for_a_silent_provider_longer_than_it_may(self, case, call):
        case.world.fail("*", "hang", times=1, seconds=5)
        began = time.monotonic()
        with pytest.raises(OutcomeUnknown):
            call(case.connect(read_seconds=0.3))
        assert time.monotonic() - began < 2
        assert case.world.fired() == {"hang": 1}

    def test_answer_that_trickles_in_is_given_up(self, case, settings):
        with trickling_server() as address:
            settings.YOOKASSA_API_URL = address
            began = time.monotonic()
            with pytest.raises(OutcomeUnknown):
                case.connect(read_seconds=0.4).create("key", "{}")
            assert time.monotonic() - began < 3

    def test_slow_answer_within_the_time_is_an_answer(self, case):
        case.world.fail(case.create, "delay", times=1, seconds=0.5)
        assert case.start(case.connect(read_seconds=4)).said == Said.PENDING

    @each_call
    @pytest.mark.parametrize(
        ("status", "body"),
        [
            (500, {"type": "error", "code": "internal_server_error"}),
            (502, HTML),
            (503, ""),
            (202, {"type": "processing", "retry_after": 1800}),
            (401, HTML),
            (403, HTML),
            (404, HTML),
            (302, ""),
        ],
    )
    def test_answer_that_decides_nothing_leaves_the_outcome_open(self, case, call, status, body):
        case.answer("*", body, status)
        with pytest.raises(OutcomeUnknown):
            call(case.connect())

    @pytest.mark.parametrize("body", [HTML, "", '{"id": "2f7a', "[]", "null", '"fine"', "{}"])
    def test_unreadable_answer_is_open_for_what_changes_and_odd_for_what_reads(self, case, body):
        provider = case.connect()
        for call, error in (("create", OutcomeUnknown), ("refund", OutcomeUnknown), ("read", AnswerOdd)):
            case.answer("*", body)
            with pytest.raises(error):
                CALLS[call](provider)

    def test_answer_without_what_money_depends_on_is_odd(self, case):
        provider = case.connect()
        shown = case.object(case.start(provider).remote_id)
        for path in case.essential:
            case.answer(case.read, without(shown, path))
            with pytest.raises(AnswerOdd):
                provider.read(shown["id"])
            case.answer(case.create, without(shown, path))
            with pytest.raises(OutcomeUnknown):
                provider.create("key", "{}")

    def test_unknown_words_and_fields_lose_no_fact(self, case):
        provider = case.connect()
        shown = case.object(case.start(provider).remote_id)
        shown |= {"status": "under_review", "brand_new": {"field": [1]}}
        case.answer(case.read, shown)
        report = provider.read(shown["id"])
        assert (report.said, report.amount) == (Said.UNKNOWN, Decimal("299.00"))
        assert report.raw["status"] == "under_review" and "brand_new" not in report.raw

    def test_what_the_provider_does_not_have_is_not_found(self, case):
        provider = case.connect()
        for call in (provider.read, provider.read_refund):
            with pytest.raises(ProviderNotFound):
                call(NOWHERE)

    @pytest.mark.parametrize("remote_id", ["", ".", "..", "../me", "a/b", "a?b", "a%2Fb", "é", "x" * 65])
    def test_id_that_could_lead_elsewhere_is_never_asked_for(self, case, remote_id):
        provider = case.connect()
        for call in (provider.read, provider.read_refund, lambda at: provider.capture(at, "key")):
            with pytest.raises(ProviderNotFound):
                call(remote_id)
        assert case.world.calls() == []

    @each_call
    def test_wrong_keys_are_ours_to_put_right(self, case, call):
        with pytest.raises(ProviderMisconfigured) as raised:
            call(case.connect(secret="test_wrong_key"))
        assert raised.value.permanent and "test_wrong_key" not in str(raised.value)

    def test_shop_that_may_not_sell_is_ours_to_put_right(self, case):
        case.world.put_shop(shop_id="100500", status="disabled")
        with pytest.raises(ProviderMisconfigured):
            case.start(case.connect())

    def test_busy_provider_says_for_how_long(self, case):
        body, seconds = case.busy
        case.answer(case.create, body, 429)
        with pytest.raises(ProviderBusy) as raised:
            case.start(case.connect())
        assert raised.value.seconds == seconds and not raised.value.permanent

    @pytest.mark.parametrize("retry_after", [None, -5, "soon", 10**12, True, 1e400])
    def test_odd_word_on_how_long_is_no_reason_to_wait_for_ever(self, case, retry_after):
        body, _ = case.busy
        case.answer(case.create, json.dumps(body | {"retry_after": retry_after}), 429)
        with pytest.raises(ProviderBusy) as raised:
            case.start(case.connect())
        assert 0 < raised.value.seconds <= 600

    def test_call_that_is_not_there_is_refused_for_good(self, case):
        for status in (405, 415):
            case.answer(case.create, "", status)
            with pytest.raises(ProviderRefused):
                case.start(case.connect())

    def test_provider_goes_on_after_every_failure(self, case):
        provider = case.connect(read_seconds=0.3)
        for kind in ("hang", "lost", "refuse", "html", "error", "rate_limit"):
            case.world.fail(case.create, kind, times=1, seconds=2)
            with pytest.raises(OutsideError):
                case.start(provider)
        assert case.start(provider).said == Said.PENDING


class TestWhatStaysSecret:
    def test_no_log_line_and_no_error_holds_the_secret(self, case, caplog):
        caplog.set_level(logging.DEBUG)
        provider, errors = case.connect(read_seconds=0.3), [""]
        basic = b64encode(f"{case.world.shop_id}:{case.world.secret_key}".encode()).decode()
        told = {"type": "error", "code": "invalid_request", "description": f"bad key {case.world.secret_key}"}
        remote_id = case.start(provider).remote_id
        case.world.pay(remote_id)
        case.answer(case.create, told, 400)
        case.world.fail(case.create, "hang", times=1, seconds=2)
        for call in (*CALLS.values(), CALLS["create"]):
            try:
                call(provider)
            except OutsideError as failed:
                errors += [str(failed), repr(failed), str(failed.__cause__)]
        written = caplog.text + "".join(errors) + repr(provider) + repr(vars(provider))
        assert "bad key ***" in written
        assert case.world.secret_key not in written and basic not in written

    def test_refusal_repeats_no_customer_s_address(self, case):
        told = {"type": "error", "code": "invalid_request", "description": "anna@example.org is not valid"}
        case.answer(case.create, told, 400)
        with pytest.raises(ProviderRefused, match="is not valid") as raised:
            case.start(case.connect())
        assert "anna" not in str(raised.value)


def without(shown: dict[str, Any], path: str) -> dict[str, Any]:
    """Return the object without the field at that path."""
    name, _, rest = path.partition(".")
    left = {key: value for key, value in shown.items() if key != name}
    return left | {name: without(shown[name], rest)} if rest else left
