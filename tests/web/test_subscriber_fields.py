"""Names and custom fields in the form and on the page of a subscriber."""

from typing import Any

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient

from campaigns.audience.models import Subscriber
from campaigns.db import db, transaction
from tests.factories import a_field, a_subscriber

PLANS = [("", "Pro plan"), ("", "Free")]


@pytest.fixture(autouse=True)
def fields(app: object) -> None:
    with transaction():
        a_field("Birthday", "date", help="As in your passport")
        a_field("Amount", "number", least="0")
        a_field("Member", "boolean")
        a_field("Plan", "choice", options=PLANS)
        a_field("Topics", "choices", options=[("", "News"), ("", "Events")])
        a_field("Country", "country")
        a_field("Site", "url")


TYPED: dict[str, Any] = {
    "address": "ann@example.org",
    "first_name": "Ann",
    "last_name": "Lee",
    "field_birthday": "1980-05-31",
    "field_amount": "1,50",
    "field_member": "no",
    "field_plan": "pro_plan",
    "field_topics": ["events", "news"],
    "field_country": "DE",
    "field_site": "example.org",
    "attribute_name": ["city"],
    "attribute_value": ["Ulm"],
}
STORED = {
    "birthday": "1980-05-31",
    "amount": 1.5,
    "member": False,
    "plan": "pro_plan",
    "topics": ["news", "events"],
    "country": "DE",
    "site": "https://example.org",
    "city": "Ulm",
}


def test_fields_are_stored_in_their_form_and_shown_as_people_read_them(
    owner_client: FlaskClient,
) -> None:
    answer = owner_client.post("/subscribers/new", data=TYPED)
    person = db.session.scalars(sa.select(Subscriber)).one()
    assert person.attributes == STORED
    assert (person.name, person.first_name, person.last_name) == ("Ann Lee", "Ann", "Lee")
    page = owner_client.get(answer.location).text
    for text in ("31 May 1980", "1.5", "Pro plan", "News and Events", "Germany", "Birthday", "Ulm"):
        assert text in page
    assert '<a href="https://example.org" rel="noreferrer noopener">' in page


def test_the_form_of_a_person_saved_unchanged_changes_nothing(owner_client: FlaskClient) -> None:
    with transaction():
        person = a_subscriber("ann@example.org", attributes=STORED, name="Dr. Lee", last_name="Lee")
    page = owner_client.get(f"/subscribers/{person.public_id}/edit").text
    for text in (
        'value="1980-05-31"',
        'value="1.5"',
        '<option value="no" selected>No</option>',
        '<option value="pro_plan" selected>Pro plan</option>',
        'value="events" checked',
        '<option value="DE" selected>Germany</option>',
        'value="Dr. Lee"',
        "As in your passport",
    ):
        assert text in page
    typed = {**TYPED, "name": "Dr. Lee", "first_name": ""}
    owner_client.post(f"/subscribers/{person.public_id}/edit", data=typed)
    found = db.session.get_one(Subscriber, person.id, populate_existing=True)
    assert (found.attributes, found.name) == (STORED, "Dr. Lee")


def test_the_full_name_follows_first_and_last_name_unless_it_was_given(
    owner_client: FlaskClient,
) -> None:
    with transaction():
        person = a_subscriber("ann@example.org", name="Ann Lee", first_name="Ann", last_name="Lee")
    path = f"/subscribers/{person.public_id}/edit"
    assert 'value="Ann Lee"' not in owner_client.get(path).text
    owner_client.post(path, data={"address": "ann@example.org", "first_name": "Anna"})
    found = db.session.get_one(Subscriber, person.id, populate_existing=True)
    assert found.name == "Anna"


@pytest.mark.parametrize(
    ("key", "text", "sentence"),
    [
        ("birthday", "n/a", "“n/a” is not a date. Write it as 1980-05-31."),
        ("birthday", "5/6/1980", "can be read in two ways"),
        ("amount", "-1", "“Amount” must be at least 0."),
        ("amount", "<script>", "“&lt;script&gt;” is not a number."),
        ("plan", "gold", "“gold” is not an option"),
        ("topics", "\u202egold", "is not an option"),
        ("site", "javascript:alert(1)", "is not a web address"),
        ("country", "x" * 10_000, "is not a country"),
    ],
)
def test_a_value_that_does_not_fit_is_kept_with_its_problem(
    owner_client: FlaskClient, key: str, text: str, sentence: str
) -> None:
    answer = owner_client.post("/subscribers/new", data={**TYPED, f"field_{key}": text})
    assert answer.status_code == 422
    assert sentence in answer.text
    assert 'value="ann@example.org"' in answer.text
    assert 'value="1,50"' in answer.text or key == "amount"
    assert db.session.scalar(sa.select(sa.func.count(Subscriber.id))) == 0


def test_a_field_cannot_be_hidden_by_an_attribute(owner_client: FlaskClient) -> None:
    typed = {**TYPED, "attribute_name": ["Plan"], "attribute_value": ["x"]}
    answer = owner_client.post("/subscribers/new", data=typed)
    assert answer.status_code == 422
    assert "The attribute “plan” is there twice." in answer.text
