"""Why a subscriber got a campaign, did not, or would now."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask

from campaigns.audience import subscriptions, suppressions
from campaigns.audience.consent import ConsentEvidence
from campaigns.audience.models import AudienceList, Subscriber
from campaigns.audience.segments import saved, tree
from campaigns.campaign import audience
from campaigns.campaign.models import Campaign, CampaignSegment, Reply
from campaigns.clock import utcnow
from campaigns.db import db, transaction
from campaigns.reports.receipt import Receipt, receipt
from tests.factories import a_campaign, a_delivery, a_list, a_subscriber

START = datetime(2026, 11, 20, 12, tzinfo=UTC)
NOW = START + timedelta(days=5)
DAY = timedelta(days=1)


def codes(found: Receipt) -> list[str]:
    return [found.headline.code, *(fact.reason.code for fact in found.facts)]


def by_form(at: datetime) -> ConsentEvidence:
    return ConsentEvidence("form", at)


def asked(campaign: Campaign, person: Subscriber) -> Receipt:
    return receipt(campaign, person, now=NOW)


def a_segment(campaign: Campaign, entry: AudienceList, *, is_excluded: bool = False) -> str:
    """Limit a campaign to the people on a list, or exclude them, by a segment."""
    rules = {"kind": "all", "rules": [{"kind": "list", "list": entry.id}]}
    segment = saved.create(
        f"Segment {entry.name}", tree.parse({"version": 1, "root": rules}), now=NOW
    )
    db.session.add(
        CampaignSegment(campaign_id=campaign.id, segment_id=segment.id, is_excluded=is_excluded)
    )
    db.session.flush()
    return segment.public_id


@pytest.mark.parametrize(
    ("values", "verdict", "expected"),
    [
        (
            {"status": "sent", "sent_at": START, "first_opened_at": NOW, "first_clicked_at": NOW},
            "yes",
            ["receipt.sent", "receipt.through_list", "receipt.opened", "receipt.clicked"],
        ),
        (
            {"status": "sent", "sent_at": START, "bounced_at": NOW, "complained_at": NOW},
            "yes",
            ["receipt.sent", "receipt.through_list", "receipt.bounced", "receipt.complained"],
        ),
        ({"status": "sent"}, "yes", ["receipt.sent_some_time", "receipt.through_list"]),
        (
            {"status": "queued", "reason": "deferred", "not_before": NOW},
            "not_yet",
            ["receipt.queued", "outcome.deferred", "receipt.due", "receipt.through_list"],
        ),
        (
            {"status": "skipped", "reason": "suppressed"},
            "no",
            ["receipt.skipped", "outcome.suppressed", "receipt.through_list"],
        ),
        (
            {"status": "unknown", "reason": "no_answer"},
            "maybe",
            ["receipt.unknown", "outcome.no_answer", "receipt.through_list"],
        ),
    ],
)
def test_a_delivery_answers(
    app: Flask, values: dict[str, Any], verdict: str, expected: list[str]
) -> None:
    with transaction():
        news = a_list()
        ann = a_subscriber("ann@example.org", news)
        campaign = a_campaign(news, status="sent", started_at=START)
        a_delivery(campaign, ann, list_id=news.id, **values)
    found = asked(campaign, ann)
    assert (found.verdict, codes(found)) == (verdict, expected)


def test_the_reply_of_the_server_is_quoted(app: Flask) -> None:
    with transaction():
        reply = Reply(digest="1", code=550, text="550 no such user (id {ref})")
        db.session.add(reply)
        db.session.flush()
        ann = a_subscriber("ann@example.org")
        campaign = a_campaign(status="sent", started_at=START)
        a_delivery(
            campaign, ann, status="failed", reason="no_mailbox", reply_id=reply.id, reply_ref="4F1"
        )
    assert asked(campaign, ann).reply == "550 no such user (id 4F1)"


def test_someone_added_after_the_start_is_told_apart(app: Flask) -> None:
    with transaction():
        news = a_list()
        ann = a_subscriber("ann@example.org", news, created_at=START + DAY)
        campaign = a_campaign(news, status="sent", started_at=START)
    assert codes(asked(campaign, ann)) == ["receipt.not_in_audience", "receipt.added_later"]


def test_lists_are_judged_as_they_were_at_the_start(app: Flask) -> None:
    """Each person is on the list today or not; what counts is the state at the start."""
    with transaction():
        news, other = a_list("News"), a_list("Other")
        people = {
            name: a_subscriber(f"{name}@example.org", created_at=START - 9 * DAY)
            for name in ("later", "left", "waits", "never", "excluded", "left_exclusion")
        }
        on = {name: person.id for name, person in people.items()}
        subscriptions.subscribe(news.id, on["later"], by_form(START + DAY))
        subscriptions.subscribe(news.id, on["left"], by_form(START - 3 * DAY))
        subscriptions.unsubscribe([news.id], on["left"], by_form(START - DAY))
        subscriptions.request(news.id, on["waits"], by_form(START - DAY))
        for name in ("excluded", "left_exclusion"):
            for entry in (news, other):
                subscriptions.subscribe(entry.id, on[name], by_form(START - DAY))
        subscriptions.unsubscribe([other.id], on["left_exclusion"], by_form(START + DAY))
        campaign = a_campaign(news, excluded=(other,), status="sent", started_at=START)
    answers = {name: codes(asked(campaign, person))[1:] for name, person in people.items()}
    assert answers == {
        "later": ["receipt.joined_later"],
        "left": ["receipt.left_list"],
        "waits": ["receipt.pending"],
        "never": ["receipt.never_on_list"],
        "excluded": ["receipt.excluded_list"],
        "left_exclusion": ["receipt.excluded_list"],
    }


def test_segments_of_a_sent_campaign_are_judged_as_of_today(app: Flask) -> None:
    with transaction():
        news, other = a_list("News"), a_list("Other")
        ann = a_subscriber("ann@example.org", created_at=START - DAY)
        subscriptions.subscribe(news.id, ann.id, by_form(START - DAY))
        campaign = a_campaign(news, status="sent", started_at=START)
        public_id = a_segment(campaign, other)
    found = asked(campaign, ann)
    assert codes(found) == ["receipt.not_in_audience", "receipt.outside_segment_today"]
    assert found.facts[0].segment_public_id == public_id


def test_without_any_explanation_it_says_so(app: Flask) -> None:
    with transaction():
        news = a_list()
        ann = a_subscriber("ann@example.org", created_at=START - DAY)
        subscriptions.subscribe(news.id, ann.id, by_form(START - DAY))
        campaign = a_campaign(news, status="sent", started_at=START)
    assert codes(asked(campaign, ann)) == ["receipt.not_in_audience", "receipt.unexplained"]


@pytest.mark.parametrize(
    ("status", "code"),
    [("preparing", "receipt.preparing"), ("cancelled", "receipt.never_started")],
)
def test_a_campaign_without_an_audience_says_so(app: Flask, status: str, code: str) -> None:
    with transaction():
        ann = a_subscriber("ann@example.org")
        campaign = a_campaign(a_list(), status=status)
    assert codes(asked(campaign, ann)) == [code]


def test_a_draft_without_lists_reaches_nobody(app: Flask) -> None:
    with transaction():
        ann = a_subscriber("ann@example.org")
        campaign = a_campaign()
    assert codes(asked(campaign, ann)) == ["receipt.would_not", "receipt.no_lists"]


def test_the_answer_about_a_draft_agrees_with_its_audience(app: Flask) -> None:
    """Every combination of two included lists, an excluded one and a suppression."""
    with transaction():
        entries = [a_list(name) for name in ("A", "B", "Out")]
        people = []
        for number in range(16):
            on = [entry for bit, entry in enumerate(entries) if number >> bit & 1]
            person = a_subscriber(f"p{number}@example.org", *on)
            people.append(person)
            if number & 8:
                suppressions.suppress(person.address_normal, reason="manual", source="", now=NOW)
        campaign = a_campaign(*entries[:2], excluded=(entries[2],))
    assert would_get(campaign, people) == in_audience(campaign)
    assert len(in_audience(campaign)) == 3


def test_the_answer_about_segments_agrees_with_the_audience(app: Flask) -> None:
    """Every combination of a list, two included segments and an excluded one."""
    with transaction():
        entries = [a_list(name) for name in ("To", "A", "B", "Out")]
        people = [
            a_subscriber(f"p{n}@example.org", *[e for bit, e in enumerate(entries) if n >> bit & 1])
            for n in range(16)
        ]
        campaign = a_campaign(entries[0])
        a_segment(campaign, entries[1])
        a_segment(campaign, entries[2])
        a_segment(campaign, entries[3], is_excluded=True)
    assert would_get(campaign, people) == in_audience(campaign)
    assert len(in_audience(campaign)) == 3


def test_a_deleted_or_broken_segment_is_named(app: Flask) -> None:
    with transaction():
        news, other = a_list("News"), a_list("Other")
        ann = a_subscriber("ann@example.org", news)
        campaign = a_campaign(news)
        a_segment(campaign, other)
        db.session.delete(other)
        db.session.add(CampaignSegment(campaign_id=campaign.id, segment_id=99))
    found = asked(campaign, ann)
    assert found.verdict == "no"
    assert set(codes(found)[1:]) == {"receipt.segment_deleted", "receipt.segment_unusable"}


def would_get(campaign: Campaign, people: Sequence[Subscriber]) -> set[int]:
    return {person.id for person in people if asked(campaign, person).verdict == "yes"}


def in_audience(campaign: Campaign) -> set[int]:
    rows = db.session.execute(audience.audience(audience.scope_of(campaign.id, now=utcnow())))
    return {row.subscriber_id for row in rows if not row.is_suppressed}
