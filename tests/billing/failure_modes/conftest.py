"""A selling shop with its bot, for failures that a customer meets."""

from tests.stories.conftest import till, worker

__all__ = ["till", "worker"]
