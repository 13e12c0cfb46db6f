"""The timeline of a subscriber: complete, newest first, paged by key."""

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from flask import Flask

from campaigns.audience import subscriptions, suppressions
from campaigns.audience.bulk.models import BulkChange, BulkRun
from campaigns.audience.consent import ConsentEvidence
from campaigns.audience.models import Subscriber, SubscriberTag, Tag
from campaigns.campaign.models import CampaignLink
from campaigns.db import db, transaction
from campaigns.events.models import Event
from campaigns.events.record import record
from campaigns.messages import EventKind, ProviderEvent
from campaigns.reports import timeline
from campaigns.reports.timeline import Shown
from campaigns.transactional import queue
from tests.factories import a_campaign, a_delivery, a_list, a_subscriber

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
LINK = "https://shop.example/news"


def at(minute: int) -> datetime:
    return NOW + timedelta(minutes=minute)


@pytest.fixture
def ann(app: Flask) -> Subscriber:
    """Someone to whom one thing of each kind happened, and a neighbour with the same."""
    with transaction():
        news = a_list("News")
        campaign = a_campaign(news, status="sent", subject="May issue")
        db.session.add(CampaignLink(campaign_id=campaign.id, number=0, target=LINK))
        tag = Tag(name="VIP", name_normal="vip")
        db.session.add(tag)
        db.session.flush()
        for name in ("bob", "Ann"):
            person = a_subscriber(f"{name}@example.org", created_at=at(0))
            form = ConsentEvidence("form", at(1), "Yes, please", "192.0.2.1", "Firefox")
            subscriptions.request(news.id, person.id, form)
            queue.enqueue("confirm", person.address, {}, now=at(2))
            queue.enqueue("alert", person.address, {}, now=at(2))
            subscriptions.confirm(news.id, person.id, ConsentEvidence("form", at(3)))
            db.session.add(SubscriberTag(tag_id=tag.id, subscriber_id=person.id, tagged_at=at(4)))
            for action, minute in (("untag", 4), ("subscribe", 4)):
                run = BulkRun(
                    action=action, selection={}, last_id=0, matched=1, created_at=at(minute)
                )
                db.session.add(run)
                db.session.flush()
                db.session.add(BulkChange(run_id=run.id, subscriber_id=person.id))
            delivery = a_delivery(campaign, person, status="sent", sent_at=at(5))
            happened: tuple[tuple[EventKind, int, int | None], ...] = (
                ("opened", 6, None),
                ("clicked", 7, 0),
                ("unsubscribed", 8, None),
            )
            record(
                [
                    ProviderEvent(kind, delivery.id, at(minute), f"{name}{minute}", link)
                    for kind, minute, link in happened
                ],
                now=at(9),
            )
            subscriptions.unsubscribe(
                [news.id], person.id, ConsentEvidence("page", at(8)), campaign_id=campaign.id
            )
            suppressions.suppress(
                person.address_normal, reason="manual", source="me@example.org", now=at(9)
            )
    return person


def kinds(person: Subscriber, shown: Shown = "all") -> list[str]:
    return [entry.kind for entry in timeline.page(person, shown=shown).entries]


def test_it_contains_everything_newest_first(ann: Subscriber) -> None:
    assert kinds(ann) == [
        "manual",
        "unsubscribed",
        "clicked",
        "opened",
        "sent",
        "untag",
        "tagged",
        "confirmed",
        "confirm",
        "requested",
        "added",
    ]


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        ("emails", ["sent", "confirm"]),
        ("consent", ["manual", "unsubscribed", "confirmed", "requested"]),
        ("engagement", ["clicked", "opened"]),
    ],
)
def test_it_is_filtered(ann: Subscriber, shown: Shown, expected: list[str]) -> None:
    assert kinds(ann, shown) == expected


def test_entries_name_what_they_are_about(ann: Subscriber) -> None:
    entries = {entry.kind: entry for entry in timeline.page(ann).entries}
    assert (entries["clicked"].campaign, entries["clicked"].link) == ("May issue", LINK)
    assert entries["unsubscribed"].campaign == "May issue"
    requested = entries["requested"]
    assert (requested.list_name, requested.reply, requested.ip) == (
        "News",
        "Yes, please",
        "192.0.2.1",
    )
    assert entries["tagged"].tag == "VIP"


def test_pages_show_each_of_many_entries_once(ann: Subscriber) -> None:
    """Also entries at the same time, of which one page ends in the middle."""
    delivery_id = db.session.scalars(
        sa.select(Event.delivery_id).order_by(Event.id.desc()).limit(1)
    ).one()
    with transaction():
        record(
            [ProviderEvent("opened", delivery_id, at(6), f"again{n}") for n in range(70)],
            now=at(9),
        )
    seen, after = [], ""
    while True:
        page = timeline.page(ann, after=after)
        seen += [(entry.at, entry.kind) for entry in page.entries]
        after = page.after
        if not after:
            break
    assert len(seen) == 81
    assert [moment for moment, _ in seen] == sorted((m for m, _ in seen), reverse=True)


@pytest.mark.parametrize("key", ["x", "1-2", "-1-2-3", "9" * 17 + "-1-1", "1-2-3-4", "²-1-1"])
def test_a_key_typed_by_hand_shows_a_page(ann: Subscriber, key: str) -> None:
    assert len(timeline.page(ann, after=key).entries) in {0, 11}
