"""Accounts with providers: set up, proved by a check, hidden while they fail."""

import re
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import AuditEvent
from billing.errors import AccountUnfit, AnswerOdd, ProviderBusy, ProviderMisconfigured, ProviderRefused
from billing.models import ProviderAccount
from billing.services.accounts import (
    add_account,
    change_account,
    check_account,
    note_outcome,
    offered_accounts,
    provider_of,
    set_account_open,
)
from core import clock
from core.errors import OutcomeUnknown, ServiceUnreachable
from tests.factories import make_payment, make_provider_account
from tests.shop import wait_for

pytestmark = pytest.mark.django_db

LOST = OutcomeUnknown("no answer")
REFUSED = ProviderMisconfigured("401 invalid_credentials")


@pytest.fixture
def shop(yookassa, settings):
    settings.YOOKASSA_API_URL = yookassa.api_url
    return yookassa


@pytest.fixture
def account(db):
    return make_provider_account(checked_at=clock.now())


def add(**fields):
    return add_account(
        actor="olga",
        **{"remote_account": "100500", "secret": "test_sandbox_secret", "is_test": True, **fields},
    )


def fresh(account):
    return ProviderAccount.objects.get(pk=account.pk)


def is_offered(account, *, at=None):
    return account in offered_accounts(at or clock.now())


def trail(account):
    return list(
        AuditEvent.objects.filter(subject=account.subject).order_by("id").values_list("action", flat=True)
    )


def tell(account, *outcomes):
    for outcome in outcomes:
        note_outcome(account.pk, outcome)


def on_own_connection(act):
    try:
        return act()
    finally:
        connection.close()


class TestSettingUp:
    def test_new_account_is_closed_until_its_keys_are_proved(self, shop):
        account = add()
        with pytest.raises(AccountUnfit, match="Check the keys first"):
            set_account_open(account.pk, is_open=True, actor="olga")
        check_account(account.pk, actor="olga")
        set_account_open(account.pk, is_open=True, actor="olga")
        assert is_offered(account)

    def test_new_account_cannot_be_born_open(self):
        with pytest.raises(AccountUnfit):
            add(is_open=True)
        assert not ProviderAccount.objects.exists()

    def test_adding_again_changes_the_one_there_is(self):
        assert add(name_en="Card").pk == add(name_en="Any card").pk
        assert ProviderAccount.objects.get().name_en == "Any card"

    def test_key_is_stored_encrypted_and_never_in_the_trail(self):
        account = add()
        change_account(account.pk, actor="olga", secret="test_another_key")
        with connection.cursor() as cursor:
            cursor.execute("SELECT secret FROM billing_provideraccount")
            assert "test_" not in cursor.fetchone()[0]
        assert "test_" not in str(list(AuditEvent.objects.values_list("data", flat=True)))
        assert trail(account) == ["provider.added", "provider.changed"]

    def test_empty_key_keeps_the_one_there_is(self, account):
        change_account(account.pk, actor="olga", secret="", name_en="Card")
        assert (fresh(account).secret, fresh(account).name_en) == (account.secret, "Card")
        assert fresh(account).checked_at == account.checked_at

    def test_same_values_again_change_nothing(self, account):
        change_account(account.pk, actor="olga", secret=account.secret, name_en=account.name_en)
        assert trail(account) == []

    def test_new_keys_end_a_refusal_only_after_a_check(self, shop, account):
        ProviderAccount.objects.update(secret="test_wrong", refused_at=clock.now())
        change_account(account.pk, actor="olga", secret=shop.secret_key)
        assert not is_offered(account) and fresh(account).checked_at is None
        check_account(account.pk, actor="olga")
        assert is_offered(account)

    @pytest.mark.parametrize("values", [{"remote_account": "7"}, {"is_test": False}])
    def test_account_with_payments_stays_the_shop_it_is(self, account, values):
        payment = make_payment()
        with pytest.raises(AccountUnfit, match="as a new one"):
            change_account(payment.account_id, actor="olga", **values)
        assert (fresh(account).remote_account, fresh(account).is_test) == ("100500", True)

    def test_mode_entered_wrongly_is_put_right_while_there_are_no_payments(self, account):
        change_account(account.pk, actor="olga", is_test=False)
        assert not fresh(account).is_test and not fresh(account).is_open and fresh(account).checked_at is None

    @pytest.mark.parametrize("values", [{"receipt_email": "nobody"}, {"name_en": ""}, {"remote_account": ""}])
    def test_values_that_do_not_fit_are_refused(self, account, values):
        with pytest.raises(AccountUnfit):
            change_account(account.pk, actor="olga", **values)

    def test_closing_hides_it_at_once_and_twice_is_fine(self, account):
        for _ in range(2):
            set_account_open(account.pk, is_open=False, actor="olga")
        assert not is_offered(account) and trail(account) == ["provider.changed"]


class TestCheck:
    def test_check_that_passes_says_so_and_ends_every_trouble(self, shop, account):
        ProviderAccount.objects.update(
            refused_at=clock.now(), error="x", failures=9, hidden_until=clock.now() + timedelta(hours=1)
        )
        said = check_account(account.pk, actor="olga")
        assert said == "The keys work: shop 100500, test mode."
        assert is_offered(account) and fresh(account).error == ""
        assert fresh(account).checked_at == fresh(account).answered_at > account.checked_at
        assert trail(account) == ["provider.checked"]

    def test_wrong_keys_refuse_the_account_and_are_not_repeated_to_anybody(self, shop, account):
        ProviderAccount.objects.update(secret=(encrypted := "test_wrong_key"))
        assert "does not accept the keys" in check_account(account.pk, actor="olga")
        assert not is_offered(account) and fresh(account).checked_at is None
        assert "401" in fresh(account).error and encrypted not in fresh(account).error

    @pytest.mark.parametrize(("there", "here"), [(True, False), (False, True)])
    def test_f45_shop_of_the_other_mode_is_closed(self, shop, account, there, here):
        shop.put_shop(shop_id="100500", test=there)
        ProviderAccount.objects.update(is_test=here)
        assert "closed to customers now" in check_account(account.pk, actor="olga")
        assert not fresh(account).is_open and not is_offered(account)

    def test_disabled_shop_is_refused(self, shop, account):
        shop.put_shop(shop_id="100500", status="disabled")
        assert "disabled" in check_account(account.pk, actor="olga")
        assert not is_offered(account)

    def test_f46_keys_of_another_shop_are_refused(self, shop, account):
        body = {"account_id": "777", "status": "enabled", "test": True}
        shop.fail("GET /v3/me", "error", times=1, status=200, body=body)
        assert "another shop: 777" in check_account(account.pk, actor="olga")
        assert not is_offered(account)

    @pytest.mark.parametrize("kind", ["html", "refuse", "rate_limit"])
    def test_check_without_an_answer_proves_nothing_either_way(self, shop, account, kind):
        shop.fail("GET /v3/me", kind, times=1)
        assert "no answer" in check_account(account.pk, actor="olga")
        assert is_offered(account) and fresh(account).checked_at == account.checked_at
        assert fresh(account).error

    def test_check_without_an_answer_does_not_end_a_refusal(self, shop, account):
        tell(account, REFUSED)
        shop.fail("GET /v3/me", "html", times=1)
        check_account(account.pk, actor="olga")
        assert not is_offered(account) and "401" in fresh(account).error

    def test_f48_shop_that_must_send_receipts_is_said(self, shop, account):
        shop.put_shop(shop_id="100500", fiscalization=True)
        assert "switch them on" in check_account(account.pk, actor="olga")
        change_account(account.pk, actor="olga", sends_receipts=True)
        assert "Enter an e-mail" in check_account(account.pk, actor="olga")
        change_account(account.pk, actor="olga", receipt_email="shop@example.org")
        assert check_account(account.pk, actor="olga") == "The keys work: shop 100500, test mode."

    @pytest.mark.django_db(transaction=True)
    def test_account_changed_during_the_check_is_not_proved_by_it(self, shop, account):
        shop.fail("GET /v3/me", "delay", times=1, seconds=1)
        with ThreadPoolExecutor(1) as other:
            said = other.submit(on_own_connection, lambda: check_account(account.pk, actor="olga"))
            wait_for(lambda: shop.calls("GET /v3/me"))
            change_account(account.pk, actor="olga", secret="test_new")
            assert said.result(10) == "The account was changed meanwhile. Check it again."
        assert fresh(account).checked_at is None


class TestHealth:
    def test_f38_refused_keys_hide_the_account_until_a_check_passes(self, shop, account):
        tell(account, REFUSED, None, None)
        assert not is_offered(account) and not is_offered(account, at=clock.now() + timedelta(days=9))
        assert fresh(account).error == "401 invalid_credentials"
        check_account(account.pk, actor="olga")
        assert is_offered(account)

    def test_f38_refusal_is_news_once(self, account):
        assert [note_outcome(account.pk, REFUSED) for _ in range(3)] == [True, False, False]
        assert trail(account) == ["provider.refused"]

    @pytest.mark.parametrize("error", [LOST, ServiceUnreachable("no way"), AnswerOdd("what?")])
    def test_f40_five_lost_answers_in_a_row_hide_it_for_five_minutes(self, account, error):
        tell(account, *[error] * 4)
        assert is_offered(account)
        tell(account, error)
        now = clock.now()
        assert not is_offered(account, at=now + timedelta(minutes=4))
        assert is_offered(account, at=now + timedelta(minutes=5, seconds=1))

    @pytest.mark.parametrize("answer", [None, ProviderRefused("no"), ProviderBusy("later", seconds=1)])
    def test_f40_any_answer_ends_the_row(self, account, answer):
        tell(account, *[LOST] * 4, answer, *[LOST] * 4)
        assert is_offered(account)

    def test_f40_lost_answers_far_apart_hide_nothing(self, account):
        for _ in range(3):
            tell(account, *[LOST] * 4)
            ProviderAccount.objects.update(failing_since=clock.now() - timedelta(minutes=3))
            tell(account, LOST)
            assert is_offered(account) and fresh(account).failures == 1
            tell(account, None)

    def test_f40_hidden_account_that_answers_is_offered_again(self, account):
        tell(account, *[LOST] * 5, None)
        assert is_offered(account) and fresh(account).error == ""

    def test_good_answers_write_nothing_while_nothing_changes(self, account):
        tell(account, None)
        noted = fresh(account).answered_at
        tell(account, None)
        assert noted and fresh(account).answered_at == noted
        ProviderAccount.objects.update(answered_at=noted - timedelta(minutes=2))
        tell(account, None)
        assert fresh(account).answered_at >= noted

    @pytest.mark.parametrize("outcome", [None, LOST])
    def test_outcome_costs_one_statement(self, account, outcome, django_assert_num_queries):
        with django_assert_num_queries(1):
            note_outcome(account.pk, outcome)

    @pytest.mark.django_db(transaction=True)
    def test_failures_seen_at_once_are_all_counted(self, account):
        with ThreadPoolExecutor(5) as threads:
            list(threads.map(on_own_connection, [lambda: note_outcome(account.pk, LOST)] * 5))
        assert fresh(account).failures == 5 and not is_offered(account)


class TestOffered:
    def test_accounts_are_offered_in_the_order_staff_gave_them(self, account):
        first = make_provider_account(remote_account="2", position=0)
        ProviderAccount.objects.filter(pk=account.pk).update(position=1)
        make_provider_account(remote_account="3", is_open=False)
        assert offered_accounts(clock.now()) == [first, account]

    @pytest.mark.parametrize("number", [2, 9])
    def test_offering_is_one_query_and_reads_no_key(self, number):
        for name in range(number):
            make_provider_account(remote_account=str(name))
        with CaptureQueriesContext(
            connection,
        ) as queries:
            offered_accounts(clock.now())
        assert len(queries) == 1 and not re.search(r'"secret"', queries[0]["sql"])

    def test_offer_agrees_with_the_row_s_own_word(self, account):
        now = clock.now()
        for values in ({}, {"is_open": False}, {"hidden_until": now}, {"hidden_until": now + timedelta(1)}):
            usual = {"is_open": True, "hidden_until": None}
            ProviderAccount.objects.update(**{**usual, **values})
            assert is_offered(account, at=now) == fresh(account).is_offered(now)


class TestConnecting:
    def test_provider_is_kept_for_the_thread_until_the_account_changes(self, shop, account):
        first = provider_of(account)
        assert provider_of(fresh(account)) is first
        change_account(account.pk, actor="olga", secret="test_new")
        assert provider_of(fresh(account)) is not first

    def test_threads_share_no_provider(self, account):
        found: list[object] = []
        thread = threading.Thread(target=lambda: found.append(provider_of(account)))
        thread.start()
        thread.join(5)
        assert found[0] is not provider_of(account)

    def test_accounts_and_waits_are_kept_apart(self, account):
        other = make_provider_account(remote_account="2")
        providers = [provider_of(account), provider_of(other), provider_of(account, read_seconds=1)]
        assert len({id(provider) for provider in providers}) == 3

    def test_connected_account_can_be_called(self, shop, account):
        assert provider_of(account).check().remote_account == "100500"
