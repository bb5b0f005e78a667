"""How often a refund is tried for each reason a provider gives for not paying it."""

MOST = 6
ONCE_MORE = 2

# https://yookassa.ru/developers/payment-acceptance/after-the-payment/refunds: takings of the day that do not
# suffice and time-outs pass; all other reasons lie with the payee, and repeating cannot help.
YOOKASSA = {
    "insufficient_funds": MOST,
    "rejected_by_timeout": MOST,
    "internal_timeout": MOST,
    "general_decline": ONCE_MORE,
    "rejected_by_payee": 1,
    "yoo_money_account_closed": 1,
    "payment_basket_id_not_found": 1,
    "payment_article_number_not_found": 1,
    "payment_tru_code_not_found": 1,
    "too_many_refunding_articles": 1,
    "some_articles_already_refunded": 1,
}
KINDS = {"yookassa": YOOKASSA}


def most_tries(kind: str, reason: str) -> int:
    """Return how many tries in all this reason allows. One we do not know allows a second."""
    return KINDS.get(kind, {}).get(reason, ONCE_MORE)
