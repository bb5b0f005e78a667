"""The provider's official package works against the stand-in: it speaks the real dialect."""

import pytest
from yookassa import Configuration, Payment, PaymentMethod, Receipt, Refund, Settings
from yookassa.domain.exceptions import (
    BadRequestError,
    ForbiddenError,
    GoneError,
    InternalServerError,
    NotFoundError,
    ResponseProcessingError,
    TooManyRequestsError,
    UnauthorizedError,
)
from yookassa.domain.notification import WebhookNotificationFactory

from tests.sandbox.yookassa.shop import order, receipt, rub


@pytest.fixture(autouse=True)
def sdk(yookassa):
    Configuration.configure(yookassa.shop_id, yookassa.secret_key, api_url=yookassa.api_url)


def test_a_payment_is_made_read_and_listed(yookassa):
    made = Payment.create(order(description="VPN 30 days", metadata={"attempt": "a1"}), "key-1")
    assert (made.status, made.amount.value, made.test) == ("pending", 199, True)
    yookassa.pay(made.id, method="sbp")
    read = Payment.find_one(made.id)
    assert (read.status, read.paid, read.payment_method.type) == ("succeeded", True, "sbp")
    assert read.metadata["attempt"] == "a1" and read.income_amount.value < read.amount.value
    assert [each.id for each in Payment.list({"limit": 5, "status": "succeeded"}).items] == [made.id]


@pytest.mark.parametrize("method", ["bank_card", "sbp", "sberbank", "tinkoff_bank", "yoo_money"])
def test_every_method_is_chosen_and_read(yookassa, method):
    made = Payment.create(order(payment_method_data={"type": method}))
    assert made.payment_method.type == method
    yookassa.pay(made.id)
    assert Payment.find_one(made.id).payment_method.title


def test_held_money_is_captured_or_canceled(yookassa):
    first, second = (Payment.create(order(capture=False)).id for _ in range(2))
    for payment in (first, second):
        yookassa.pay(payment)
    captured = Payment.capture(first, {"amount": rub("100.00")}, "key-c")
    assert (captured.status, captured.amount.value) == ("succeeded", 100)
    canceled = Payment.cancel(second, "key-x")
    assert canceled.cancellation_details.reason == "canceled_by_merchant"


def test_money_goes_back_and_refunds_are_listed(yookassa):
    payment = Payment.create(order())
    yookassa.pay(payment.id)
    made = Refund.create({"payment_id": payment.id, "amount": rub("100.00")}, "key-r")
    assert (made.status, Refund.find_one(made.id).amount.value) == ("succeeded", 100)
    assert [each.id for each in Refund.list({"payment_id": payment.id}).items] == [made.id]


def test_a_failed_refund_says_why(yookassa):
    payment = Payment.create(order())
    yookassa.pay(payment.id)
    yookassa.set(refund="canceled")
    made = Refund.create({"payment_id": payment.id, "amount": rub("1.00")})
    assert (made.status, made.cancellation_details.reason) == ("canceled", "insufficient_funds")


def test_receipts_are_made_read_and_listed(yookassa):
    payment = Payment.create(order(receipt=receipt()))
    yookassa.pay(payment.id)
    settlements = [{"type": "prepayment", "amount": rub("199.00")}]
    wish = {
        **receipt(),
        "type": "payment",
        "payment_id": payment.id,
        "send": True,
        "settlements": settlements,
    }
    made = Receipt.create(wish, "key-f")
    assert (made.status, made.payment_id) == ("pending", payment.id)
    yookassa.advance(5)
    assert Receipt.find_one(made.id).status == "succeeded"
    assert len(Receipt.list({"payment_id": payment.id}).items) == 2


def test_a_saved_method_is_charged_and_shown(yookassa):
    first = Payment.create(order(save_payment_method=True))
    yookassa.pay(first.id)
    method = Payment.find_one(first.id).payment_method
    assert (method.saved, PaymentMethod.find_one(method.id).status) == (True, "active")
    charge = {"amount": rub("199.00"), "capture": True, "payment_method_id": method.id}
    assert Payment.create(charge).status == "succeeded"


def test_the_shops_settings_are_read(yookassa):
    me = Settings.get_account_settings()
    assert (me.account_id, me.test, me.fiscalization.enabled) == ("100500", True, False)


def test_notifications_are_read(yookassa, told):
    made = Payment.create(order(save_payment_method=True))
    yookassa.pay(made.id)
    Refund.create({"payment_id": made.id, "amount": rub("1.00")})
    read = [WebhookNotificationFactory().create(body) for body in told.wait(2)]
    assert {each.event for each in read} == {"payment.succeeded", "refund.succeeded"}


STATUSES = {
    202: ResponseProcessingError,
    400: BadRequestError,
    401: UnauthorizedError,
    403: ForbiddenError,
    404: NotFoundError,
    410: GoneError,
    429: TooManyRequestsError,
    500: InternalServerError,
}


@pytest.mark.parametrize(("status", "error"), STATUSES.items())
def test_every_error_has_its_class(yookassa, status, error):
    yookassa.fail("GET /v3/me", "error", status=status, retry_after=1.8)
    with pytest.raises(error) as raised:
        Settings.get_account_settings()
    assert raised.value.content["retry_after"] == 1800


def test_real_refusals_have_their_classes(yookassa):
    with pytest.raises(BadRequestError) as refused:
        Payment.create(order("0.01"))
    assert refused.value.content["parameter"] == "amount.value"
    with pytest.raises(NotFoundError):
        Payment.find_one("2f7a1c9e-000f-5001-9000-1d2c3b4a5968")
    yookassa.put_shop(secret_key="test_changed")
    with pytest.raises(UnauthorizedError):
        Settings.get_account_settings()
