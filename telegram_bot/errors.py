"""What can be wrong in the bot. Texts are for operators."""

from core.errors import ShopError


class BadUpdate(ShopError):
    """What was posted is not an update."""


class TokenIsWrong(ShopError):
    """Telegram does not know TELEGRAM_BOT_TOKEN."""
