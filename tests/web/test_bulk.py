"""The pages of bulk actions: who is selected, progress, undo."""

import html
import json
import re
from collections.abc import Sequence
from contextvars import Context
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from campaigns.audience import subscriptions, tags
from campaigns.audience.bulk import runs
from campaigns.audience.bulk.models import BulkRun
from campaigns.audience.consent import ConsentEvidence
from campaigns.audience.fields import definitions
from campaigns.audience.fields.definitions import FieldInput
from campaigns.audience.fields.models import Field
from campaigns.audience.models import Subscriber, SubscriberTag, Tag
from campaigns.audience.segments import saved, tree
from campaigns.audience.segments.models import Segment
from campaigns.clock import utcnow
from campaigns.db import db, transaction
from campaigns.jobs import bulk
from campaigns.web import bulk as pages
from tests.factories import a_list, a_subscriber, subscribers


def tagged(name: str) -> list[str]:
    db.session.rollback()
    statement = sa.select(Subscriber.address).join(SubscriberTag).join(Tag)
    found = db.session.scalars(statement.where(Tag.name == name).order_by(Subscriber.id))
    return [address.partition("@")[0] for address in found]


def only_run() -> BulkRun:
    db.session.rollback()
    run = db.session.scalars(sa.select(BulkRun).order_by(BulkRun.id.desc())).first()
    assert run is not None
    return run


def post(client: FlaskClient, query: str = "", **data: Any) -> str:
    """Send the bulk form, and return the next page as text."""
    answer = client.post(f"/subscribers/bulk{query}", data=data)
    assert answer.status_code == 302
    return html.unescape(client.get(answer.location).text)


def undo_path(page: str) -> str:
    (path,) = re.findall(r'action="(/subscribers/tasks/\w+/undo[^"]*)"', page)
    return str(path)


def test_all_matching_are_counted_exactly_and_tagged_and_undone(owner_client: FlaskClient) -> None:
    with transaction():
        subscribers(f"p{number}@shop.example" for number in range(70))
        subscribers(f"q{number}@other.example" for number in range(3))
    query = "?q=@shop.example"
    offer = owner_client.get(f"/subscribers/matching{query}").text
    assert "Select all 70 matching subscribers" in offer
    page = post(owner_client, query, action="tag", tag=" VIP ", all="1")
    assert "Added the tag “VIP” to 70 subscribers." in page
    assert tagged("VIP") == [f"p{number}" for number in range(70)]
    answer = owner_client.post(undo_path(page))
    assert answer.location == "/subscribers?q=@shop.example"
    assert "Undone for 70 subscribers." in owner_client.get(answer.location).text
    assert tagged("VIP") == []


def test_a_large_run_is_left_to_the_workers_and_shows_its_progress(
    owner_client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "AT_ONCE", 5)
    monkeypatch.setattr(runs, "CHUNK", 4)
    with transaction():
        subscribers(f"p{number}@shop.example" for number in range(10))
    page = post(owner_client, action="tag", tag="VIP", all="1")
    run = only_run()
    assert (run.status, run.outcomes) == ("queued", {})
    assert "0 of 10" in page
    strip = f"/subscribers/tasks/strip?shown={run.public_id}"
    assert strip in page
    bulk.work(run.id, seconds=0)
    assert "4 of 10" in owner_client.get(strip, headers={"HX-Request": "true"}).text
    assert "4 of 10 subscribers" in owner_client.get(f"/subscribers/tasks/{run.public_id}").text
    bulk.work(run.id, seconds=9)
    ended = owner_client.get(strip, headers={"HX-Request": "true"}).text
    assert "hx-get" not in ended
    assert "to 10 subscribers." in ended
    assert undo_path(ended).startswith(f"/subscribers/tasks/{run.public_id}/undo")
    assert "hx-get" not in owner_client.get(f"/subscribers/tasks/{run.public_id}/progress").text
    assert "Add tag “VIP”" in owner_client.get("/subscribers/tasks").text


def test_a_large_run_that_ends_before_the_page_is_shown_says_so(
    owner_client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "AT_ONCE", 5)
    with transaction():
        subscribers(f"p{number}@shop.example" for number in range(10))
    answer = owner_client.post("/subscribers/bulk", data={"action": "tag", "tag": "VIP", "all": 1})
    bulk.work(only_run().id, seconds=9)
    page = html.unescape(owner_client.get(answer.location).text)
    assert "Added the tag “VIP” to 10 subscribers." in page
    assert 'hx-get="/subscribers/tasks/strip' not in page
    owner_client.post(undo_path(page))
    bulk.work(only_run().id, seconds=9)
    assert "Undone for 10 subscribers." in owner_client.get(answer.location).text


def test_a_run_is_stopped_and_undone_on_its_page(
    owner_client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "AT_ONCE", 5)
    monkeypatch.setattr(runs, "CHUNK", 4)
    with transaction():
        subscribers(f"p{number}@shop.example" for number in range(10))
    post(owner_client, action="tag", tag="VIP", all="1")
    run = only_run()
    bulk.work(run.id, seconds=0)
    path = f"/subscribers/tasks/{run.public_id}"
    assert owner_client.post(f"{path}/cancel").location == path
    assert "Changes made before that stay" in owner_client.get(path).text
    answer = owner_client.post(f"{path}/undo")
    assert "Undone for 4 subscribers." in owner_client.get(answer.location).text
    assert tagged("VIP") == []
    again = owner_client.post(f"{path}/undo")
    assert "can no longer be undone" in owner_client.get(again.location).text


def test_deleting_all_matching_asks_for_the_word_and_shows_the_number(
    owner_client: FlaskClient,
) -> None:
    with transaction():
        subscribers(f"p{number}@shop.example" for number in range(60))
        a_subscriber("stays@other.example")
    data = {"action": "delete", "all": "1"}
    asked = owner_client.post("/subscribers/bulk?q=@shop.example", data=data)
    assert "Delete 60 subscribers" in asked.text
    assert 'name="all" value="1"' in asked.text
    wrong = owner_client.post("/subscribers/bulk?q=@shop.example", data={**data, "confirm": "x"})
    assert wrong.status_code == 422
    page = post(owner_client, "?q=@shop.example", **data, confirm="delete")
    assert "Deleted 60 subscribers." in page
    assert "/undo" not in page
    assert db.session.scalars(sa.select(Subscriber.address)).all() == ["stays@other.example"]


def test_deleting_all_matching_asks_again_when_more_match_than_were_confirmed(
    owner_client: FlaskClient,
) -> None:
    with transaction():
        subscribers(["p1@shop.example", "p2@shop.example"])
    path = "/subscribers/bulk?q=@shop.example"
    asked = owner_client.post(path, data={"action": "delete", "all": "1"})
    names = ("action", "all", "matched")
    shown = {name: re.findall(rf'name="{name}" value="([^"]*)"', asked.text) for name in names}
    with transaction():
        a_subscriber("p3@shop.example")
    again = owner_client.post(path, data={**shown, "confirm": "delete"})
    assert again.status_code == 422
    assert "More subscribers match now." in again.text
    assert "Delete 3 subscribers" in again.text
    assert db.session.scalar(sa.select(sa.func.count(Subscriber.id))) == 3
    shown["matched"] = re.findall(r'name="matched" value="([^"]*)"', again.text)
    assert "Deleted 3 subscribers." in post(
        owner_client, "?q=@shop.example", **shown, confirm="delete"
    )


def test_a_field_is_set_to_a_checked_value_and_restored(owner_client: FlaskClient) -> None:
    with transaction():
        definitions.create(FieldInput("Age", type="number"), now=utcnow())
        key = db.session.scalars(sa.select(Field.public_id)).one()
        person = a_subscriber("ann@example.org", attributes={"age": 7})
        ids = {"subscriber": person.public_id, "action": "set_field", "field": key}
    assert "many" in post(owner_client, **ids, value="many")
    assert db.session.get_one(Subscriber, person.id).attributes == {"age": 7}
    page = post(owner_client, **ids, value="42")
    assert "Changed “Age” of 1 subscriber." in page
    db.session.rollback()
    found = db.session.get_one(Subscriber, person.id, populate_existing=True)
    assert found.attributes == {"age": 42}
    owner_client.post(undo_path(page))
    db.session.rollback()
    found = db.session.get_one(Subscriber, person.id, populate_existing=True)
    assert found.attributes == {"age": 7}


def test_undoing_in_bulk_accounts_for_those_who_left_since(owner_client: FlaskClient) -> None:
    with transaction():
        news = a_list("News")
        ann, bob = a_subscriber("ann@example.org", news), a_subscriber("bob@example.org", news)
        ids = [ann.public_id, bob.public_id]
    page = post(owner_client, action="unsubscribe", list=news.public_id, subscriber=ids)
    assert "Removed 2 subscribers from “News”." in page
    with transaction():
        subscriptions.unsubscribe([news.id], ann.id, ConsentEvidence("page", utcnow()))
    answer = owner_client.post(undo_path(page))
    page = owner_client.get(answer.location).text
    assert "Undone for 1 subscriber. 1 has unsubscribed since and was not added again." in page
    assert subscriptions.state(news.id, ann.id) == "unsubscribed"
    assert subscriptions.state(news.id, bob.id) == "subscribed"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"action": "tag", "tag": " "}, "Enter one tag"),
        ({"action": "tag", "tag": "a, b"}, "Enter one tag"),
        ({"action": "tag", "tag": "x" * 10_000}, "at most 100 characters"),
        ({"action": "untag", "tag": "none"}, "There is no tag “none”"),
        ({"action": "set_field", "field": "x"}, "Choose a field"),
    ],
)
def test_an_incomplete_action_says_what_is_missing(
    owner_client: FlaskClient, data: dict[str, str], message: str
) -> None:
    with transaction():
        public_id = a_subscriber().public_id
    assert message in post(owner_client, subscriber=public_id, **data)
    assert db.session.scalars(sa.select(BulkRun)).all() == []


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("?q=nobody", "Nobody matches this selection now"),
        ("?segment=gone", "of this search was deleted"),
        ("?tag=gone", "of this search was deleted"),
        ("?list=gone", "of this search was deleted"),
    ],
)
@pytest.mark.parametrize("action", ["tag", "delete"])
def test_a_selection_that_vanished_changes_nobody(
    owner_client: FlaskClient, query: str, message: str, action: str
) -> None:
    with transaction():
        a_subscriber()
    page = post(owner_client, query, action=action, tag="VIP", confirm="delete", all="1")
    assert message in page
    assert db.session.scalars(sa.select(BulkRun)).all() == []
    assert len(db.session.scalars(sa.select(Subscriber)).all()) == 1


@pytest.mark.parametrize("name", ["=cmd()", "<script>alert(1)</script>", "\u202eVIP\u200f", "Käse"])
def test_tags_with_odd_names_are_shown_as_text(owner_client: FlaskClient, name: str) -> None:
    with transaction():
        public_id = a_subscriber().public_id
    post(owner_client, subscriber=public_id, action="tag", tag=name)
    (tag,) = db.session.scalars(sa.select(Tag)).all()
    assert tag.name.isprintable()
    page = owner_client.get(f"/subscribers?tag={tag.public_id}").text
    assert "<script>alert" not in page
    assert "alice@example.org" in page


def test_a_segment_is_a_view_of_the_table_and_of_its_export(owner_client: FlaskClient) -> None:
    with transaction():
        for name in ("ann", "bob"):
            a_subscriber(f"{name}@example.org")
        (vip,) = tags.created(["VIP"], now=utcnow())
        tags.add_many([(1, vip.id)], now=utcnow())
        rules = {"kind": "all", "rules": [{"kind": "tag", "tags": [vip.id]}]}
        root = tree.parse({"version": 1, "root": rules})
        segment = saved.create("VIPs", root, now=utcnow())
    path = f"/subscribers?segment={segment.public_id}"
    page = owner_client.get(path).text
    assert "Segment: VIPs" in page
    assert "ann@example.org" in page
    assert "bob@example.org" not in page
    exported = owner_client.get(f"/subscribers/export.csv?segment={segment.public_id}").text
    assert "ann@" in exported
    assert "bob@" not in exported
    assert owner_client.get("/subscribers?segment=gone").status_code == 404
    assert owner_client.get("/subscribers?tag=gone").status_code == 404
    with transaction():
        broken = {"version": 1, "root": {"kind": "all", "rules": [{"kind": "newer"}]}}
        db.session.execute(sa.update(Segment).values(rules=broken))
    page = owner_client.get(path).text
    assert "This segment cannot be used" in page
    answer = owner_client.get(f"/subscribers/export.csv?segment={segment.public_id}")
    assert answer.status_code == 302
    assert "does not know the rule" in owner_client.get(f"/subscribers/matching{path[12:]}").text
    page = post(owner_client, path[12:], action="tag", tag="x", all="1")
    assert "does not know the rule" in page


def test_a_search_is_offered_as_the_rules_of_a_segment(owner_client: FlaskClient) -> None:
    with transaction():
        news = a_list("News")
        a_subscriber("ann@example.org", news)
        (vip,) = tags.created(["VIP"], now=utcnow())
    query = f"q=@Example.org&list={news.public_id}&state=subscribed&tag={vip.public_id}"
    page = html.unescape(owner_client.get(f"/subscribers?{query}").text)
    assert "Save this search as a segment" in page
    (link,) = re.findall(r'href="(/segments/new\?[^"]+)"', page)
    rules = json.loads(parse_qs(urlsplit(link).query)["rules"][0])
    assert rules["root"]["rules"] == [
        {"kind": "list", "op": "is", "list": news.id, "state": "subscribed"},
        {"kind": "tag", "op": "has_any", "tags": [vip.id]},
        {"kind": "domain", "op": "is_one_of", "values": ["example.org"]},
    ]
    builder = owner_client.get(link)
    assert builder.status_code == 200
    assert "example.org" in builder.text
    assert "cannot be read" not in builder.text
    assert "Save this search" not in owner_client.get("/subscribers").text


def test_a_run_that_ends_while_a_page_is_made_is_told_once(
    app: Flask, owner_client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "AT_ONCE", 5)
    with transaction():
        subscribers(f"p{number}@shop.example" for number in range(10))
    post(owner_client, action="tag", tag="VIP", all="1")
    run_id, public_id = only_run().id, only_run().public_id
    in_progress = runs.in_progress

    def seen_and_ended() -> Sequence[BulkRun]:
        found = in_progress()
        Context().run(end)
        return found

    def end() -> None:
        with app.app_context():
            bulk.work(run_id, seconds=9)

    strip = f"/subscribers/tasks/strip?shown={public_id}"
    with monkeypatch.context() as patch:
        patch.setattr(runs, "in_progress", seen_and_ended)
        before = owner_client.get(strip, headers={"HX-Request": "true"}).text
    assert strip in before
    assert "toast" not in before
    assert "to 10 subscribers." in owner_client.get(strip, headers={"HX-Request": "true"}).text
