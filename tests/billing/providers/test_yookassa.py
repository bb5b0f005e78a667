"""What is YooKassa's own: bodies, receipts, notices, what is kept of an answer, and its reasons."""

import json
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.utils import translation
from hypothesis import given
from hypothesis import strategies as st
from yookassa.domain.models import cancellation_details

from billing.errors import AnswerOdd, ProviderRefused
from billing.providers.base import Hope, Said
from billing.providers.yookassa import reading
from billing.providers.yookassa.notices import read_notice
from billing.services.accounts import explain, explain_refund
from tests.billing.providers.conftest import Case, asked

FIXTURES = Path(__file__).parents[2] / "fixtures" / "yookassa"
KEY = "11111111-2222-4333-8444-555555555555"


def fixture(name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((FIXTURES / name).read_text())
    return content


def notice(name: str, **changes: Any) -> bytes:
    return json.dumps(fixture(name) | changes).encode()


def changed(name: str, **changes: Any) -> bytes:
    """A notice about an object that looks a little different."""
    content = fixture(name)
    return json.dumps(content | {"object": content["object"] | changes}).encode()


@pytest.fixture
def shop(yookassa_case: Case) -> Any:
    return yookassa_case


@pytest.fixture
def provider(shop: Case) -> Any:
    yield shop.connect()
    for made in shop.made:
        made.close()


class TestBodies:
    def test_body_says_all_that_yookassa_needs_and_nothing_of_the_package(self, provider, settings):
        assert json.loads(provider.compose(asked(KEY))) == {
            "amount": {"value": "299.00", "currency": "RUB"},
            "capture": True,
            "confirmation": {
                "type": "redirect",
                "return_url": "https://t.me/shop_bot?start=order_42",
                "locale": "ru_RU",
            },
            "description": "VPN, 30 дней",
            "metadata": {"order_id": "42", "payment_key": KEY, "shop": str(settings.INSTALLATION_ID)},
        }

    @pytest.mark.parametrize(
        ("amount", "written"), [("0.29", "0.29"), ("1E+2", "100.00"), ("9999999999.99", "9999999999.99")]
    )
    def test_amounts_are_written_to_the_kopeck(self, provider, amount, written):
        body = json.loads(provider.compose(asked(amount=Decimal(amount))))
        assert body["amount"] == {"value": written, "currency": "RUB"}

    @given(kopecks=st.integers(1, 10**12 - 1))
    def test_no_amount_is_changed_on_the_way_through_the_package(self, kopecks):
        from billing.providers.base import Credentials
        from billing.providers.yookassa.bodies import payment_body

        amount = Decimal(kopecks).scaleb(-2)
        body = json.loads(payment_body(asked(amount=amount), Credentials("1", "secret")))
        assert Decimal(body["amount"]["value"]) == amount

    @pytest.mark.parametrize(
        "wish",
        [{"amount": Decimal("0.00")}, {"amount": Decimal("-1.00")}, {"amount": Decimal("1.005")}]
        + [{"currency": "LOVE"}, {"return_url": ""}, {"return_url": "https://x.example/" + "x" * 2048}],
    )
    def test_what_yookassa_forbids_is_not_composed(self, provider, wish):
        with pytest.raises(ValueError):
            provider.compose(asked(**wish))

    def test_long_label_of_a_plan_loses_no_sale(self, shop, provider):
        assert shop.start(provider, description="ж" * 500).said == Said.PENDING
        assert shop.world.payments()[0]["description"] == "ж" * 128

    def test_other_languages_pay_in_english(self, provider):
        body = json.loads(provider.compose(asked(language="de")))
        assert body["confirmation"]["locale"] == "en_US"


class TestReceipts:
    @pytest.fixture(autouse=True)
    def fiscal_shop(self, shop):
        shop.world.put_shop(shop_id="100500", fiscalization=True)

    @pytest.fixture
    def receipts(self, shop):
        return shop.connect(sends_receipts=True, receipt_email="shop@example.org", vat_code=4)

    def test_f48_shop_with_a_register_takes_payments_only_with_receipts(self, shop, provider, receipts):
        assert provider.check().needs_receipts
        with pytest.raises(ProviderRefused, match="Receipt"):
            shop.start(provider)
        assert shop.start(receipts).said == Said.PENDING

    def test_f49_receipt_is_one_item_at_the_price_paid(self, receipts):
        receipt = json.loads(receipts.compose(asked(amount=Decimal("298.99"))))["receipt"]
        (item,) = receipt["items"]
        assert item["amount"] == {"value": "298.99", "currency": "RUB"} and float(item["quantity"]) == 1
        assert (item["payment_mode"], item["payment_subject"]) == ("full_payment", "service")
        assert (item["measure"], item["vat_code"], item["description"]) == ("piece", 4, "VPN, 30 дней")

    def test_receipt_goes_to_the_customer_before_the_shop(self, receipts):
        def address(**wish):
            return json.loads(receipts.compose(asked(**wish)))["receipt"]["customer"]["email"]

        assert address(receipt_email="anna@example.org") == "anna@example.org"
        assert address() == "shop@example.org"

    def test_f48_nobody_to_send_the_receipt_to_is_said_before_the_call(self, shop):
        with pytest.raises(ValueError, match="e-mail"):
            shop.connect(sends_receipts=True).compose(asked())
        assert shop.world.calls() == []

    def test_refund_has_a_receipt_of_its_own(self, shop, receipts):
        remote_id = shop.start(receipts).remote_id
        shop.world.pay(remote_id)
        body = receipts.compose_refund(
            key=KEY,
            remote_payment_id=remote_id,
            amount=Decimal("100.00"),
            currency="RUB",
            description="Refund for order 42",
            item="VPN, 30 days",
        )
        (item,) = json.loads(body)["receipt"]["items"]
        assert (item["description"], item["amount"]["value"]) == ("VPN, 30 days", "100.00")
        assert receipts.refund(KEY, body).said == Said.SUCCEEDED

    def test_f48_receipt_that_failed_leaves_the_payment_paid(self, shop, receipts):
        shop.world.set(receipt="canceled", receipt_after=0)
        remote_id = shop.start(receipts).remote_id
        shop.world.pay(remote_id)
        report = receipts.read(remote_id)
        assert (report.said, report.is_receipt_failed) == (Said.SUCCEEDED, True)


class TestAnswers:
    def test_reason_nobody_knows_yet_is_kept_as_it_is(self):
        content = fixture("payment.canceled.expired.json")["object"]
        content["cancellation_details"]["reason"] = "mercury_in_retrograde"
        assert reading.payment_report(content).reason == "mercury_in_retrograde"

    def test_method_nobody_knows_yet_is_kept_as_it_is(self):
        content = fixture("payment.succeeded.card.json")["object"]
        content["payment_method"] = {"type": "alfa_pay", "id": "1", "title": "Alfa Pay"}
        report = reading.payment_report(content)
        assert (report.method, report.method_title) == ("alfa_pay", "Alfa Pay")

    def test_answer_is_kept_without_card_wallet_and_address(self):
        content = fixture("payment.succeeded.card.json")["object"] | {
            "description": "Order 7 for anna@example.org",
            "metadata": {"email": "anna@example.org", "order_id": "7"},
            "merchant_customer_id": "+79001234567",
        }
        content["payment_method"]["card"]["number"] = "5555555555554444"
        content["payment_method"]["title"] = "YooMoney wallet 410011758831136"
        raw = reading.payment_report(content).raw
        written = json.dumps(raw)
        assert raw["payment_method"]["card"] == {
            "first6": "555555",
            "last4": "4444",
            "card_type": "MasterCard",
            "issuer_country": "RU",
        }
        assert raw["payment_method"]["title"] == "YooMoney wallet *1136"
        assert "anna" not in written and "7900" not in written and "5555554444" not in written
        assert "2030" not in written, "the card's expiry"

    def test_every_text_fits_the_column_and_every_database(self):
        content = fixture("payment.canceled.expired.json")["object"]
        odd = "\0\ud800ы" * 300
        content["cancellation_details"]["reason"] = content["payment_method"]["type"] = odd
        content["description"] = content["payment_method"]["title"] = odd
        report = reading.payment_report(content)
        assert (len(report.reason), len(report.method), len(report.method_title)) == (120, 40, 120)
        assert not re.search("[\0\ud800]", f"{report.raw}{report.reason}{report.method_title}")

    def test_payment_that_succeeded_unpaid_is_not_believed(self):
        content = fixture("payment.succeeded.card.json")["object"] | {"paid": False}
        with pytest.raises(AnswerOdd):
            reading.payment_report(content)

    @pytest.mark.parametrize(
        "value", ["199,00", "1e3", "NaN", "-5.00", "", "٣.00", " 1.00", "1.001", 199.0, None]
    )
    def test_amount_that_cannot_be_read_is_odd_and_never_a_guess(self, value):
        content = fixture("payment.succeeded.card.json")["object"]
        content["amount"]["value"] = value
        with pytest.raises(AnswerOdd):
            reading.payment_report(content)

    def test_fee_is_unknown_rather_than_wrong(self):
        for income in ({"value": "x", "currency": "RUB"}, {"value": "1.00", "currency": "USD"}, None):
            content = fixture("payment.succeeded.card.json")["object"] | {"income_amount": income}
            assert reading.payment_report(content).fee is None
        assert reading.payment_report(fixture("payment.succeeded.card.json")["object"]).fee == Decimal("6.96")

    @pytest.mark.parametrize("address", ["javascript:alert(1)", "tg://x", 7, None])
    def test_link_to_pay_is_a_page_or_nothing(self, address):
        content = fixture("payment.pending.json")
        content["confirmation"]["confirmation_url"] = address
        assert reading.payment_report(content).confirmation_url == ""

    @given(data=st.data())
    def test_f42_no_odd_value_anywhere_breaks_the_reader(self, data):
        content = fixture("payment.succeeded.card.json")["object"]
        path = data.draw(
            st.sampled_from([*content, "payment_method.card", "amount.value", "metadata.order_id"])
        )
        put(content, path, data.draw(JSON))
        try:
            report = reading.payment_report(content)
        except AnswerOdd:
            return
        json.dumps(report.raw, allow_nan=False)
        assert report.amount == Decimal("199.00") or path.startswith("amount")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


def put(content: dict[str, Any], path: str, value: Any) -> None:
    *inside, last = path.split(".")
    for name in inside:
        content = content[name]
    content[last] = value


class TestNotices:
    def test_payment_notice_says_what_to_read_back(self):
        hint = read_notice(notice("payment.succeeded.card.json"))
        remote_id = "2f7a1c9e-000f-5001-9000-1d2c3b4a5968"
        assert (hint.event, hint.object_id, hint.said) == ("payment.succeeded", remote_id, "succeeded")
        assert (hint.remote_payment_id, hint.is_refund, hint.remote_account) == (remote_id, False, "100500")
        assert hint.dedupe_key == f"payment.succeeded:{remote_id}:succeeded"

    def test_refund_notice_names_its_payment(self):
        hint = read_notice(notice("refund.succeeded.part.json"))
        assert hint.is_refund and hint.object_id == "2f7a2000-0015-5000-8000-1d2c3b4a5968"
        assert hint.remote_payment_id == "2f7a1c9e-000f-5001-9000-1d2c3b4a5968"

    def test_notice_of_our_payment_carries_our_key(self):
        hint = read_notice(changed("payment.succeeded.card.json", metadata={"payment_key": KEY}))
        assert hint.key == KEY
        assert read_notice(notice("payment.succeeded.card.json")).key == "", "somebody else's payment"

    @pytest.mark.parametrize(
        "event", ["payout.succeeded", "deal.closed", "payment_method.active", "invoice.x"]
    )
    def test_notice_about_something_else_is_nothing_to_us(self, event):
        assert read_notice(notice("payment.succeeded.card.json", event=event)) is None

    def test_new_event_about_a_payment_is_looked_at(self):
        hint = read_notice(notice("payment.succeeded.card.json", event="payment.disputed"))
        assert hint.event == "payment.disputed"

    def test_f42_card_that_the_package_refuses_loses_no_notice(self):
        content = fixture("payment.succeeded.card.json")["object"]
        content["payment_method"]["card"] |= {"issuer_country": "RUS", "last4": "44"}
        hint = read_notice(changed("payment.succeeded.card.json", payment_method=content["payment_method"]))
        assert hint.said == "succeeded"

    @pytest.mark.parametrize(
        "body",
        [b"", b"\xff", b"[]", b"{}", b"null", b"[" * 100_000, b'{"type":"notification"}', b'{"type":NaN}']
        + [notice("payment.succeeded.card.json", event=event) for event in (7, None, "payment", "x" * 99)]
        + [notice("payment.succeeded.card.json", type="letter", event="payment.succeeded")]
        + [notice("payment.succeeded.card.json", object=thing) for thing in (None, [], "x", {})]
        + [
            changed("payment.succeeded.card.json", id=name)
            for name in ("", "../me", "x" * 65, 7, "a/b", None)
        ]
        + [changed("refund.succeeded.part.json", payment_id=name) for name in ("", "a?b", {"id": 1})],
    )
    def test_garbage_is_called_so(self, body):
        with pytest.raises(ValueError):
            read_notice(body)

    @given(data=st.data())
    def test_f42_no_odd_value_anywhere_breaks_the_door(self, data):
        name = data.draw(st.sampled_from(["payment.succeeded.card.json", "refund.succeeded.part.json"]))
        content = fixture(name)
        path = data.draw(
            st.sampled_from(["type", "event", "object", *(f"object.{key}" for key in content["object"])])
        )
        put(content, path, data.draw(JSON))
        try:
            hint = read_notice(json.dumps(content).encode())
        except ValueError:
            return
        assert hint is None or (len(hint.dedupe_key) <= 200 and 0 < len(hint.object_id) <= 64)


def constants(of: type) -> list[str]:
    return [value for name, value in vars(of).items() if name.isupper() and value != "unknown"]


class TestReasons:
    @pytest.mark.parametrize("reason", constants(cancellation_details.CancellationDetailsReasonCode))
    def test_every_reason_the_package_knows_is_told_in_plain_words(self, reason):
        text, _ = explain("yookassa", reason)
        assert text.endswith(".") and reason not in text
        assert text != explain("yookassa", "mercury_in_retrograde").text

    @pytest.mark.parametrize("reason", constants(cancellation_details.RefundCancellationDetailsReasonCode))
    def test_every_reason_of_refunds_is_told_to_staff(self, reason):
        assert explain_refund("yookassa", reason) != explain_refund("yookassa", "mercury_in_retrograde")

    def test_reason_nobody_knows_still_says_what_to_do(self):
        text, hope = explain("yookassa", "mercury_in_retrograde")
        assert "another way" in text and hope == Hope.OTHER

    def test_same_word_means_another_thing_for_refunds(self):
        assert "Top up" in explain("yookassa", "insufficient_funds").text
        assert "balance" in explain_refund("yookassa", "insufficient_funds").text

    def test_payment_by_hand_has_words_too(self):
        assert explain("manual", "").hope == Hope.NONE

    @pytest.mark.parametrize(
        ("reason", "hope"),
        [
            ("expired_on_confirmation", Hope.ANEW),
            ("card_expired", Hope.OTHER),
            ("issuer_unavailable", Hope.RETRY),
        ],
    )
    def test_hope_follows_from_the_reason(self, reason, hope):
        with translation.override("ru"):
            assert explain("yookassa", reason).hope == hope
