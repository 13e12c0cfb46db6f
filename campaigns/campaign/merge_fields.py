"""The custom fields as templates show them, in the language of a campaign."""

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Any

from campaigns.audience.fields.definitions import Definition, all_definitions
from campaigns.content.templating.merge_fields import MergeField

MAX_KNOWN = 10_000
"""Largest number of values whose text is cached, for each field."""


@dataclass(frozen=True)
class FieldText:
    """Writes values of a field. Caches them: a date takes longer to format than a message."""

    definition: Definition
    locale: str
    _known: dict[Hashable, str] = field(default_factory=dict, compare=False, repr=False)

    def __call__(self, value: Any) -> str:
        """Return a value as people read it."""
        key = tuple(value) if isinstance(value, list) else value
        text = self._known.get(key)
        if text is None:
            text = self.definition.kind.show(value, self.definition, self.locale)
            if len(self._known) < MAX_KNOWN:
                self._known[key] = text
        return text

    def in_language(self, locale: str) -> "FieldText":
        """Return the same in another language."""
        return FieldText(self.definition, locale)


def merge_fields(locale: str) -> tuple[MergeField, ...]:
    """Return every custom field, to be shown in this language."""
    return tuple(
        MergeField(
            one.key, one.fallback, FieldText(one, locale), is_language=one.type == "language"
        )
        for one in all_definitions()
    )
