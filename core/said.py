"""Sentences that rows keep: in English, with values apart, so that each reads them in their language."""

from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext


@dataclass(frozen=True)
class Sentence:
    """A text with its values, which JSON can hold. In a string it stands in the language that is active."""

    text: str
    values: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return gettext(self.text) % self.values


def said(text: str, **values: Any) -> Sentence:
    """Return a sentence; its text is marked for translation by this call."""
    return Sentence(text, values)
