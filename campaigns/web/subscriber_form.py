"""The form of a subscriber: what it shows, and what someone changed in it.

The form repeats in hidden inputs what it showed. Only differences are saved, so what an import or a
colleague changes while the form is open stays.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from werkzeug.datastructures import MultiDict

from campaigns.addresses import shown_address
from campaigns.audience import subscribers
from campaigns.audience.fields import controls, definitions, values
from campaigns.audience.fields.controls import FieldControl
from campaigns.audience.models import Subscriber
from campaigns.audience.subscribers import Edit, Names, SubscriberError
from campaigns.reason import Reason
from campaigns.web import field_inputs

SHOWN = "shown."
"""Prefix of the hidden inputs."""
_NAMES = {"name": "full", "first_name": "first", "last_name": "last"}


def stored(person: Subscriber) -> dict[str, Any]:
    """Return what the form contains. A full name that is only joined follows its parts."""
    names = Names.of(person)
    found: dict[str, Any] = {
        "address": shown_address(person.address),
        **{name: getattr(names, part) for name, part in _NAMES.items()},
        "attributes": field_inputs.other_attributes(person),
        "fields": field_inputs.controls_of(person),
    }
    return {**found, "shown": _shown(found)}


def typed(form: MultiDict[str, str]) -> dict[str, Any]:
    """Return the input, to fill the form again. Values without their field become attributes."""
    shown = _shown_in(form)
    return {
        **{name: form.get(name, "") for name in ("address", *_NAMES)},
        "lists": form.getlist("list"),
        "attributes": [*attribute_rows(form), *_without_field(form, shown)],
        "fields": field_inputs.controls_typed(form),
        "shown": list(shown.items(multi=True)),
    }


def _shown_in(form: MultiDict[str, str]) -> MultiDict[str, str]:
    """Return the inputs as the form showed them first."""
    return MultiDict(
        (name.removeprefix(SHOWN), text)
        for name, text in form.items(multi=True)
        if name.startswith(SHOWN)
    )


def attribute_rows(form: MultiDict[str, str]) -> list[tuple[str, str]]:
    """Return the rows of attributes: (name, value) each."""
    return list(zip(form.getlist("attribute_name"), form.getlist("attribute_value"), strict=False))


def changes(form: MultiDict[str, str]) -> tuple[Edit, Mapping[str, Reason]]:
    """Return what someone changed, and the problem of each field that cannot be read.

    Raises SubscriberError.
    """
    shown = _shown_in(form)
    if _without_field(form, shown):
        raise SubscriberError("audience.field_gone", field="attributes")
    fields = definitions.all_definitions()
    changed = [one for one in fields if _differs(form, shown, f"{controls.PREFIX}{one.key}")]
    read = values.read(changed, controls.typed_in(changed, form.getlist))
    edit = Edit(
        form.get("address", "") if _differs(form, shown, "address") else None,
        {part: form.get(name, "") for name, part in _NAMES.items() if _differs(form, shown, name)},
        {
            **_changed_attributes(form, shown, {one.key for one in fields}),
            **{one.key: read.values.get(one.key) for one in changed},
        },
    )
    return edit, read.problems


def _changed_attributes(
    form: MultiDict[str, str], shown: MultiDict[str, str], fields: Collection[str]
) -> dict[str, str | None]:
    """Return the attributes of changed rows by name; None for those that are gone."""
    rows, before = _rows(form), _rows(shown)
    taken = {name for name, value in rows if (name, value) in before} | set(fields)
    written = subscribers.attributes_from(row for row in rows if row not in before)
    for name in written:
        if name in taken:
            raise SubscriberError("audience.attribute_twice", field="attributes", name=name)
    # An attribute may have become a field since.
    gone: dict[str, str | None] = {name: None for name, _value in before if name not in taken}
    return {**gone, **written}


def _without_field(form: MultiDict[str, str], shown: MultiDict[str, str]) -> list[tuple[str, str]]:
    """Return (key, text) of each changed field that was renamed or deleted since."""
    names = {f"{controls.PREFIX}{one.key}" for one in definitions.all_fields()}
    return [
        (name.removeprefix(controls.PREFIX), ", ".join(texts))
        for name, texts in form.lists()
        if name.startswith(controls.PREFIX) and name not in names
        if any(texts) and _differs(form, shown, name)
    ]


def _shown(found: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the inputs (name, text) of this form."""
    rows = [
        pair
        for row in found["attributes"]
        for pair in zip(("attribute_name", "attribute_value"), row, strict=True)
    ]
    fields = [(one.name, text) for one in found["fields"] for text in _texts(one)]
    return [*((name, found[name]) for name in ("address", *_NAMES)), *rows, *fields]


def _texts(control: FieldControl) -> Sequence[str]:
    """Return what a browser sends for a control. A removed option has no checkbox."""
    if control.field.type != "choices":
        return control.chosen
    return [value for value, _label in control.options if value in control.chosen]


def _differs(form: MultiDict[str, str], shown: MultiDict[str, str], name: str) -> bool:
    one, other = form.getlist(name), shown.getlist(name)
    return [_plain(text) for text in one if text] != [_plain(text) for text in other if text]


def _rows(form: MultiDict[str, str]) -> list[tuple[str, str]]:
    return [(name, _plain(value)) for name, value in attribute_rows(form)]


def _plain(text: str) -> str:
    """Return a text as a browser sends it from an input of one line."""
    return re.sub(r"[\r\n]", "", text)
