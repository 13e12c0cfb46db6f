"""The inputs of custom fields in forms: read from a request, and what their controls contain."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask_babel import get_locale
from werkzeug.datastructures import MultiDict

from campaigns import formatting
from campaigns.audience import subscribers
from campaigns.audience.fields import controls, definitions, values
from campaigns.audience.fields.controls import FieldControl
from campaigns.audience.fields.definitions import Definition
from campaigns.audience.fields.values import TypedValues
from campaigns.audience.models import Subscriber


@dataclass(frozen=True, slots=True)
class ShownValue:
    """A value of a person as the page shows it: with its label, or the name of its attribute."""

    label: str
    text: str
    is_field: bool = False
    is_link: bool = False


def read(form: MultiDict[str, str]) -> TypedValues:
    """Read the inputs of all fields from a form."""
    fields = definitions.all_definitions()
    return values.read(fields, controls.typed_in(fields, form.getlist))


def controls_of(person: Subscriber | None) -> list[FieldControl]:
    """Return the control of every field, with the values of this person."""
    known: Mapping[str, Any] = person.attributes if person else {}
    return [
        controls.control(one, values.typed(one, known.get(one.key)), _locale())
        for one in definitions.all_definitions()
    ]


def controls_typed(
    form: MultiDict[str, str], fields: Sequence[Definition] | None = None
) -> list[FieldControl]:
    """Return the control of each of these fields (None: all), as typed."""
    fields = definitions.all_definitions() if fields is None else fields
    typed = controls.typed_in(fields, form.getlist)
    return [controls.control(one, typed[one.key], _locale()) for one in fields]


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


def _locale() -> str:
    return str(get_locale() or formatting.DEFAULT_LOCALE)
