"""Stored values change in slices: nothing is lost, and a kill or a second worker does no harm."""

from datetime import UTC, datetime
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from campaigns.audience.fields import changes, definitions, uses
from campaigns.audience.fields.definitions import Definition, FieldError, FieldInput
from campaigns.audience.fields.models import Field, FieldChange, ListField
from campaigns.audience.fields.notation import Notation
from campaigns.audience.models import Subscriber
from campaigns.db import db, transaction
from campaigns.jobs import fields as job
from tests.factories import a_field, a_list, a_subscriber

NOW = datetime(2030, 5, 4, 12, 0, tzinfo=UTC)
BEFORE = datetime(2020, 1, 1, tzinfo=UTC)


def people(*values: Any, key: str = "born") -> None:
    """One person for each value."""
    with transaction():
        for number, value in enumerate(values):
            attributes = {"city": "Ulm"} if value is None else {"city": "Ulm", key: value}
            a_subscriber(f"p{number}@example.org", attributes=attributes, updated_at=BEFORE)


def stored(key: str = "born") -> list[Any]:
    """The value of each person, and what was set aside if it is not there."""
    db.session.rollback()
    rows = db.session.scalars(sa.select(Subscriber.attributes).order_by(Subscriber.id)).all()
    assert all(row["city"] == "Ulm" for row in rows)
    return [row.get(key, (row.get(f"{key}_original"),)) for row in rows]


def finish(change: FieldChange) -> FieldChange:
    while job.work(change.id, seconds=5):
        pass
    db.session.rollback()
    return db.session.get_one(FieldChange, change.id, populate_existing=True)


def promote(type_: str, written: Notation | None = None, **typed: Any) -> FieldChange:
    with transaction():
        field = definitions.create(FieldInput("Born", type_, **typed), key="born", now=NOW)
        return changes.start_conversion(field, written=written or Notation(), now=NOW)


@pytest.fixture(autouse=True)
def small_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changes, "WINDOW_IDS", 2)


def test_values_are_converted_and_those_that_do_not_fit_are_set_aside(app: Flask) -> None:
    people("31.05.1980", None, "5/31/1980", "n/a", "1980-05-31", "", "=cmd()")
    change = finish(promote("date"))
    assert stored() == [
        "1980-05-31",
        (None,),
        "1980-05-31",
        ("n/a",),
        "1980-05-31",
        (None,),
        ("=cmd()",),
    ]
    assert (change.status, change.people_changed, change.people_kept) == ("done", 5, 2)
    assert change.finished_at is not None


def test_the_chosen_notation_decides_values_with_two_readings(app: Flask) -> None:
    people("1.234", "1,50")
    finish(promote("number", Notation(numbers="comma")))
    assert stored() == [1234, 1.5]


def test_a_conversion_is_no_edit_of_the_person(app: Flask) -> None:
    people("5")
    finish(promote("number"))
    assert db.session.scalars(sa.select(Subscriber.updated_at)).all() == [BEFORE]


@pytest.mark.parametrize(
    ("type_", "value", "typed", "after"),
    [
        ("number", 7, {}, 7),
        ("boolean", True, {}, True),
        ("boolean", 1, {}, True),
        ("text", 1.5, {}, "1.5"),
        ("choices", ["A", "B"], {"options": [("", "B"), ("", "A")]}, ["b", "a"]),
        ("text", {"a": 1}, {}, '{"a": 1}'),
    ],
)
def test_values_that_were_no_text_are_converted_too(
    app: Flask, type_: str, value: Any, typed: dict[str, Any], after: Any
) -> None:
    people(value)
    finish(promote(type_, **typed))
    (found,) = stored()
    assert (found, type(found)) == (after, type(after))


def test_a_conversion_done_twice_changes_nothing_more(app: Flask) -> None:
    people("1.234", "n/a", "12", "0,5")
    change = promote("number", Notation(numbers="comma"))
    finish(change)
    once = stored()
    with transaction():
        again = db.session.get_one(FieldChange, change.id)
        again.status, again.position = "running", 0
    done = finish(change)
    assert stored() == once == [1234, ("n/a",), 12, 0.5]
    assert done.people_changed == 4


def test_a_slice_that_dies_is_done_again(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    people("1", "2", "3", "4", "5")
    change = promote("number")
    with transaction():
        assert changes.carry_on(change.id, now=NOW)

    def die(*args: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(changes, "rows_given", die)
        with pytest.raises(KeyboardInterrupt), transaction():
            changes.carry_on(change.id, now=NOW)
    assert stored()[2:] == ["3", "4", "5"]
    assert finish(change).people_changed == 5
    assert stored() == [1, 2, 3, 4, 5]


def test_a_value_set_aside_before_is_not_overwritten(app: Flask) -> None:
    with transaction():
        known = {"born": "n/a", "born_original": "never"}
        a_subscriber("a@example.org", attributes=known)
    finish(promote("date"))
    (found,) = db.session.scalars(sa.select(Subscriber.attributes)).all()
    assert found == {"born_original": "never", "born_original_2": "n/a"}


def test_an_attribute_whose_name_is_no_merge_tag_becomes_a_field(app: Flask) -> None:
    people("5", key="Alter")
    with transaction():
        field = definitions.create(FieldInput("Alter", "number"), key="Alter", now=NOW)
        change = changes.start_conversion(field, written=Notation(), attribute="Alter", now=NOW)
    finish(change)
    assert stored("alter") == [5]
    assert "Alter" not in db.session.scalars(sa.select(Subscriber.attributes)).one()


def test_another_type_reads_values_as_people_saw_them(app: Flask) -> None:
    with transaction():
        field = a_field("Born", "choice", options=[("", "Pro plan"), ("", "12")])
        before = Definition.of(field)
    people("pro_plan", "a_12", "removed")
    with transaction():
        field = definitions.change(field.id, FieldInput("Born", "text"), now=NOW)
        change = changes.start_conversion(field, written=Notation(), before=before, now=NOW)
    finish(change)
    assert stored() == ["Pro plan", "12", "removed"]


def test_a_renamed_key_moves_values_and_rules_and_keeps_newer_ones(app: Flask) -> None:
    people("Ulm", None)
    with transaction():
        field = a_field("Born")
        a_list()
    with transaction():
        before = definitions.rename_key(field.id, "birth", now=NOW)
        a_subscriber("new@example.org", attributes={"city": "Ulm", "born": "old", "birth": "new"})
        uses.rename_in_segments(before, "birth", now=NOW)
        change = changes.start_rename(db.session.get_one(Field, field.id), before, now=NOW)
    finish(change)
    assert stored("birth") == ["Ulm", (None,), "new"]
    assert stored("born") == [(None,)] * 3
    kept = db.session.scalars(sa.select(Subscriber.attributes).order_by(Subscriber.id)).all()
    assert kept[-1]["birth_original"] == "old"


@pytest.mark.parametrize(("is_kept", "after"), [(True, ["yes", "no"]), (False, [(None,), (None,)])])
def test_values_of_a_deleted_field_become_attributes_or_are_deleted(
    app: Flask, is_kept: bool, after: list[Any]
) -> None:
    with transaction():
        field = a_field("Born", "boolean")
        definition = Definition.of(field)
    people(True, False)
    with transaction():
        definitions.delete(field.id)
        change = changes.start_removal(definition, is_kept=is_kept, now=NOW)
    finish(change)
    assert stored() == after


def test_two_changes_of_one_key_wait_for_each_other(app: Flask) -> None:
    people("5")
    promote("number")
    with transaction(), pytest.raises(FieldError, match=r"fields\.change_running"):
        changes.start_removal(Definition("born", "Born", "text"), is_kept=True, now=NOW)


def test_a_change_of_a_field_deleted_meanwhile_is_over(app: Flask) -> None:
    people("5")
    change = promote("number")
    with transaction():
        definitions.delete(db.session.scalars(sa.select(Field.id)).one())
    assert finish(change).status == "done"
    assert stored() == ["5"]


def test_the_sweep_finds_changes_in_progress(app: Flask) -> None:
    people("5")
    change = promote("number")
    assert [one.id for one in changes.running()] == [change.id]
    finish(change)
    assert changes.running() == []
    assert [one.id for one in changes.recent()] == [change.id]


def test_uses_name_segments_and_sign_up_forms(app: Flask) -> None:
    with transaction():
        field, news = a_field("Born"), a_list("News")
        db.session.add(ListField(list_id=news.id, field_id=field.id))
    found = uses.uses_of("born")
    assert [entry.name for entry in found.lists] == ["News"]
    assert uses.uses_of("other") == uses.FieldUses()


def test_a_renamed_key_is_renamed_in_rules_at_every_depth() -> None:
    rule = {"kind": "field", "key": "born", "op": "has_value", "values": []}
    other = {"kind": "name", "key": "born"}
    root = {"kind": "all", "rules": [other, {"kind": "any", "rules": [rule]}]}
    renamed = uses._with_key({"version": 1, "root": root}, "born", "birth")
    assert renamed["root"]["rules"] == [
        other,
        {"kind": "any", "rules": [{**rule, "key": "birth"}]},
    ]
