"""Custom fields: find, create, change, order and delete their definitions.

`changes` rewrites stored values, in the background.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from dataclasses import field as dataclass_field
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from campaigns import inputs
from campaigns.audience.fields.models import FIELD_TYPES, Field, ListField
from campaigns.audience.fields.types import TYPES, ValueProblemError, ValueType
from campaigns.audience.models import Subscriber
from campaigns.audience.segments import values
from campaigns.audience.subscribers import RESERVED
from campaigns.db import db
from campaigns.inputs import one_line
from campaigns.reason import ReasonError

MAX_FIELDS = 100
MAX_LABEL = 100
MAX_KEY = 50
"""Longest key, which leaves room for "_original" in the name of an attribute."""
MAX_OPTIONS = 200
MAX_HELP = 300
WITH_OPTIONS = frozenset({"choice", "choices"})


class FieldError(ReasonError):
    """The field cannot be saved. `field` names the input."""


@dataclass(frozen=True, slots=True)
class Definition:
    """The definition of a field, as a value that outlives transactions."""

    key: str
    label: str
    type: str
    options: tuple[Mapping[str, Any], ...] = ()
    rules: Mapping[str, Any] = dataclass_field(default_factory=dict)
    fallback: str = ""
    help: str = ""

    @classmethod
    def of(cls, field: Field) -> "Definition":
        """Return the definition that a row stores."""
        return cls(
            field.key, field.label, field.type, tuple(field.options), dict(field.rules),
            field.fallback, field.help,
        )  # fmt: skip

    @property
    def kind(self) -> ValueType:
        """The type, which reads and shows values."""
        return TYPES[self.type]


@dataclass(frozen=True, slots=True)
class FieldInput:
    """A field as typed. `options`: (key, label) each; an empty key makes a new option."""

    label: str
    type: str = "text"
    options: Sequence[tuple[str, str]] = ()
    fallback: str = ""
    help: str = ""
    least: str = ""
    most: str = ""
    is_required: bool = False


# --- Find


def all_fields() -> Sequence[Field]:
    """Return every field, in the order of forms."""
    return db.session.scalars(sa.select(Field).order_by(Field.position, Field.id)).all()


def all_definitions() -> list[Definition]:
    """Return the definition of every field, in the order of forms."""
    return [Definition.of(field) for field in all_fields()]


def find(public_id: str) -> Field | None:
    """Return the field with this public id."""
    return db.session.scalar(sa.select(Field).where(Field.public_id == public_id))


def fields_of_form(list_id: int) -> Sequence[Field]:
    """Return the fields that the sign-up form of a list asks for, in their order."""
    return db.session.scalars(
        sa.select(Field)
        .join(ListField, ListField.field_id == Field.id)
        .where(ListField.list_id == list_id)
        .order_by(Field.position, Field.id)
    ).all()


def set_fields_of_form(list_id: int, public_ids: Collection[str]) -> None:
    """Let the sign-up form of a list ask for these fields."""
    db.session.execute(sa.delete(ListField).where(ListField.list_id == list_id))
    chosen = db.session.scalars(sa.select(Field.id).where(Field.public_id.in_(sorted(public_ids))))
    db.session.add_all(ListField(list_id=list_id, field_id=field_id) for field_id in chosen)
    db.session.flush()


# --- Change


def create(typed: FieldInput, *, key: str = "", now: datetime) -> Field:
    """Create a field, after all others. `key` is that of a promoted attribute.

    Raises FieldError.
    """
    if (db.session.scalar(sa.select(sa.func.count(Field.id))) or 0) >= MAX_FIELDS:
        raise FieldError("fields.too_many", field="label", most=MAX_FIELDS)
    label = _checked_label(typed.label)
    last = db.session.scalar(sa.select(sa.func.max(Field.position)))
    field = Field(
        key=_free_key(key_from(key or label), attribute=key),
        label=label,
        **_checked(typed, label, ()),
        position=0 if last is None else last + 1,
        created_at=now,
        updated_at=now,
    )
    db.session.add(field)
    db.session.flush()
    return field


def change(
    field_id: int, typed: FieldInput, *, keeps_options: bool = False, now: datetime
) -> Field:
    """Change a field, except for its key. Raises FieldError, LookupError if it was deleted.

    `keeps_options`: an option that `typed` does not name stays, as it is newer than the form.
    """
    field = _locked(field_id)
    if keeps_options:
        typed = replace(typed, options=_with_unnamed(typed.options, field.options))
    label = _checked_label(typed.label, field.id)
    for name, value in _checked(typed, label, field.options).items():
        setattr(field, name, value)
    field.label, field.updated_at = label, now
    db.session.flush()
    return field


def rename_key(field_id: int, key: str, *, now: datetime) -> str:
    """Change the key; returns the old one. Raises FieldError, LookupError.

    The caller starts the job that moves the values.
    """
    field = _locked(field_id)
    wanted = one_line(key).lower()
    if wanted == field.key:
        return field.key
    if not re.fullmatch(r"[a-z][a-z0-9_]*", wanted) or len(wanted) > MAX_KEY:
        raise FieldError("fields.bad_key", field="key", key=wanted[:MAX_KEY], most=MAX_KEY)
    if wanted in RESERVED or wanted in _taken_keys() or _is_attribute(wanted):
        raise FieldError("fields.key_taken", field="key", key=wanted)
    old, field.key, field.updated_at = field.key, wanted, now
    db.session.flush()
    return old


def delete(field_id: int) -> None:
    """Delete a definition. The caller has named its uses, and starts the job for its values."""
    db.session.execute(sa.delete(Field).where(Field.id == field_id))


def move(field_id: int, steps: int) -> None:
    """Move a field up (negative) or down in the order of forms."""
    fields = list(all_fields())
    at = next((index for index, field in enumerate(fields) if field.id == field_id), None)
    if at is None:
        return
    fields.insert(max(0, at + steps), fields.pop(at))
    for position, field in enumerate(fields):
        field.position = position
    db.session.flush()


def key_from(text: str) -> str:
    """Return the key of a field with this label. Never empty."""
    return inputs.key_from(text, most=MAX_KEY, otherwise="field")


# --- Checks


def _locked(field_id: int) -> Field:
    field = db.session.get(Field, field_id, with_for_update=True, populate_existing=True)
    if field is None:
        raise LookupError(f"there is no field {field_id}")
    return field


def _free_key(key: str, *, attribute: str = "") -> str:
    """Return this key, or one with a number if it is taken.

    `attribute`: the one whose values will move to the key; no other may have this key.
    """
    taken = {*RESERVED, *_taken_keys()}
    number, free = 1, key
    while free in taken or (attribute and free != attribute and _is_attribute(free)):
        number += 1
        free = f"{key[: MAX_KEY - 4]}_{number}"
    return free


def _is_attribute(key: str) -> bool:
    """Return whether anyone has a value under this key."""
    someone = sa.select(Subscriber.id).where(values.has_entry(key)).limit(1)
    return db.session.scalar(someone) is not None


def _taken_keys() -> set[str]:
    return set(db.session.scalars(sa.select(Field.key)))


def _checked_label(label: str, field_id: int = 0) -> str:
    label = one_line(label)
    if not label:
        raise FieldError("fields.without_label", field="label")
    if len(label) > MAX_LABEL:
        raise FieldError("fields.label_too_long", field="label", most=MAX_LABEL)
    others = db.session.scalars(sa.select(Field.label).where(Field.id != field_id))
    if label.casefold() in {other.casefold() for other in others}:
        raise FieldError("fields.label_taken", field="label")
    return label


def _checked(
    typed: FieldInput, label: str, current: Collection[Mapping[str, Any]]
) -> dict[str, Any]:
    """Return the columns of these inputs, except for label and key."""
    if typed.type not in FIELD_TYPES:
        raise FieldError("fields.unknown_type", field="type")
    options = _checked_options(typed.options, current) if typed.type in WITH_OPTIONS else []
    field = Definition("", label, typed.type, tuple(options), {})
    return {
        "type": typed.type,
        "options": options,
        "rules": _checked_rules(typed, field),
        "fallback": _short(typed.fallback, "fallback"),
        "help": _short(typed.help, "help"),
    }


def _short(text: str, name: str) -> str:
    text = one_line(text)
    if len(text) > MAX_HELP:
        raise FieldError("fields.help_too_long", field=name, most=MAX_HELP)
    return text


def _checked_rules(typed: FieldInput, field: Definition) -> dict[str, Any]:
    rules: dict[str, Any] = {"required": True} if typed.is_required else {}
    if field.kind.has_range:
        for name, text in (("least", typed.least), ("most", typed.most)):
            if text.strip():
                rules[name] = _limit(text, name, field)
    if "least" in rules and "most" in rules and rules["least"] > rules["most"]:
        raise FieldError("fields.limits_crossed", field="most")
    return rules


def _limit(text: str, name: str, field: Definition) -> Any:
    try:
        return field.kind.parse_rule(text, field)
    except ValueProblemError as error:
        raise FieldError(error.reason.code, field=name, **error.reason.params) from None


def _checked_options(
    typed: Sequence[tuple[str, str]], current: Collection[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Return the options; those that exist keep their key, whatever their label becomes."""
    known = {str(option["key"]) for option in current}
    options: list[dict[str, Any]] = []
    for key, raw in typed:
        label = one_line(raw)
        if not label:
            continue
        if len(label) > MAX_LABEL:
            raise FieldError("fields.option_too_long", field="options", most=MAX_LABEL)
        if re.search(r"[,;|]", label):
            raise FieldError("fields.option_with_separator", field="options", label=label)
        if label.casefold() in {str(one["label"]).casefold() for one in options}:
            raise FieldError("fields.option_twice", field="options", label=label)
        options.append({"key": key if key in known else "", "label": label})
    if not options:
        raise FieldError("fields.no_options", field="options")
    if len(options) > MAX_OPTIONS:
        raise FieldError("fields.too_many_options", field="options", most=MAX_OPTIONS)
    taken = known | {str(one["key"]) for one in options}
    for option in options:
        option["key"] = option["key"] or _option_key(option["label"], taken)
        taken.add(option["key"])
    return options


def _with_unnamed(
    typed: Sequence[tuple[str, str]], current: Collection[Mapping[str, Any]]
) -> list[tuple[str, str]]:
    """Return the typed options and those they do not name, which come before new ones."""
    named = {key for key, _ in typed}
    newer = [(str(one["key"]), str(one["label"])) for one in current if one["key"] not in named]
    labels = {label.casefold() for _, label in newer}
    known = [(key, label) for key, label in typed if key]
    # Two people may have added the same option.
    added = [("", raw) for key, raw in typed if not key and one_line(raw).casefold() not in labels]
    return [*known, *newer, *added]


def _option_key(label: str, taken: Collection[str]) -> str:
    key = wanted = key_from(label) if label.isascii() else "option"
    number = 1
    while key in taken:
        number += 1
        key = f"{wanted}_{number}"
    return key
