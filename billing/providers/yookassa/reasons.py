"""Why a payment or a refund did not come about, in plain words, with what to do next.

YooKassa's reasons: https://yookassa.ru/developers/payment-acceptance/after-the-payment/declined-payments
and, for refunds, https://yookassa.ru/developers/payment-acceptance/after-the-payment/refunds
A reason that is not listed says nothing about the customer's card, so another try is worth it.
"""

from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy as _

from billing.providers.base import Hope

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise as Text
else:
    Text = str

Table = dict[str, tuple[Hope, "str | Text"]]

BANK_REFUSED = _(
    "The bank refused the payment and did not say why. Try another card or way to pay, or ask the bank."
)
TECHNICAL = _("The bank did not answer in time. No money was taken. Try again in a few minutes.")
WINDOW_OVER = _("The link to pay has run out. No money was taken. Get a new link and pay again.")
NOT_COMPLETED = _("The payment was canceled. You can pay again.")
LOAN_DECLINED = _("The loan was not granted. Choose another way to pay.")

PAYMENTS: Table = {
    "3d_secure_failed": (
        Hope.ANEW,
        _("The bank's confirmation did not go through. Pay again and confirm with the bank's code."),
    ),
    "call_issuer": (
        Hope.OTHER,
        _("The bank does not let this payment through. Call the bank, or pay with another card."),
    ),
    "canceled_by_merchant": (Hope.ANEW, NOT_COMPLETED),
    "card_expired": (Hope.OTHER, _("The card has expired. Pay with another card.")),
    "country_forbidden": (
        Hope.OTHER,
        _("Cards of this country are not accepted. Pay with another card or another way."),
    ),
    "deal_expired": (Hope.ANEW, NOT_COMPLETED),
    "expired_on_capture": (
        Hope.ANEW,
        _("The payment was not completed in time, and the money went back to you. You can pay again."),
    ),
    "expired_on_confirmation": (Hope.ANEW, WINDOW_OVER),
    "fraud_suspected": (
        Hope.OTHER,
        _("The payment was stopped as suspicious. Pay with another card or another way."),
    ),
    "general_decline": (Hope.OTHER, BANK_REFUSED),
    "identification_required": (
        Hope.OTHER,
        _("The wallet's limit for owners without identification is exceeded. Pay another way."),
    ),
    "insufficient_funds": (
        Hope.RETRY,
        _("There is not enough money for this payment. Top up and try again, or pay with another card."),
    ),
    "internal_timeout": (Hope.RETRY, TECHNICAL),
    "invalid_card_number": (Hope.OTHER, _("The card number is wrong. Pay again and check it.")),
    "invalid_csc": (Hope.OTHER, _("The code from the back of the card is wrong. Pay again and check it.")),
    "issuer_unavailable": (
        Hope.RETRY,
        _("The bank cannot be reached right now. Try again later, or pay with another card."),
    ),
    "loan_application_expired": (Hope.ANEW, LOAN_DECLINED),
    "loan_declined": (Hope.OTHER, LOAN_DECLINED),
    "loan_declined_by_payer": (Hope.ANEW, NOT_COMPLETED),
    "payment_method_limit_exceeded": (
        Hope.RETRY,
        _("The limit of this card or wallet is reached. Try tomorrow, or pay another way."),
    ),
    "payment_method_restricted": (
        Hope.OTHER,
        _("This card or wallet is not allowed to pay online. Ask the bank, or pay another way."),
    ),
    "permission_revoked": (
        Hope.NONE,
        _("You have withdrawn the permission to charge this card automatically. Pay by hand to go on."),
    ),
    "rejected_by_timeout": (Hope.RETRY, TECHNICAL),
    "unsupported_mobile_operator": (
        Hope.OTHER,
        _("Payments from this mobile operator's numbers are not accepted. Pay another way."),
    ),
}
OTHER_PAYMENT = (Hope.OTHER, _("The payment did not go through. Try again, or pay another way."))

CERTIFICATE = _("Money paid with an electronic certificate cannot go back this way. Pay it out by hand.")

# Read by staff: customers are told that the money is on its way, or that staff take care of it.
REFUNDS: Table = {
    "general_decline": (
        Hope.ANEW,
        _("The refund was refused without a reason, twice. Ask YooKassa's support, or pay it out by hand."),
    ),
    "insufficient_funds": (
        Hope.RETRY,
        _("The shop's balance at YooKassa is too small for this refund. It is tried again later."),
    ),
    "payment_article_number_not_found": (Hope.NONE, CERTIFICATE),
    "payment_basket_id_not_found": (Hope.NONE, CERTIFICATE),
    "payment_tru_code_not_found": (Hope.NONE, CERTIFICATE),
    "rejected_by_payee": (
        Hope.NONE,
        _("The receiver's bank does not take the money. Agree with the customer, and pay it out by hand."),
    ),
    "rejected_by_timeout": (
        Hope.RETRY,
        _("The refund was not finished in time. It is tried again."),
    ),
    "some_articles_already_refunded": (Hope.NONE, CERTIFICATE),
    "too_many_refunding_articles": (Hope.NONE, CERTIFICATE),
    "yoo_money_account_closed": (
        Hope.NONE,
        _("The customer's YooMoney wallet is closed. Agree with the customer, and pay it out by hand."),
    ),
}
OTHER_REFUND = (Hope.NONE, _("The refund did not come about. Ask YooKassa's support, or pay it out by hand."))
