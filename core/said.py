"""Sentences that rows keep: in English, with values apart, so that each reads them in their language."""

import json
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from django.db import models
from django.utils.translation import gettext


@dataclass(frozen=True)
class Sentence:
    """A text with its values, which JSON can hold, or sentences again.

    In a string it stands in the language that is active.
    """

    text: str
    values: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return gettext(self.text) % self.values if self.values else gettext(self.text)

    @classmethod
    def read(cls, kept: Any) -> Any:
        """Return the sentence that `asdict` made a dict of, and anything else as it is."""
        if not isinstance(kept, dict) or kept.keys() != {"text", "values"}:
            return kept
        return cls(kept["text"], {name: cls.read(value) for name, value in kept["values"].items()})


def said(text: str, **values: Any) -> Sentence:
    """Return a sentence; its text is marked for translation by this call."""
    return Sentence(text, values)


if TYPE_CHECKING:
    SaidColumn = models.TextField[Sentence | str, Sentence | str]
else:
    SaidColumn = models.TextField


class SaidField(SaidColumn):
    """A sentence in a column of text; empty is "". One without values is kept as it is."""

    def get_prep_value(self, value: Any) -> Any:
        if not isinstance(value, Sentence):
            return value
        return json.dumps(asdict(value), ensure_ascii=False) if value.values else value.text

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Any:
        if not value:
            return value
        return Sentence.read(json.loads(value)) if value.startswith(_KEPT) else Sentence(value)

    def value_to_string(self, obj: models.Model) -> str:
        return str(self.get_prep_value(self.value_from_object(obj)))

    def deconstruct(self) -> Any:
        name, _path, args, kwargs = super().deconstruct()
        return name, "django.db.models.TextField", args, kwargs


_KEPT = '{"text": '
