"""What can be wrong in the bot. Texts are for operators."""

from core.errors import ShopError


class BadUpdate(ShopError):
    """What was posted is not an update."""


WRONG_TOKEN = "Telegram does not know TELEGRAM_BOT_TOKEN. Copy it again from @BotFather."


class DecidedBefore(ShopError):
    """What the update asks for is done already; nothing of a second time may stay."""


class TokenIsWrong(ShopError):
    """Telegram does not know TELEGRAM_BOT_TOKEN."""
