"""What start-up finds wrong with money."""

import pytest
from django.core.checks import run_checks

from billing import providers
from tests.factories import make_provider_account


def found(**options: object) -> list[str]:
    return [message.id for message in run_checks(**options) if str(message.id).startswith("billing.")]


@pytest.fixture
def production(settings):
    settings.IS_PRODUCTION = True
    settings.YOOKASSA_API_URL = "https://api.yookassa.ru/v3"


def test_shop_as_it_is_delivered_has_nothing_wrong(production):
    assert found() == []


@pytest.mark.parametrize(
    ("address", "wrong"), [("http://x.example/v3", True), ("https://x.example/v3", False)]
)
def test_keys_are_not_sent_in_the_open(production, settings, address, wrong):
    settings.YOOKASSA_API_URL = address
    assert found() == (["billing.E001"] if wrong else [])


def test_stand_in_on_this_computer_needs_no_encryption(settings):
    settings.YOOKASSA_API_URL = "http://127.0.0.1:9/v3"
    assert found() == []


@pytest.mark.parametrize("entries", ["KINDS", "REASONS"])
def test_kind_that_staff_can_choose_needs_a_provider(monkeypatch, entries):
    monkeypatch.setattr(providers, entries, {})
    assert found() == ["billing.E002"]


@pytest.mark.django_db
def test_open_test_shop_in_production_is_said(production):
    make_provider_account(is_open=False)
    make_provider_account(remote_account="2", is_test=False)
    assert found(databases=["default"]) == []
    make_provider_account(remote_account="3")
    assert found(databases=["default"]) == ["billing.W001"]


@pytest.mark.django_db
def test_demo_may_sell_with_test_cards():
    make_provider_account()
    assert found(databases=["default"]) == []
