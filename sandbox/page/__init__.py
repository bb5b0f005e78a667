"""The browser page: pretend customers in a chat, beside what the panels see."""

from sandbox.page.app import page_app

__all__ = ["page_app"]
