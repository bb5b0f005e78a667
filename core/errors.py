"""The error tree of the project. Texts are for staff and logs, never for customers."""

from core.said import Sentence


class ShopError(Exception):
    """Root of every error the project raises on purpose."""


class InvalidTransition(ShopError):
    """A verb was asked for in a state that does not allow it."""


class InstallationMismatch(ShopError):
    """The database belongs to another installation than INSTALLATION_ID says."""


class LeaseLost(ShopError):
    """Another process holds the lease now; what this one did last is not recorded."""


class OutsideError(ShopError):
    """An outside service did not do what was asked.

    `permanent` is the one bit a retry needs: True means that repeating the same call cannot help.
    `sentence` is what went wrong as rows keep it, so that each member of staff reads it in their language.
    """

    permanent = False

    def __init__(self, message: str | Sentence, *, permanent: bool | None = None) -> None:
        super().__init__(message)
        self.sentence = message if isinstance(message, Sentence) else Sentence(message)
        if permanent is not None:
            self.permanent = permanent


class OutcomeUnknown(OutsideError):
    """No answer came: the service may or may not have done it. Read back before repeating."""


class ServiceUnreachable(OutsideError):
    """The service was not reached: it certainly did nothing."""
