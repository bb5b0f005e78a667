"""Money: a Decimal with as many places as its currency has."""

from decimal import Decimal

from django.utils import formats

PLACES = {"RUB": 2, "USD": 2, "EUR": 2, "XTR": 0, "USDT": 2, "TON": 9} | dict.fromkeys(
    # What else a provider may report, though no price here has it.
    ("BYN", "KZT", "UZS", "AMD", "AZN", "MDL", "UAH", "TRY", "CNY", "INR"),
    2,
)
SIGNS = {"RUB": "₽", "USD": "$", "EUR": "€", "XTR": "⭐", "USDT": "USDT", "TON": "TON"}


def exact(amount: Decimal, currency: str) -> Decimal:
    """Return `amount` with the places of `currency`.

    Raises ValueError if that would change the amount or if the currency is unknown.
    """
    if currency not in PLACES:
        raise ValueError(f"unknown currency {currency!r}")
    rounded = amount.quantize(Decimal(1).scaleb(-PLACES[currency]))
    if rounded != amount:
        raise ValueError(f"{amount} has more places than {currency} knows")
    return rounded


def shown(amount: Decimal, currency: str) -> str:
    """Return the amount as people write it in the active language: `299 ₽`, `4.50 $`.

    A currency that providers report and we do not trade in is shown by its code.
    """
    places = 0 if amount == amount.to_integral_value() else PLACES.get(currency, 2)
    number = formats.number_format(amount, decimal_pos=places, use_l10n=True, force_grouping=True)
    return f"{number}\u00a0{SIGNS.get(currency, currency)}"
