"""Why a message did not reach its recipient. The texts are for staff."""

from core.errors import OutcomeUnknown, OutsideError, ServiceUnreachable


class RecipientUnreachable(OutsideError):
    """The recipient blocked the bot, deleted the account, or never started the bot."""

    permanent = True

    def __init__(self, message: str, *, is_gone: bool = False) -> None:
        super().__init__(message)
        self.is_gone = is_gone


class TooFast(OutsideError):
    """The channel asks to wait `seconds` before anything else is sent."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"asked to wait {seconds:g} s")
        self.seconds = seconds


class MessageRefused(OutsideError):
    """The channel refuses this message: a fault of ours, repeating it cannot help."""

    permanent = True


class TokenRefused(OutsideError):
    """The channel refuses our credentials."""

    permanent = True


class ChannelUnreachable(ServiceUnreachable):
    """No connection came about: nothing was delivered, and a repeat cannot tell anybody twice."""


class SendOutcomeUnknown(OutcomeUnknown):
    """No answer came: the message may have been delivered."""
