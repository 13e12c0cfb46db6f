"""Finding, adding, editing and deleting subscribers."""

from datetime import UTC, datetime

import pytest
import sqlalchemy as sa
from flask import Flask

from campaigns import addresses
from campaigns.audience import subscribers
from campaigns.audience.models import Subscriber
from campaigns.audience.subscribers import Edit, Names, SubscriberError
from campaigns.db import db, transaction
from tests import factories
from tests.english import refused
from tests.factories import a_subscriber

NOW = datetime(2030, 5, 4, 12, 0, tzinfo=UTC)


def test_an_address_is_one_subscriber_whatever_its_spelling(app: Flask) -> None:
    with transaction():
        first, added = subscribers.find_or_create("Alice@Example.org", name="Alice", now=NOW)
        again, added_again = subscribers.find_or_create("alice@example.ORG ", name="M.", now=NOW)
    assert (added, added_again) == (True, False)
    assert again.id == first.id
    assert (again.address, again.name) == ("Alice@example.org", "Alice")


def test_a_bad_address_is_refused(app: Flask) -> None:
    with pytest.raises(addresses.InvalidAddressError), transaction():
        subscribers.find_or_create("not an address", now=NOW)
    assert db.session.scalar(sa.select(sa.func.count(Subscriber.id))) == 0


def test_a_name_is_one_line(app: Flask) -> None:
    with transaction():
        found, _ = subscribers.find_or_create(
            "a@example.org", name=" Eve\r\nBcc: x@example.org\x00", now=NOW
        )
    assert found.name == "Eve Bcc: x@example.org"


@pytest.mark.parametrize(
    ("names", "whole"),
    [
        (Names(first="Ann", last="Lee"), "Ann Lee"),
        (Names("Dr. Ann Lee", "Ann", "Lee"), "Dr. Ann Lee"),
        (Names("Ann Lee"), "Ann Lee"),
        (Names(last=" Lee "), "Lee"),
        (Names(), ""),
    ],
)
def test_the_full_name_is_as_given_else_joined_and_never_split(names: Names, whole: str) -> None:
    columns = names.columns()
    assert columns["name"] == whole
    assert (columns["first_name"], columns["last_name"]) == (names.first, names.last.strip())


@pytest.mark.parametrize("part", ["full", "first", "last"])
def test_a_name_of_ten_thousand_characters_is_refused(part: str) -> None:
    with refused(SubscriberError, "too long"):
        Names(**{part: "x" * 10_000}).columns()


def test_known_attributes_are_those_of_any_subscriber(app: Flask) -> None:
    assert subscribers.known_attributes() == []
    with transaction():
        a_subscriber("a@example.org", attributes={"city": "Ulm", "plan": "pro"})
        a_subscriber("b@example.org", attributes={"city": "Bern", "Alter": "7"})
    assert subscribers.known_attributes() == ["Alter", "city", "plan"]


def test_a_large_import_without_attributes_hides_no_known_attribute(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subscribers, "SAMPLE", 2)
    with transaction():
        a_subscriber("a@example.org", attributes={"city": "Ulm"})
        factories.subscribers(f"{number}@example.org" for number in range(4))
    assert subscribers.known_attributes() == ["city"]


def test_an_added_address_must_be_new(app: Flask) -> None:
    with transaction():
        alice = a_subscriber("alice@example.org")
    with (
        refused(subscribers.SubscriberError, "already") as caught,
        transaction(),
    ):
        subscribers.add("ALICE@example.org", now=NOW)
    assert (caught.value.field, caught.value.public_id) == ("address", alice.public_id)


def test_an_address_may_change_but_not_to_one_in_use(app: Flask) -> None:
    with transaction():
        alice = a_subscriber("alice@example.org", attributes={"city": "Ulm"})
        a_subscriber("bob@example.org")
        subscribers.change(
            alice.id,
            Edit("Ali@new.example", {"full": "Ali"}, {"plan": "pro", "city": None}),
            now=NOW,
        )
    found = db.session.get_one(Subscriber, alice.id, populate_existing=True)
    assert (found.address, found.address_normal, found.domain, found.name, found.attributes) == (
        "Ali@new.example",
        "ali@new.example",
        "new.example",
        "Ali",
        {"plan": "pro"},
    )
    with refused(subscribers.SubscriberError, "already"), transaction():
        subscribers.change(alice.id, Edit("BOB@example.org"), now=NOW)


def test_an_edit_changes_only_what_it_names(app: Flask) -> None:
    stored = {"city": "Ulm", "vip": True, **{f"a{number}": "x" for number in range(98)}}
    with transaction():
        alice = a_subscriber("alice@example.org", attributes=stored, last_name="Lee", name="Lee")
    with transaction():
        subscribers.change(alice.id, Edit(names={"first": "Alice"}, attributes={"vip": 1}), now=NOW)
    found = db.session.get_one(Subscriber, alice.id, populate_existing=True)
    assert (found.address, found.name) == ("alice@example.org", "Alice Lee")
    assert found.attributes == {**stored, "vip": 1}
    assert found.attributes["vip"] is not True
    with refused(subscribers.SubscriberError, "at most 100 attributes"), transaction():
        subscribers.change(alice.id, Edit(attributes={"plan": "pro"}), now=NOW)


def test_editing_a_deleted_subscriber_says_so(app: Flask) -> None:
    with refused(subscribers.SubscriberError, "has deleted this subscriber"), transaction():
        subscribers.change(7, Edit("a@example.org"), now=NOW)


@pytest.mark.parametrize(
    ("typed", "name"),
    [("city", "city"), ("Home town", "home_town"), ("Straße-1.é ", "strasse_1_e"), ("_x", "x")],
)
def test_attribute_names_are_adapted_for_merge_fields(typed: str, name: str) -> None:
    assert subscribers.attribute_name(typed) == name


@pytest.mark.parametrize("typed", ["", "1st", "名前", "Name", "EMAIL", "x" * 65, "?"])
def test_an_unusable_attribute_name_is_refused(typed: str) -> None:
    with pytest.raises(subscribers.SubscriberError) as caught:
        subscribers.attribute_name(typed)
    assert caught.value.field == "attributes"


def test_attributes_are_read_from_form_rows() -> None:
    rows = [("city", " Ulm\x00 "), ("", ""), ("plan", "")]
    assert subscribers.attributes_from(rows) == {"city": "Ulm", "plan": ""}
    for bad in ([("a", "1"), ("a", "2")], [("", "lost")], [("a", "x" * 2001)]):
        with pytest.raises(subscribers.SubscriberError):
            subscribers.attributes_from(bad)
    with refused(subscribers.SubscriberError, "at most 100 attributes"):
        subscribers.attributes_from([(f"a{number}", "x") for number in range(101)])
