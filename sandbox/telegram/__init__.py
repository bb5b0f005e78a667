"""A stand-in for Telegram's Bot API, with pretend customers on the other side."""

from sandbox.telegram.standin import TelegramStandIn

__all__ = ["TelegramStandIn"]
