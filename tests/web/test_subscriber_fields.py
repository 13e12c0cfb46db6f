"""Names and custom fields in the form and on the page of a subscriber."""

from datetime import UTC, datetime
from typing import Any

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient

from campaigns.audience.fields import definitions
from campaigns.audience.models import Subscriber
from campaigns.db import db, transaction
from tests.factories import a_field, a_subscriber
from tests.web.page_forms import inputs_of

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
    owner_client.post(f"/subscribers/{person.public_id}/edit", data=inputs_of(page))
    found = db.session.get_one(Subscriber, person.id, populate_existing=True)
    assert (found.attributes, found.name) == (STORED, "Dr. Lee")


def test_the_full_name_follows_first_and_last_name_unless_it_was_given(
    owner_client: FlaskClient,
) -> None:
    with transaction():
        person = a_subscriber("ann@example.org", name="Ann Lee", first_name="Ann", last_name="Lee")
    path = f"/subscribers/{person.public_id}/edit"
    assert 'value="Ann Lee"' not in owner_client.get(path).text
    opened = inputs_of(owner_client.get(path).text)
    owner_client.post(path, data={**opened, "first_name": "Anna", "last_name": ""})
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


# --- What changes while the form is open


def opened_by(client: FlaskClient, person: Subscriber) -> tuple[str, dict[str, Any]]:
    path = f"/subscribers/{person.public_id}/edit"
    return path, dict(inputs_of(client.get(path).text))


def rewritten(person: Subscriber, **changed: Any) -> None:
    """Change stored columns, as an import, a field job or a colleague does."""
    with transaction():
        db.session.execute(sa.update(Subscriber).values(**changed))


def test_a_form_saves_only_what_was_changed_in_it(owner_client: FlaskClient) -> None:
    with transaction():
        person = a_subscriber(
            "ann@example.org", attributes={**STORED, "old": "1"}, first_name="Ann", last_name="Lee"
        )
    path, form = opened_by(owner_client, person)
    newer = {
        "birthday": "1999-01-01", "amount": 7, "member": True, "plan": "free", "topics": ["news"],
        "country": "FR", "site": "https://new.example", "city": "Bonn", "old": "2", "tier": [1],
    }  # fmt: skip
    rewritten(
        person, attributes=newer, address="new@example.org", last_name="Long", name="Ann Long"
    )
    form |= {"first_name": "Anna", "field_country": "IT", "attribute_name": ["city", "shoe"]}
    form |= {"attribute_value": ["Ulm", "42"]}  # the row "old" is removed
    assert owner_client.post(path, data=form).status_code == 302
    found = db.session.get_one(Subscriber, person.id, populate_existing=True)
    expected = {**newer, "country": "IT", "shoe": "42"}
    del expected["old"]
    assert found.attributes == expected
    assert (found.address, found.name) == ("new@example.org", "Anna Long")


def test_a_refused_form_still_knows_what_it_showed_first(owner_client: FlaskClient) -> None:
    with transaction():
        person = a_subscriber("ann@example.org", attributes=STORED)
    path, form = opened_by(owner_client, person)
    rewritten(person, attributes={**STORED, "city": "Bonn"})
    refused = owner_client.post(path, data={**form, "field_amount": "gold"})
    assert refused.status_code == 422
    form = inputs_of(refused.text)
    owner_client.post(path, data={**form, "field_amount": "3"})
    found = db.session.get_one(Subscriber, person.id, populate_existing=True)
    assert found.attributes == {**STORED, "city": "Bonn", "amount": 3}


def test_values_of_a_renamed_or_new_field_are_not_lost(owner_client: FlaskClient) -> None:
    with transaction():
        site = definitions.all_fields()[-1]
        person = a_subscriber("ann@example.org", attributes=STORED)
    path, form = opened_by(owner_client, person)
    with transaction():
        definitions.rename_key(site.id, "homepage", now=datetime(2030, 5, 4, tzinfo=UTC))
        a_field("City")
    renamed = {**STORED, "homepage": STORED["site"]}
    del renamed["site"]
    rewritten(person, attributes=renamed)
    assert owner_client.post(path, data=form).status_code == 302
    found = db.session.get_one(Subscriber, person.id, populate_existing=True)
    assert found.attributes == renamed
    # A value for a field that is gone is neither saved elsewhere nor lost.
    refused = owner_client.post(path, data={**form, "field_site": "new.example"})
    assert refused.status_code == 422
    assert "renamed or deleted" in refused.text
    form = dict(inputs_of(refused.text))
    assert form["attribute_name"] == ["city", "site"]
    owner_client.post(path, data=form)
    found = db.session.get_one(Subscriber, person.id, populate_existing=True)
    assert found.attributes == {**renamed, "site": "new.example"}


def test_an_option_that_was_removed_stays_with_a_person_whose_form_is_saved(
    owner_client: FlaskClient,
) -> None:
    with transaction():
        stored = {"topics": ["news", "removed"], "plan": "removed", "city": "Ulm\nSouth"}
        person = a_subscriber("ann@example.org", attributes=stored)
    path, form = opened_by(owner_client, person)
    form["attribute_value"] = ["UlmSouth"]  # as browsers send it
    assert owner_client.post(path, data=form).status_code == 302
    found = db.session.get_one(Subscriber, person.id, populate_existing=True)
    assert found.attributes == stored
