"""Change the stored values of a field for everyone, in slices: see `models.FieldChange`.

A slice is one transaction: its people and its position. So a change that is killed continues where
it stopped, and concurrent workers never do a slice twice. Doing it twice would change nothing.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any, cast

import sqlalchemy as sa

from campaigns.audience.fields.definitions import Definition, FieldError
from campaigns.audience.fields.models import Field, FieldChange
from campaigns.audience.fields.notation import Notation
from campaigns.audience.fields.types import ValueProblemError
from campaigns.audience.models import Subscriber
from campaigns.db import db, rows_given
from campaigns.stored import from_stored

WINDOW_IDS = 5_000
"""Range of subscriber ids that a slice covers."""
ORIGINAL = "_original"


def start_conversion(
    field: Field,
    *,
    written: Notation,
    attribute: str = "",
    before: Definition | None = None,
    now: datetime,
) -> FieldChange:
    """Start to convert stored values into the type of a field.

    The values are those of an `attribute`, or of the definition `before`. Raises FieldError.
    """
    settings = {
        "notation": asdict(written),
        "before": asdict(before) if before else None,
        "to": field.key,
    }
    return _start("convert", attribute or field.key, field.label, settings, now)


def start_rename(field: Field, before: str, *, now: datetime) -> FieldChange:
    """Start to move the values from the key `before` to that of the field. Raises FieldError."""
    return _start("rename", before, field.label, {"to": field.key}, now)


def start_removal(field: Definition, *, is_kept: bool, now: datetime) -> FieldChange:
    """Start to turn the values of a deleted field into attributes, or to delete them.

    Raises FieldError.
    """
    kind = "release" if is_kept else "clear"
    return _start(kind, field.key, field.label, {"before": asdict(field)}, now)


def _start(kind: str, key: str, label: str, settings: dict[str, Any], now: datetime) -> FieldChange:
    keys = {key, settings.get("to", key)}
    if any(one.key in keys or one.settings.get("to") in keys for one in running()):
        raise FieldError("fields.change_running", label=label)
    last = db.session.scalar(sa.select(sa.func.max(Subscriber.id))) or 0
    change = FieldChange(
        kind=kind, key=key, label=label, settings=settings, last_id=last, created_at=now
    )
    db.session.add(change)
    db.session.flush()
    return change


def running() -> Sequence[FieldChange]:
    """Return the changes in progress, oldest first. Ring ("fields", id) for each."""
    return db.session.scalars(
        sa.select(FieldChange).where(FieldChange.status == "running").order_by(FieldChange.id)
    ).all()


def recent(limit: int = 5) -> Sequence[FieldChange]:
    """Return the latest changes, newest first."""
    return db.session.scalars(
        sa.select(FieldChange).order_by(FieldChange.id.desc()).limit(limit)
    ).all()


def carry_on(change_id: int, *, now: datetime) -> bool:
    """Change the next slice of people. Returns whether there is more."""
    change = db.session.get(FieldChange, change_id, with_for_update=True, populate_existing=True)
    if change is None or change.status == "done":
        return False
    rewrite = _rewriter(change)
    until = min(change.position + WINDOW_IDS, change.last_id)
    if rewrite is not None:
        _change_people(change, rewrite, until)
        change.position = until
    if rewrite is None or until >= change.last_id:
        change.status, change.finished_at = "done", now
    db.session.flush()
    return change.status == "running"


Rewrite = Callable[[dict[str, Any]], bool]
"""Changes the attributes of a person; returns whether a value could not be converted."""


def _change_people(change: FieldChange, rewrite: Rewrite, until: int) -> None:
    table = cast("sa.Table", Subscriber.__table__)
    people = db.session.execute(
        sa.select(Subscriber.id, Subscriber.attributes)
        .where(
            Subscriber.id > change.position,
            Subscriber.id <= until,
            Subscriber.attributes[change.key].as_string().is_not(None),
        )
        .order_by(Subscriber.id)
        .with_for_update()
    )
    changed = []
    for id_, stored in people:
        attributes = dict(stored)
        change.people_kept += rewrite(attributes)
        if attributes != stored or _differs(attributes, stored, change.key):
            changed.append({"id": id_, "attributes": attributes})
    if not changed:
        return
    columns: dict[str, sa.types.TypeEngine[Any]] = {
        "id": sa.BigInteger(),
        "attributes": sa.JSON(),
    }
    given = rows_given(changed, columns)
    db.session.execute(
        sa.update(table)
        .where(table.c.id == given.c.id)
        # The person was not edited: their time of change stays.
        .values(attributes=given.c.attributes, updated_at=table.c.updated_at)
    )
    change.people_changed += len(changed)


def _differs(one: Mapping[str, Any], other: Mapping[str, Any], key: str) -> bool:
    """Return whether a value changed only its type: in Python, true equals 1."""
    return type(one.get(key)) is not type(other.get(key))


def _rewriter(change: FieldChange) -> Rewrite | None:
    """Return what to do with each person; None if there is nothing left to do."""
    key = change.key
    before = _definition(change.settings.get("before"))
    if change.kind == "convert":
        field = db.session.scalar(sa.select(Field).where(Field.key == change.settings["to"]))
        if field is None:
            return None
        after, written = Definition.of(field), from_stored(Notation, change.settings["notation"])
        return lambda attributes: (
            _rename(attributes, key, after.key) or convert(attributes, after, before, written)
        )
    if change.kind == "rename":
        return lambda attributes: _rename(attributes, key, change.settings["to"])
    if change.kind == "clear":
        return lambda attributes: _clear(attributes, key)
    return lambda attributes: _release(attributes, key, before)


def convert(
    attributes: dict[str, Any], after: Definition, before: Definition | None, written: Notation
) -> bool:
    """Convert the value of a person. Returns whether it did not fit and was set aside."""
    stored = attributes[after.key]
    text = as_text(stored, before)
    if not text.strip():
        del attributes[after.key]
        return False
    try:
        attributes[after.key] = after.kind.parse(text, after, written)
    except ValueProblemError:
        attributes[_free_name(attributes, f"{after.key}{ORIGINAL}", stored)] = stored
        del attributes[after.key]
        return True
    return False


def as_text(value: Any, before: Definition | None = None) -> str:
    """Return a stored value as text that types read. `before` is the definition that wrote it."""
    if before is not None and before.type != "text":
        return before.kind.typed(value, before)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return Definition("", "", "number").kind.typed(value, Definition("", "", "number"))
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return ", ".join(value)
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _free_name(attributes: Mapping[str, Any], name: str, value: Any) -> str:
    """Return this name, or one with a number if another value has it."""
    number, free = 1, name
    while attributes.get(free, value) != value:
        number += 1
        free = f"{name}_{number}"
    return free


def _clear(attributes: dict[str, Any], key: str) -> bool:
    del attributes[key]
    return False


def _rename(attributes: dict[str, Any], key: str, to: str) -> bool:
    value = attributes.pop(key)
    # Someone may have saved a newer value under the new key; the older one is set aside.
    is_free = attributes.get(to, value) == value
    attributes[to if is_free else _free_name(attributes, f"{to}{ORIGINAL}", value)] = value
    return False


def _release(attributes: dict[str, Any], key: str, before: Definition | None) -> bool:
    attributes[key] = as_text(attributes[key], before)
    return False


def _definition(stored: Mapping[str, Any] | None) -> Definition | None:
    if not stored:
        return None
    return from_stored(Definition, {**stored, "options": tuple(stored["options"])})
