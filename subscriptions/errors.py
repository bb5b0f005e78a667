"""What can be wrong with what a customer asks to hold."""

from typing import TYPE_CHECKING

from core.errors import InvalidTransition, ShopError

if TYPE_CHECKING:
    from subscriptions.models import Subscription


class NoSuchSubscription(ShopError):
    """There is no such subscription."""


class NoSuchGrant(ShopError):
    """Nothing was given under this source."""


class NoSuchTakeBack(ShopError):
    """Nothing was taken back for this reason."""


class TooFarAhead(ShopError):
    """The end would be further away than any plan is long: a slip, or somebody hoarding."""


class SourceTaken(ShopError):
    """The source already stands behind other time: of another subscription, or another amount."""


class TooSoon(InvalidTransition):
    """The same was done a short while ago."""


class OutageSettled(InvalidTransition):
    """What was asked for an outage was done before, or there is nothing to do it with."""


class NoSuchDevice(ShopError):
    """There is no such device, or it is somebody else's."""


class TooManyRemovals(InvalidTransition):
    """The customer has removed as many devices today as they may."""


class TwoTelegramIds(ShopError):
    """An account that came with a panel names two people."""

    def __init__(self, ids: list[int]) -> None:
        super().__init__(f"two Telegram ids: {ids}")
        self.ids = ids


class AdoptionUnfit(ShopError):
    """An adoption, or one account of it, cannot be done as asked: the message says why."""

    permanent = True


class NotAdopted(ShopError):
    """A customer cannot be linked to that Telegram id: the message says why."""


class NoTrial(InvalidTransition):
    """There is no trial for this customer: none is offered, or they hold a subscription already."""


class TrialTaken(InvalidTransition):
    """The customer had their trial; `subscription` is what came of it, None where it is not known."""

    def __init__(self, subscription: "Subscription | None") -> None:
        super().__init__("the trial was taken already")
        self.subscription = subscription
