"""The pages of lists."""

from datetime import UTC, datetime

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from campaigns.audience import lists
from campaigns.audience.models import AudienceList
from campaigns.campaign import series
from campaigns.clock import utcnow
from campaigns.db import db, transaction
from tests.factories import a_campaign, a_list, a_sender, a_series, a_subscriber
from tests.web.statements import counted

NOW = datetime(2030, 5, 4, 12, 0, tzinfo=UTC)


def test_without_lists_the_page_says_what_to_do(owner_client: FlaskClient) -> None:
    page = owner_client.get("/lists")
    assert page.status_code == 200
    assert "No lists yet" in page.text


def test_a_list_is_created_and_shown(owner_client: FlaskClient) -> None:
    answer = owner_client.post(
        "/lists/new", data={"name": "News <1>", "description": "Weekly", "is_public": "1"}
    )
    assert answer.status_code == 302
    page = owner_client.get(answer.location)
    assert "News &lt;1&gt;" in page.text
    entry = db.session.scalars(sa.select(AudienceList)).one()
    assert f"https://news.example.org/s/{entry.public_id}" in page.text
    assert "News &lt;1&gt;" in owner_client.get("/lists").text


def test_a_private_list_shows_no_link(owner_client: FlaskClient) -> None:
    with transaction():
        entry = a_list("News")
    assert "/s/" not in owner_client.get(f"/lists/{entry.public_id}").text


@pytest.mark.parametrize("name", ["", "news"])
def test_an_invalid_name_keeps_the_form_as_typed(owner_client: FlaskClient, name: str) -> None:
    with transaction():
        a_list("News")
    page = owner_client.post("/lists/new", data={"name": name, "description": "Typed text"})
    assert page.status_code == 422
    assert "Typed text" in page.text
    assert "invalid-feedback" in page.text


def test_a_list_is_edited(owner_client: FlaskClient) -> None:
    with transaction():
        entry = a_list("News", is_public=True)
    path = f"/lists/{entry.public_id}/edit"
    assert 'value="News"' in owner_client.get(path).text
    owner_client.post(path, data={"name": "Tips", "description": ""})
    db.session.expire_all()
    found = lists.find(entry.public_id)
    assert found is not None
    assert (found.name, found.is_public) == ("Tips", False)


def test_a_list_is_deleted_only_by_typing_its_name(owner_client: FlaskClient) -> None:
    with transaction():
        entry = a_list("News")
        a_subscriber("alice@example.org", entry)
    path = f"/lists/{entry.public_id}/delete"
    assert "1 subscriber is removed from this list" in owner_client.get(path).text
    wrong = owner_client.post(path, data={"confirm": "Newz"})
    assert wrong.status_code == 422
    assert "not the name" in wrong.text
    assert lists.find(entry.public_id) is not None
    assert owner_client.post(path, data={"confirm": "News"}).status_code == 302
    assert lists.find(entry.public_id) is None
    assert "alice@example.org" in owner_client.get("/subscribers").text


def test_a_list_of_a_campaign_in_progress_cannot_be_deleted(owner_client: FlaskClient) -> None:
    with transaction():
        entry = a_list("News")
        a_campaign(entry, subject="May issue", status="scheduled")
    path = f"/lists/{entry.public_id}/delete"
    assert "May issue" in owner_client.get(path).text
    answer = owner_client.post(path, data={"confirm": "News"})
    assert answer.status_code == 422
    assert "May issue" in answer.text
    assert lists.find(entry.public_id) is not None


def test_a_list_of_a_series_cannot_be_deleted_until_it_ends(owner_client: FlaskClient) -> None:
    with transaction():
        entry, left_out = a_list("News"), a_list("Staff")
        found = a_series(entry, excluded=(left_out,), sender=a_sender())
    for name, wanted in (("News", entry), ("Staff", left_out)):
        answer = owner_client.post(f"/lists/{wanted.public_id}/delete", data={"confirm": name})
        assert answer.status_code == 422
        assert "Scheduled, recurring or sending campaigns use it: “Morning letter”" in answer.text
    with transaction():
        series.end(found.id, now=utcnow())
    answer = owner_client.post(f"/lists/{entry.public_id}/delete", data={"confirm": "News"})
    assert answer.location == "/lists"


@pytest.mark.parametrize("path", ["", "/edit", "/delete"])
def test_a_deleted_list_is_not_found(owner_client: FlaskClient, path: str) -> None:
    assert owner_client.get(f"/lists/abcdefghijkl{path}").status_code == 404


def test_the_page_needs_no_more_statements_for_many_lists(
    app: Flask, owner_client: FlaskClient
) -> None:
    with transaction():
        a_subscriber("alice@example.org", a_list("List 0"))
    owner_client.get("/lists")  # from here on, objects are cached in the test's app context
    with counted() as few:
        owner_client.get("/lists")
    with transaction():
        for number in range(1, 30):
            a_subscriber(f"s{number}@example.org", a_list(f"List {number}"))
    with counted() as many:
        assert "List 29" in owner_client.get("/lists").text
    assert len(many) == len(few)
