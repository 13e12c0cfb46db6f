"""Custom fields: created with their own key, changed, ordered and deleted."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from flask import Flask

from campaigns.audience.fields import definitions
from campaigns.audience.fields.definitions import FieldError, FieldInput
from campaigns.audience.fields.models import Field
from campaigns.db import transaction
from tests.english import in_english
from tests.factories import a_subscriber

NOW = datetime(2030, 5, 4, 12, 0, tzinfo=UTC)


def create(label: str, type_: str = "text", **typed: Any) -> Field:
    with transaction():
        return definitions.create(FieldInput(label, type_, **typed), now=NOW)


@pytest.mark.parametrize(
    ("label", "key"),
    [
        ("Postal code", "postal_code"), ("Straße", "strasse"), ("2nd address", "a_2nd_address"),
        ("Name", "name_2"), ("First name", "first_name_2"), ("Город", "field"), ("=cmd()", "cmd"),
        ("<script>", "script"), ("\u202eevil", "evil"), ("x" * 100, "x" * 50),
    ],
)  # fmt: skip
def test_the_key_comes_from_the_label_and_is_never_a_built_in_one(
    app: Flask, label: str, key: str
) -> None:
    assert create(label).key == key


def test_two_labels_never_share_a_key(app: Flask) -> None:
    assert [create(label).key for label in ("Plan", "Plan!", "Plan?")] == [
        "plan",
        "plan_2",
        "plan_3",
    ]


@pytest.mark.parametrize(
    ("typed", "at", "sentence"),
    [
        (FieldInput(" "), "label", "Give the field a name"),
        (FieldInput("x" * 10_000), "label", "too long"),
        (FieldInput("CITY"), "label", "with this name already"),
        (FieldInput("A", "moon"), "type", "Choose a type"),
        (FieldInput("A", "choice", [("", " ")]), "options", "at least one option"),
        (FieldInput("A", "choice", [("", "B"), ("", "b")]), "options", "there twice"),
        (FieldInput("A", "choice", [("", "B, C")]), "options", "separates options"),
        (FieldInput("A", "choice", [("", str(n)) for n in range(201)]), "options", "at most 200"),
        (FieldInput("A", "number", least="n/a"), "least", "not a number"),
        (FieldInput("A", "number", least="5", most="3"), "most", "below the lower limit"),
        (FieldInput("A", "date", most="tomorrow"), "most", "not a date"),
        (FieldInput("A", "text", most="-1"), "most", "from 1 to 2,000"),
        (FieldInput("A", help="x" * 301), "help", "at most 300"),
    ],
)
def test_a_field_that_cannot_work_is_refused(
    app: Flask, typed: FieldInput, at: str, sentence: str
) -> None:
    create("City")
    with pytest.raises(FieldError) as caught, transaction():
        definitions.create(typed, now=NOW)
    assert caught.value.field == at
    assert sentence in in_english(caught.value)


def test_there_can_be_a_hundred_fields(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(definitions, "MAX_FIELDS", 1)
    create("A")
    with pytest.raises(FieldError, match=r"fields\.too_many"):
        create("B")


def test_an_option_keeps_its_key_when_its_label_changes(app: Flask) -> None:
    field = create("Plan", "choice", options=[("", "Pro plan"), ("", "План"), ("", "Тариф")])
    keys = [option["key"] for option in field.options]
    assert keys == ["pro_plan", "option", "option_2"]
    typed = FieldInput("Plan", "choice", [("pro_plan", "Professional"), ("", "Pro plan")])
    with transaction():
        changed = definitions.change(field.id, typed, now=NOW)
    assert changed.options == [
        {"key": "pro_plan", "label": "Professional"},
        {"key": "pro_plan_2", "label": "Pro plan"},
    ]


def test_changing_a_field_keeps_its_key_and_its_own_name_is_free(app: Flask) -> None:
    field = create("City")
    typed = FieldInput(
        "city", fallback="your town", help="Where you live", is_required=True, most="40"
    )
    with transaction():
        definitions.change(field.id, typed, now=NOW)
    assert (field.key, field.label, field.fallback) == ("city", "city", "your town")
    assert field.rules == {"required": True, "most": 40}
    with transaction(), pytest.raises(LookupError):
        definitions.change(field.id + 1, replace(typed, label="Other"), now=NOW)


@pytest.mark.parametrize("key", ["email", "plan", "2nd", "a-b", "", "x" * 51, "__class__"])
def test_a_key_that_is_taken_or_no_merge_tag_is_refused(app: Flask, key: str) -> None:
    create("Plan")
    field = create("City")
    with pytest.raises(FieldError), transaction():
        definitions.rename_key(field.id, key, now=NOW)


def test_a_key_is_never_one_under_which_people_have_other_values(app: Flask) -> None:
    long = "x" * 60
    with transaction():
        a_subscriber(attributes={"city": "Ulm", "town": "Bonn", long: "a", long[:50]: "b"})
    field = create("City")
    with pytest.raises(FieldError), transaction():
        definitions.rename_key(field.id, "town", now=NOW)
    with transaction():
        promoted = definitions.create(FieldInput("X"), key=long, now=NOW)
    assert promoted.key == f"{'x' * 46}_2"


def test_renaming_a_key_returns_the_old_one(app: Flask) -> None:
    field = create("City")
    with transaction():
        assert definitions.rename_key(field.id, "town", now=NOW) == "city"
    assert [one.key for one in definitions.all_fields()] == ["town"]


def test_fields_are_moved_and_deleted(app: Flask) -> None:
    fields = [create(label) for label in "ABC"]
    for at, steps, order in ((2, -1, "ACB"), (0, 1, "CAB"), (0, -5, "ACB"), (0, 9, "CBA")):
        with transaction():
            definitions.move(fields[at].id, steps)
        assert "".join(one.label for one in definitions.all_fields()) == order
    with transaction():
        definitions.delete(fields[1].id)
        definitions.move(fields[1].id, 1)
    assert "".join(one.label for one in definitions.all_definitions()) == "CA"
