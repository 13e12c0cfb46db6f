"""The inputs of custom fields in forms: read from a request, and what their controls contain."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import available_timezones

from flask_babel import get_locale
from werkzeug.datastructures import MultiDict

from campaigns import formatting
from campaigns.audience import subscribers
from campaigns.audience.fields import definitions, values
from campaigns.audience.fields.definitions import Definition
from campaigns.audience.fields.values import TypedValues
from campaigns.audience.models import Subscriber

PREFIX = "field_"


@dataclass(frozen=True, slots=True)
class FieldControl:
    """A form control of a field. `chosen`: its text, or the chosen options."""

    field: Definition
    name: str
    chosen: Sequence[str]
    options: Sequence[tuple[str, str]]
    """(value, label) each, for the controls with options."""


@dataclass(frozen=True, slots=True)
class ShownValue:
    """A value of a person as the page shows it: with its label, or the name of its attribute."""

    label: str
    text: str
    is_field: bool = False
    is_link: bool = False


def read(
    form: MultiDict[str, str],
    fields: Sequence[Definition] | None = None,
    *,
    is_signup: bool = False,
) -> TypedValues:
    """Read the inputs of these fields (None: all) from a form."""
    fields = definitions.all_definitions() if fields is None else fields
    typed = {one.key: form.getlist(f"{PREFIX}{one.key}") for one in fields}
    return values.read(fields, typed, is_signup=is_signup)


def controls_of(person: Subscriber | None) -> list[FieldControl]:
    """Return the control of every field, with the values of this person."""
    known: Mapping[str, Any] = person.attributes if person else {}
    return [
        _control(one, values.typed(one, known.get(one.key)))
        for one in definitions.all_definitions()
    ]


def controls_typed(
    form: MultiDict[str, str], fields: Sequence[Definition] | None = None
) -> list[FieldControl]:
    """Return the control of each of these fields (None: all), as typed."""
    fields = definitions.all_definitions() if fields is None else fields
    return [_control(one, form.getlist(f"{PREFIX}{one.key}")) for one in fields]


def other_attributes(person: Subscriber) -> list[tuple[str, str]]:
    """Return the attributes of a person that have no field, as text."""
    found = values.without_fields(person.attributes, definitions.all_definitions())
    return [(name, str(value)) for name, value in found.items()]


def known_attributes() -> list[str]:
    """Return the names of known attributes that have no field."""
    keys = {one.key for one in definitions.all_fields()}
    return [name for name in subscribers.known_attributes() if name not in keys]


def shown_values(person: Subscriber) -> list[ShownValue]:
    """Return every value of a person: fields in their order, then other attributes by name."""
    fields = definitions.all_definitions()
    shown = [
        ShownValue(
            one.label,
            values.shown(one, person.attributes.get(one.key), _locale()),
            is_field=True,
            is_link=one.type == "url",
        )
        for one in fields
    ]
    others = values.without_fields(person.attributes, fields)
    return shown + [ShownValue(name, _text(value)) for name, value in sorted(others.items())]


def shown_text(one: Definition, value: Any) -> str:
    """Return a stored value in the language of this request."""
    return values.shown(one, value, _locale())


def _text(value: Any) -> str:
    return "" if value is None else str(value)


def _control(one: Definition, chosen: Sequence[str]) -> FieldControl:
    return FieldControl(one, f"{PREFIX}{one.key}", chosen, _options(one))


def _options(one: Definition) -> list[tuple[str, str]]:
    match one.type:
        case "choice" | "choices":
            return [(str(option["key"]), str(option["label"])) for option in one.options]
        case "country":
            return list(formatting.countries(_locale()).items())
        case "language":
            return list(formatting.languages(_locale()).items())
        case "time_zone":
            return [(name, name.replace("_", " ")) for name in sorted(available_timezones())]
        case "boolean":
            return [(word, one.kind.show(word == "yes", one, _locale())) for word in ("yes", "no")]
    return []


def _locale() -> str:
    return str(get_locale() or formatting.DEFAULT_LOCALE)
