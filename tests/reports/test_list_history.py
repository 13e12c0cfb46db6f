"""How a list grows, where its people come from, who confirms, leaves and reads."""

from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask

from campaigns.audience import subscriptions
from campaigns.audience.consent import ConsentEvidence
from campaigns.audience.models import AudienceList, ConsentEvent
from campaigns.db import db, transaction
from campaigns.events.models import EngagementScore
from campaigns.reports import list_history
from campaigns.reports.list_history import ListHistory
from tests.factories import a_campaign, a_list, a_subscriber

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
def news(app: Flask) -> AudienceList:
    """Ten people joined, one a week; three have left since; and another list has the same."""
    with transaction():
        news, other = a_list("News"), a_list("Other")
        for number in range(10):
            person = a_subscriber(f"p{number}@example.org")
            at = NOW - DAY - 7 * number * DAY
            for entry in (news, other):
                if number % 2:
                    subscriptions.request(entry.id, person.id, ConsentEvidence("form", at))
                    subscriptions.confirm(entry.id, person.id, ConsentEvidence("form", at))
                else:
                    subscriptions.subscribe(entry.id, person.id, ConsentEvidence("import", at))
                if number >= 7:
                    by_page = ConsentEvidence("page", NOW - DAY)
                    subscriptions.unsubscribe([entry.id], person.id, by_page)
        waiting = a_subscriber("waiting@example.org")
        subscriptions.request(news.id, waiting.id, ConsentEvidence("form", NOW - DAY))
        # Someone who never confirmed, and was deleted.
        db.session.add(
            ConsentEvent(list_id=news.id, kind="requested", channel="form", at=NOW - DAY)
        )
        for number, band in enumerate(("engaged", "inactive", "inactive", "cooling")):
            db.session.add(EngagementScore(subscriber_id=number + 1, band=band, computed_at=NOW))
    return news


def test_weeks_count_joins_and_leaves_and_end_with_the_size_of_today(news: AudienceList) -> None:
    weeks = list_history.list_history(news.id, now=NOW).weeks
    assert len(weeks) == 26
    assert [(week.joined, week.left, week.size) for week in weeks[-3:]] == [
        (1, 0, 8 + 0),
        (1, 0, 9),
        (1, 3, 7),
    ]
    assert weeks[0].size == 0


def test_rates_count_people_of_this_list(news: AudienceList) -> None:
    found = list_history.list_history(news.id, now=NOW)
    assert found.sources == {"import": 4, "form": 3}
    assert found.bands == {"new": 3, "engaged": 1, "cooling": 1, "inactive": 2}
    assert (found.confirmed, found.requested) == (5, 7)
    assert (found.left, found.size_before) == (3, 5)


def test_an_empty_list_has_an_empty_history(app: Flask) -> None:
    with transaction():
        empty = a_list()
    found = list_history.list_history(empty.id, now=NOW)
    assert (found.sources, found.requested, found.confirmed) == ({}, 0, 0)
    assert {week.size for week in found.weeks} == {0}


def test_a_stored_history_is_read_back(news: AudienceList) -> None:
    found = list_history.list_history(news.id, now=NOW)
    assert ListHistory.from_row(found.as_row()) == found


def test_the_last_campaigns_are_those_that_went_to_the_list(news: AudienceList) -> None:
    with transaction():
        other = a_list("Third")
        for number in range(7):
            a_campaign(news, subject=f"Issue {number}", started_at=NOW + number * DAY)
        a_campaign(other, excluded=(news,), started_at=NOW + 9 * DAY)
        a_campaign(news, subject="Draft")
    titles = [campaign.title for campaign in list_history.last_campaigns(news.id)]
    assert titles == ["Issue 6", "Issue 5", "Issue 4", "Issue 3", "Issue 2"]
