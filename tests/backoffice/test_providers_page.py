"""Payment providers for staff: set up, proved against the provider itself, opened; keys stay inside."""

from datetime import timedelta

import pytest
from django.urls import reverse

from accounts.models import AuditEvent
from billing.models import ProviderAccount
from billing.services import offered_accounts
from core import clock
from tests.backoffice.conftest import allow, payment_of, shop_account
from tests.world import PaymentWorld

pytestmark = pytest.mark.django_db
ADD = "admin:billing_provideraccount_add"
SECRET = "a very secret key"


@pytest.fixture
def form() -> dict[str, object]:
    return {
        "kind": "yookassa",
        "is_test": "on",
        "remote_account": PaymentWorld.shop_id,
        "secret": SECRET,
        "name_en": "Bank card, SBP",
        "name_ru": "Карта или СБП",
        "position": 0,
        "receipt_email": "",
        "vat_code": 1,
    }


@pytest.fixture
def account(client, staff, form) -> ProviderAccount:
    client.post(reverse(ADD), form)
    return ProviderAccount.objects.get()


def change(account: ProviderAccount) -> str:
    return reverse("admin:billing_provideraccount_change", args=[account.pk])


def do(client, account: ProviderAccount, name: str, **values: object):
    address = reverse("admin:billing_provideraccount_act", args=[account.pk, name])
    page = client.post(address, values, follow=True)
    account.refresh_from_db()
    return " ".join(f"{message.level_tag}: {message}" for message in page.context["messages"])


def test_a_new_account_is_closed_until_it_is_proved(client, account):
    assert (account.secret, account.is_open, account.is_test) == (SECRET, False, True)
    assert "Check the keys first" in do(client, account, "open", confirm="1")
    assert not account.is_open
    assert AuditEvent.objects.get(action="provider.added").actor == "olga"


def test_the_key_is_never_shown_again(client, account, form):
    client.post(change(account), {**form, "secret": "", "name_en": "Card"})
    for address in (
        change(account),
        reverse("admin:billing_provideraccount_changelist"),
        reverse("admin:accounts_auditevent_changelist"),
        reverse("admin:index"),
    ):
        assert SECRET not in client.get(address).content.decode()


def test_an_empty_key_keeps_the_one_we_have_and_a_new_one_replaces_it(client, account, form):
    client.post(change(account), {**form, "secret": "", "name_en": "Card"})
    account.refresh_from_db()
    assert (account.name_en, account.secret) == ("Card", SECRET)
    client.post(change(account), {**form, "secret": "another"})
    account.refresh_from_db()
    assert account.secret == "another"


def test_a_new_account_needs_a_key(client, staff, form):
    page = client.post(reverse(ADD), {**form, "secret": ""})
    assert page.context["adminform"].form.errors.keys() == {"secret"}


def test_receipts_need_an_address(client, account, form):
    page = client.post(change(account), {**form, "sends_receipts": "on"})
    assert page.context["adminform"].form.errors.keys() == {"receipt_email"}


def test_a_check_proves_the_keys_and_opens_the_way(client, account, form, yookassa):
    client.post(change(account), {**form, "secret": yookassa.secret_key})
    assert "success: The keys work" in do(client, account, "check")
    do(client, account, "open", confirm="1")
    assert offered_accounts(clock.now()) == [account]
    do(client, account, "close", confirm="1")
    assert offered_accounts(clock.now()) == []


def test_a_check_with_wrong_keys_says_so_on_the_page_and_the_home_page(client, account, yookassa):
    assert "error: The provider does not accept the keys" in do(client, account, "check")
    assert "Keys refused" in client.get(change(account)).content.decode()
    ProviderAccount.objects.update(is_open=True)
    keys = {concern.key for concern in client.get("/admin/").context["troubles"]}
    assert keys == {"providers"}


def test_a_check_of_a_provider_that_is_away_is_said(client, account, yookassa):
    yookassa.outage(True)
    assert "no answer that proves anything" in do(client, account, "check")


def test_opening_asks_before_it_is_done(client, account):
    ProviderAccount.objects.update(checked_at=clock.now())
    do(client, account, "open")
    assert not account.is_open


def test_the_address_for_the_providers_cabinet_is_on_the_page(client, account):
    assert "http://localhost:8000/webhooks/yookassa" in client.get(change(account)).content.decode()


def test_a_hidden_account_says_until_when(client, account):
    ProviderAccount.objects.update(
        checked_at=clock.now(), hidden_until=clock.now() + timedelta(minutes=5), is_open=True
    )
    assert "Hidden: too many lost answers" in client.get(change(account)).content.decode()


def test_an_account_with_payments_stays_the_shop_it_is(client, staff, form):
    account = shop_account()
    payment_of(None, account, booked_as="suspense")
    client.post(change(account), {**form, "remote_account": "another", "secret": ""})
    account.refresh_from_db()
    assert (account.remote_account != "another", account.name_ru) == (True, form["name_ru"])


def test_looking_is_not_changing(client, helper, yookassa):
    account = shop_account()
    allow(helper, "view_provideraccount")
    assert client.get(change(account)).status_code == 200
    for name in ("check", "open", "close"):
        address = reverse("admin:billing_provideraccount_act", args=[account.pk, name])
        assert client.post(address, {"confirm": "1"}).status_code == 403
    assert yookassa.calls() == []
