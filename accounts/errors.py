"""What can be wrong with a customer."""

from core.errors import ShopError


class CustomerBanned(ShopError):
    """The customer is banned; staff can lift the ban."""


class NoSuchCustomer(ShopError):
    """There is no such customer."""


class TelegramIdTaken(ShopError):
    """Another customer has this Telegram id."""


class DocumentIncomplete(ShopError):
    """A document lacks its title or its text in one of the languages."""


class DocumentOutdated(ShopError):
    """The document is not the version in force, so nobody can agree to it any more."""
