"""What the API refuses, and that it makes nothing then."""

import pytest
import requests

from tests.sandbox.yookassa.shop import ApiClient, order, receipt, refused, rub


def redirected(**confirmation):
    return order(confirmation={"type": "redirect", **confirmation})


WRONG = [
    ("amount", order(amount=None)),
    ("amount", order(amount="199.00")),
    ("amount.value", order("0.00")),
    ("amount.value", order("0.99")),
    ("amount.value", order("700000.01")),
    ("amount.value", order("199")),
    ("amount.value", order("199,00")),
    ("amount.value", order("-1.00")),
    ("amount.value", order(amount={"value": 199.0, "currency": "RUB"})),
    ("amount.currency", order(amount={"value": "199.00", "currency": "USD"})),
    ("amount.value", order("350000.01", payment_method_data={"type": "bank_card"})),
    ("capture", order(capture="yes")),
    ("confirmation", order(confirmation=None)),
    ("confirmation.type", order(confirmation={"type": "telepathy"})),
    ("confirmation.return_url", redirected()),
    ("confirmation.return_url", redirected(return_url="https://" + "a" * 2041)),
    ("confirmation.locale", redirected(return_url="https://a", locale="de_DE")),
    ("description", order(description="a" * 129)),
    ("metadata", order(metadata={str(number): "" for number in range(17)})),
    ("metadata", order(metadata={"k" * 33: ""})),
    ("metadata.k", order(metadata={"k": "v" * 513})),
    ("metadata.k", order(metadata={"k": 1})),
    ("merchant_customer_id", order(merchant_customer_id="a" * 201)),
    ("payment_method_data.type", order(payment_method_data={"type": "sberpay"})),
    ("payment_method_data.type", order(payment_method_data={"type": "sbp"}, capture=False)),
    ("payment_method_id", order(payment_method_data={"type": "sbp"}, payment_method_id="x")),
    ("payment_method_id", order(confirmation=None, payment_method_id="x" * 36)),
    ("save_payment_method", order(save_payment_method="yes")),
]  # fmt: skip


@pytest.mark.parametrize(("parameter", "body"), WRONG)
def test_a_wrong_field_is_named_and_nothing_is_made(shop, parameter, body):
    assert refused(shop.post("/payments", body)) == ("invalid_request", parameter)
    assert shop.world.payments() == []


RIGHT = [
    order("1.00"),
    order("700000.00", payment_method_data={"type": "sbp"}),
    order(description="a" * 128, metadata={"k" * 32: "v" * 512}),
    order(metadata={str(number): "" for number in range(16)}, merchant_customer_id="a" * 200),
    redirected(return_url="https://" + "a" * 2040),
    order(transfers=[], statements=[], something_new={"a": 1}),
]


@pytest.mark.parametrize("body", RIGHT)
def test_what_just_fits_is_taken(shop, body):
    assert shop.shown(shop.post("/payments", body))["status"] == "pending"


@pytest.mark.parametrize("raw", [b"{", b"[]", b'"text"', b"\xff"])
def test_a_body_that_is_no_object_is_refused(shop, raw):
    headers = {"Content-Type": "application/json", "Idempotence-Key": "k"}
    answer = shop.http.post(f"{shop.world.api_url}/payments", data=raw, headers=headers, timeout=5)
    assert refused(answer) == ("invalid_request", None)


BAD_KEYS = [("100500", "wrong"), ("100501", "test_sandbox_secret"), ("100500", "")]


@pytest.mark.parametrize("auth", [*BAD_KEYS, None])
def test_nobody_gets_in_without_the_shops_key(shop, auth):
    stranger = requests.Session()
    stranger.auth = auth
    for method, path in (("GET", "/me"), ("POST", "/payments"), ("GET", "/payments")):
        answer = stranger.request(method, shop.world.api_url + path, timeout=5)
        assert refused(answer, 401) == ("invalid_credentials", None)


@pytest.mark.parametrize("header", ["Basic", "Basic !!", "Bearer abc", "Basic /w==", "Basic Og=="])
def test_a_broken_authorization_is_refused(shop, header):
    answer = requests.get(f"{shop.world.api_url}/me", headers={"Authorization": header}, timeout=5)
    assert refused(answer, 401) == ("invalid_credentials", None)


def test_a_changed_key_locks_the_old_one_out(shop):
    shop.world.put_shop(secret_key="test_new")
    assert refused(shop.get("/me"), 401)
    assert shop.shown(ApiClient(shop.world, secret="test_new").get("/me"))


def test_what_is_not_there_is_not_found(shop):
    for path in ("/payments/x", "/refunds/x", "/receipts/x", "/payment_methods/x", "/nonsense"):
        assert refused(shop.get(path), 404) == ("not_found", None)
    assert refused(shop.post("/payments/x/capture"), 404) == ("not_found", None)


def test_wrong_methods_and_types_are_refused_without_a_body(shop):
    address, key = shop.world.api_url, {"Idempotence-Key": "k"}
    assert shop.http.delete(f"{address}/payments", timeout=5).status_code == 405
    form = shop.http.post(f"{address}/payments", data={"amount": "1"}, headers=key, timeout=5)
    assert (form.status_code, form.text) == (415, "")


def test_a_shop_cannot_set_webhooks_by_api(shop):
    assert refused(shop.post("/webhooks", {"event": "payment.succeeded", "url": "https://a"}), 403)


def wrong_receipts():
    for name, value in (("description", ""), ("description", "a" * 129), ("vat_code", 13), ("quantity", 0)):
        made = receipt()
        made["items"][0][name] = value
        yield made
    yield receipt("198.99")
    yield {**receipt(), "items": []}
    yield {**receipt(), "items": receipt("1.00")["items"] * 101}
    yield {**receipt(), "customer": {"full_name": "Ivan"}}
    yield {**receipt(), "tax_system_code": 7}


@pytest.mark.parametrize("made", list(wrong_receipts()))
def test_a_wrong_receipt_is_refused(shop, made):
    code, parameter = refused(shop.post("/payments", order(receipt=made)))
    assert code == "invalid_request" and parameter.startswith("receipt.")


def test_a_shop_with_fiscalisation_must_send_receipts(shop):
    shop.world.put_shop(fiscalization=True)
    assert refused(shop.post("/payments", order())) == ("invalid_request", "receipt")
    paid = shop.paid(receipt=receipt())
    assert refused(shop.give_back(paid["id"], "199.00")) == ("invalid_request", "receipt")
    assert shop.shown(shop.give_back(paid["id"], "199.00", receipt=receipt()))["status"] == "succeeded"


def test_a_spread_discount_adds_up(shop):
    made = receipt("66.33")
    made["items"][0]["quantity"] = "2.0"
    made["items"].append({**receipt("66.34")["items"][0]})
    assert shop.shown(shop.post("/payments", order("199.00", receipt=made)))["amount"] == rub("199.00")
