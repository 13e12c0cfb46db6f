"""Engagement: the score, the bands, the nightly run and the rule of segments."""

from datetime import UTC, datetime, timedelta
from itertools import combinations
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa
from flask import Flask

from campaigns.audience.models import Subscriber
from campaigns.audience.segments import members, tree
from campaigns.audience.segments.explain import explain
from campaigns.campaign.models import Campaign
from campaigns.db import db, transaction
from campaigns.events import scores
from campaigns.events.models import BANDS, EngagementScore
from campaigns.privacy import erasure
from tests.factories import a_campaign, a_delivery, a_subscriber

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
ZONE = ZoneInfo("Europe/Berlin")
DAY = timedelta(days=1)


def run(now: datetime = NOW) -> int:
    """Do all that is due; returns how many rows were written."""
    written = 0
    while (after := scores.position(now=now, zone=ZONE)) is not None:
        found = scores.compute(after, now=now)
        with transaction():
            scores.store(found, after, now=now)
        written += len(found.changed) if found else 0
    return written


def campaigns(*ages: int, **values: Any) -> list[Campaign]:
    """Campaigns that started this many days ago."""
    return [a_campaign(status="sent", started_at=NOW - age * DAY, **values) for age in ages]


def sent(person: Subscriber, issues: list[Campaign], **values: Any) -> None:
    for campaign in issues:
        a_delivery(campaign, person, status="sent", sent_at=campaign.started_at, **values)


def result(person: Subscriber) -> tuple[str, int | None]:
    found = scores.of_person(person.id)
    return found.band, found.score


def test_the_score_is_opens_plus_five_times_clicks_and_the_recent_count_more(app: Flask) -> None:
    with transaction():
        recent, month, older = campaigns(0, 30, 60)  # weights 1, 1/2, 1/4
        people = [a_subscriber(f"p{n}@example.org") for n in range(5)]
        opened_recent, opened_old, clicked_old, everything, nothing = people
        for person, issues in (
            (opened_recent, [recent]),
            (opened_old, [older]),
            (clicked_old, []),
            (everything, [recent, month, older]),
            (nothing, []),
        ):
            sent(person, issues, first_opened_at=NOW)
            rest = [one for one in (recent, month, older) if one not in issues]
            if person is clicked_old:
                sent(person, [older], first_opened_at=NOW, first_clicked_at=NOW)
                rest.remove(older)
            sent(person, rest)
    run()
    assert result(opened_recent) == ("engaged", 57)  # 1 of 1.75
    assert result(opened_old) == ("cooling", 14)  # 0.25 of 1.75
    assert result(clicked_old) == ("engaged", 86)  # 6 x 0.25 of 1.75
    assert result(everything) == ("engaged", 100)
    assert result(nothing) == ("inactive", 0)


@pytest.mark.parametrize(
    ("last_open", "band"),
    [(1, "engaged"), (90, "engaged"), (91, "cooling"), (180, "cooling"), (181, "inactive")],
)
def test_the_band_depends_on_the_last_open(app: Flask, last_open: int, band: str) -> None:
    with transaction():
        ann = a_subscriber()
        sent(ann, campaigns(200, 201, 202), first_opened_at=NOW - last_open * DAY)
    run()
    assert result(ann) == (band, 100)


def test_with_few_emails_a_person_is_new(app: Flask) -> None:
    """Bounced emails, those of campaigns without tracking, and unsent ones do not count."""
    with transaction():
        ann, bob = a_subscriber("ann@example.org"), a_subscriber("bob@example.org")
        issues = campaigns(1, 2)
        sent(ann, issues, first_opened_at=NOW, first_clicked_at=NOW)
        sent(ann, campaigns(3), bounced_at=NOW)
        sent(ann, campaigns(4, track_opens=False, track_clicks=False))
        a_delivery(campaigns(5)[0], ann, status="failed")
    run()
    assert result(ann) == ("new", None)
    assert result(bob) == ("new", None)


def test_a_run_writes_only_what_changed(app: Flask) -> None:
    with transaction():
        ann, bob = a_subscriber("ann@example.org"), a_subscriber("bob@example.org")
        issues = campaigns(10, 11, 12)
        sent(ann, issues, first_opened_at=NOW - 10 * DAY)
        sent(bob, issues)
    assert run() == 2
    assert run() == 0  # not due
    assert run(NOW + DAY) == 0
    assert run(NOW + 85 * DAY) == 1  # Ann is cooling now
    assert (result(ann), result(bob)) == (("cooling", 100), ("inactive", 0))


def test_a_run_begins_at_night_and_once(app: Flask) -> None:
    run(NOW)
    at = {
        hours: scores.is_due(now=NOW + timedelta(hours=hours), zone=ZONE) for hours in (1, 12, 15)
    }
    assert at == {1: False, 12: False, 15: True}  # 14:00, 1:00 and 4:00 in Berlin
    run(NOW + timedelta(hours=15))
    assert not scores.is_due(now=NOW + timedelta(hours=16), zone=ZONE)


def test_an_interrupted_run_continues_where_it_stopped(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scores, "SLICE", 2)
    with transaction():
        people = [a_subscriber(f"p{n}@example.org") for n in range(5)]
        issues = campaigns(1, 2, 3)
        for person in people:
            sent(person, issues, first_opened_at=NOW)
    first = scores.compute(0, now=NOW)
    with transaction():
        scores.store(first, 0, now=NOW)
    assert first is not None
    assert scores.position(now=NOW, zone=ZONE) == first.last == people[1].id
    with transaction():
        scores.store(first, 0, now=NOW)  # by a second job, which is too late
    assert scores.position(now=NOW, zone=ZONE) == first.last
    assert run() == 3
    assert {result(person) for person in people} == {("engaged", 100)}


def test_people_erased_meanwhile_get_no_score(app: Flask) -> None:
    with transaction():
        ann, bob = a_subscriber("ann@example.org"), a_subscriber("bob@example.org")
        issues = campaigns(1, 2, 3)
        for person in (ann, bob):
            sent(person, issues)
    found = scores.compute(0, now=NOW)
    with transaction():
        erasure.erase([ann.id])
    with transaction():
        scores.store(found, 0, now=NOW)
    assert db.session.scalars(sa.select(EngagementScore.subscriber_id)).all() == [bob.id]
    with transaction():
        erasure.erase([bob.id])
    assert db.session.scalars(sa.select(EngagementScore.subscriber_id)).all() == []


def test_the_rule_holds_for_the_same_people_in_sql_as_in_python(app: Flask) -> None:
    with transaction():
        people = [a_subscriber(f"p{n}@example.org") for n in range(5)]
        db.session.add_all(
            EngagementScore(subscriber_id=person.id, band=band, computed_at=NOW)
            for person, band in zip(people, BANDS, strict=False)
        )  # the last one has no row
    context = members.context_at(NOW)
    for size in range(1, 5):
        for bands in combinations(BANDS, size):
            for op, expected in (("is_one_of", size), ("is_none_of", 4 - size)):
                leaf = {"kind": "engagement", "op": op, "bands": list(bands)}
                root = tree.parse({"version": 1, "root": {"kind": "all", "rules": [leaf]}})
                found = {person.id for person in members.sample(root, context)}
                assert found == {p.id for p in people if explain(root, p.id, context).holds}
                has_new = ("new" in bands) == (op == "is_one_of")
                assert len(found) == expected + has_new
