"""Lists: created, edited, counted, deleted."""

from datetime import UTC, datetime

import pytest
import sqlalchemy as sa
from flask import Flask

from campaigns.audience import lists, subscriptions
from campaigns.audience.consent import ConsentEvidence
from campaigns.audience.models import (
    AudienceList,
    ConsentEvent,
    ImportRun,
    Subscriber,
    Subscription,
)
from campaigns.campaign.usage import campaigns_needing
from campaigns.db import db, transaction
from tests.english import refused
from tests.factories import a_campaign, a_list, a_subscriber

NOW = datetime(2030, 5, 4, 12, 0, tzinfo=UTC)


def test_subscribers_of_a_list_are_counted_by_status(app: Flask) -> None:
    with transaction():
        news, tips, nobody = a_list("News"), a_list("Tips"), a_list("Nobody")
        for number in range(3):
            a_subscriber(f"s{number}@example.org", news, tips)
        a_subscriber("p@example.org", news, state="pending")
        a_subscriber("u@example.org", tips, state="unsubscribed")
    assert lists.figures([news.id, tips.id, nobody.id]) == {
        news.id: lists.ListFigures(subscribed=3, pending=1),
        tips.id: lists.ListFigures(subscribed=3, unsubscribed=1),
        nobody.id: lists.ListFigures(),
    }


@pytest.mark.parametrize(
    ("name", "why"),
    [("  ", "Give the list a name"), ("x" * 101, "too long"), ("nEWS", "with this name already")],
)
def test_a_list_needs_a_unique_name(app: Flask, name: str, why: str) -> None:
    with transaction():
        a_list("News")
    with refused(lists.ListError, why) as caught, transaction():
        lists.create(name, now=NOW)
    assert caught.value.field == "name"


def test_an_edited_list_may_keep_its_name(app: Flask) -> None:
    with transaction():
        news = lists.create("News", now=NOW)
        lists.change(news.id, name="News", description=" Weekly\r\n", is_public=True)
    found = db.session.scalars(sa.select(AudienceList)).one()
    assert (found.name, found.description, found.is_public) == ("News", "Weekly", True)


def test_deleting_a_list_keeps_its_subscribers_and_their_proof(app: Flask) -> None:
    with transaction():
        news, tips = a_list("News"), a_list("Tips")
        alice = a_subscriber("alice@example.org", tips)
        subscriptions.subscribe(news.id, alice.id, ConsentEvidence("manual", NOW))
        lists.delete(news.id)
    assert db.session.scalars(sa.select(Subscriber.address)).all() == ["alice@example.org"]
    assert db.session.scalars(sa.select(Subscription.list_id)).all() == [tips.id]
    event = db.session.scalars(sa.select(ConsentEvent)).one()
    assert (event.subscriber_id, event.list_id, event.kind) == (alice.id, None, "subscribed")


def test_a_list_with_an_import_in_progress_cannot_be_deleted(app: Flask) -> None:
    with transaction():
        news = a_list("News")
        db.session.add(
            ImportRun(list_id=news.id, file_name="people.csv", path="x", status="running")
        )
    with refused(lists.ListError, r"people\.csv"), transaction():
        lists.delete(news.id)


def test_lists_of_campaigns_in_progress_cannot_be_deleted(app: Flask) -> None:
    with transaction():
        news, tips, free = a_list("News"), a_list("Tips"), a_list("Free")
        a_campaign(news, excluded=(tips,), subject="May", status="scheduled")
        a_campaign(news, name="Pause", status="paused")
        a_campaign(news, free, status="sent")
        a_campaign(free, status="draft")
    assert campaigns_needing(news.id) == ["May", "Pause"]
    assert campaigns_needing(tips.id) == ["May"]
    assert campaigns_needing(free.id) == []


def test_paging_through_lists_visits_each_once(app: Flask) -> None:
    with transaction():
        for number in range(120):
            a_list(f"List {number:03}")
    seen, after = [], None
    while True:
        page = lists.page(after=after)
        seen += [entry.name for entry in page.rows]
        if page.after is None:
            break
        after = page.after
    assert seen == [f"List {number:03}" for number in range(120)]
