"""Form controls of custom fields, for pages behind login and for sign-up forms."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from zoneinfo import available_timezones

from campaigns import formatting
from campaigns.audience.fields.definitions import Definition

PREFIX = "field_"
Texts = Callable[[str], Sequence[str]]
"""Returns the texts of an input by its name, as forms do."""


@dataclass(frozen=True, slots=True)
class FieldControl:
    """A form control of a field. `chosen`: its text, or the chosen options."""

    field: Definition
    name: str
    chosen: Sequence[str]
    options: Sequence[tuple[str, str]]
    """(value, label) each, for the controls with options."""


def control(one: Definition, chosen: Sequence[str], locale: str) -> FieldControl:
    """Return the control of a field, with its options in this language."""
    return FieldControl(one, f"{PREFIX}{one.key}", chosen, _options(one, locale))


def typed_in(fields: Iterable[Definition], texts: Texts) -> Mapping[str, Sequence[str]]:
    """Return the texts typed for each field, by key."""
    return {one.key: texts(f"{PREFIX}{one.key}") for one in fields}


def _options(one: Definition, locale: str) -> list[tuple[str, str]]:
    match one.type:
        case "choice" | "choices":
            return [(str(option["key"]), str(option["label"])) for option in one.options]
        case "country":
            return list(formatting.countries(locale).items())
        case "language":
            return list(formatting.languages(locale).items())
        case "time_zone":
            return [(name, name.replace("_", " ")) for name in sorted(available_timezones())]
        case "boolean":
            return [(word, one.kind.show(word == "yes", one, locale)) for word in ("yes", "no")]
    return []
