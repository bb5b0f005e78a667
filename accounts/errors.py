"""What can be wrong with a customer."""

from core.errors import ShopError


class CustomerBanned(ShopError):
    """The customer is banned; staff can lift the ban."""


class NoSuchCustomer(ShopError):
    """There is no such customer."""
