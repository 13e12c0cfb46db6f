"""The values of one person: read from a form, split from attributes without a field."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from campaigns.audience.fields.definitions import Definition
from campaigns.audience.fields.notation import Notation
from campaigns.audience.fields.types import ChoicesType, Value, ValueProblemError
from campaigns.reason import Reason

IN_FORMS = Notation(numbers="point")
"""The reading of typed numbers: a single point is a decimal point. Date inputs send ISO dates."""


@dataclass(frozen=True, slots=True)
class TypedValues:
    """What a form contained: the values by key, and the problem of each that cannot be read."""

    values: Mapping[str, Value] = field(default_factory=dict)
    problems: Mapping[str, Reason] = field(default_factory=dict)


def read(
    definitions: Iterable[Definition],
    typed: Mapping[str, Sequence[str]],
    *,
    is_signup: bool = False,
) -> TypedValues:
    """Read the texts typed for each field, by key. Blank ones have no value.

    `is_signup`: required fields must have one. Never raises.
    """
    values: dict[str, Value] = {}
    problems: dict[str, Reason] = {}
    for one in definitions:
        texts = [text for text in typed.get(one.key, ()) if text.strip()]
        try:
            if texts:
                values[one.key] = _read(one, texts)
            elif is_signup and one.rules.get("required"):
                problems[one.key] = Reason("fields.required", {"label": one.label})
        except ValueProblemError as error:
            problems[one.key] = error.reason
    return TypedValues(values, problems)


def _read(one: Definition, texts: Sequence[str]) -> Value:
    if isinstance(one.kind, ChoicesType):
        return one.kind.chosen(texts, one)
    return one.kind.parse(texts[0], one, IN_FORMS)


def typed(one: Definition, value: Any) -> list[str]:
    """Return what the form control of a stored value contains."""
    if value is None:
        return []
    if isinstance(value, list):
        return [str(key) for key in value]
    return [one.kind.form_text(value, one)]


def shown(one: Definition, value: Any, locale: str) -> str:
    """Return a stored value as people read it; "" without one."""
    return "" if value is None else one.kind.show(value, one, locale)


def without_fields(
    attributes: Mapping[str, Any], definitions: Iterable[Definition]
) -> dict[str, Any]:
    """Return the attributes that have no field."""
    keys = {one.key for one in definitions}
    return {name: value for name, value in attributes.items() if name not in keys}
