"""What can be wrong with orders, payments, and the providers behind them."""

from core.errors import InvalidTransition, OutsideError, ShopError


class NotForSale(InvalidTransition):
    """The plan cannot be bought: closed, without a price, or a trial."""


class NoSuchOrder(ShopError):
    """There is no such order, or it is somebody else's."""


class NoSuchPayment(ShopError):
    """There is no such payment, or it is somebody else's."""


class NoProvider(InvalidTransition):
    """No payment provider is open to customers now, or not the one that was asked for."""


class AccountUnfit(InvalidTransition):
    """The account with the provider cannot be set up like that. The text is for staff."""


class ConsentMissing(InvalidTransition):
    """The offer or the consent in its present version was not accepted yet."""


class OrderSettled(InvalidTransition):
    """The order is paid, so there is nothing to pay or to close."""


class NotEnoughCredit(InvalidTransition):
    """The customer's credit does not cover the price."""


class RefundTooLarge(InvalidTransition):
    """More would go back than came in."""


class RefundNotWhole(InvalidTransition):
    """A part of what is paid but not given yet cannot go back: only all of it."""


class NoSuchRefund(ShopError):
    """There is no such refund."""


class NothingToRefund(InvalidTransition):
    """The payment is not booked, or all of it went back already."""


class ProviderError(OutsideError):
    """A provider did not do what was asked."""


class ProviderRefused(ProviderError):
    """The provider understood and refused: repeating the same request cannot help."""

    permanent = True


class ProviderNotFound(ProviderRefused):
    """The provider has no such object."""


class ProviderMisconfigured(ProviderError):
    """The provider does not accept our keys, or this shop may not do that. Staff must look."""

    permanent = True


class ProviderBusy(ProviderError):
    """The provider asks to slow down: the same request again, after `seconds`."""

    def __init__(self, message: str, *, seconds: float) -> None:
        super().__init__(message)
        self.seconds = seconds


class AnswerOdd(ProviderError):
    """The answer cannot be read: not what the provider's reference describes."""
