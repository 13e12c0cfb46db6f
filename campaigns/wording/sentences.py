"""The sentence of each code.

A topic's sentences stand in a module of this package: a table `SENTENCES` from the code to a
message, which is text with named parameters or a `Plural`. To add a topic, name its module in
`_TABLES`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from types import MappingProxyType

from campaigns import formatting
from campaigns.wording import legacy
from campaigns.wording.catalog import DEFAULT_LOCALE, catalog
from campaigns.wording.messages import Message, Plural

_TABLES: tuple[Mapping[str, Message], ...] = (legacy.SENTENCES,)


def _merged() -> Mapping[str, Message]:
    merged: dict[str, Message] = {}
    for table in _TABLES:
        if twice := merged.keys() & table.keys():
            raise ValueError(f"two sentences for {', '.join(sorted(twice))}")
        merged.update(table)
    return MappingProxyType(merged)


SENTENCES = _merged()
"""Each code that has a sentence. Codes are unique across topics."""


@dataclass(frozen=True, slots=True)
class Words:
    """What a reader of one language, in one time zone, is told."""

    locale: str = DEFAULT_LOCALE
    zone: tzinfo = UTC

    def sentence(self, code: str, params: Mapping[str, object] | None = None) -> str:
        """Return the sentence of a code. Raises KeyError for a code or parameter without one."""
        message, params = SENTENCES[code], params or {}
        translations = catalog(self.locale)
        if isinstance(message, Plural):
            count = params[message.by]
            text = translations.ngettext(message.one, message.many, int(str(count)))
        else:
            text = translations.gettext(message)
        return text % {name: self._shown(name, value) for name, value in params.items()}

    def _shown(self, name: str, value: object) -> str:
        if name.endswith("_at") and isinstance(value, str):
            moment = datetime.fromisoformat(value).astimezone(self.zone)
            return formatting.date_time(moment, self.locale)
        if isinstance(value, int | float) and not isinstance(value, bool):
            if name.endswith("_seconds"):
                return formatting.duration(value, self.locale)
            return formatting.number(value, self.locale)
        return "" if value is None else str(value)
