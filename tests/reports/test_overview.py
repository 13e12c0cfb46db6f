"""The figures on the home page."""

from datetime import UTC, datetime, timedelta
from typing import Any

from flask import Flask

from campaigns.accounts.workspace import save_workspace
from campaigns.audience.models import ImportRun
from campaigns.campaign.models import Campaign
from campaigns.db import db, transaction
from campaigns.reports import overview
from campaigns.reports.figures import Counts
from tests.factories import a_campaign, a_delivery, a_list, a_provider, a_sender, a_subscriber

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


def a_started_campaign(days_ago: float, sent: int, opened: int = 0, **values: Any) -> Campaign:
    """A campaign sent this many days ago, and opened by some recipients."""
    started = NOW - timedelta(days=days_ago)
    defaults: dict[str, Any] = {"status": "sent", "started_at": started, "audience": sent}
    campaign: Campaign = a_campaign(**{**defaults, **values})
    for number in range(sent):
        subscriber = a_subscriber(f"p{number}.{campaign.id}@example.org", created_at=started)
        when = started if number < opened else None
        a_delivery(campaign, subscriber, status="sent", sent_at=started, first_opened_at=when)
    return campaign


def test_the_last_30_days_are_compared_with_the_30_before(app: Flask) -> None:
    with transaction():
        a_started_campaign(1, 4, opened=2)
        a_started_campaign(29.9, 2, opened=1)
        a_started_campaign(31, 5, opened=1)
        a_started_campaign(61, 1)
        a_campaign()
    figures = overview.home_figures(Counts(now=NOW), now=NOW)
    assert (figures.now.campaigns, figures.now.sent, figures.now.open_rate) == (2, 6, 0.5)
    assert (figures.before.campaigns, figures.before.sent, figures.before.open_rate) == (1, 5, 0.2)
    assert (figures.subscribers, figures.new_subscribers) == (12, 6)


def test_campaigns_without_tracking_do_not_lower_the_rates(app: Flask) -> None:
    with transaction():
        a_started_campaign(1, 2, opened=1)
        a_started_campaign(2, 8, track_opens=False)
    figures = overview.home_figures(Counts(now=NOW), now=NOW)
    assert figures.now.sent == 10
    assert figures.now.open_rate == 0.5


def test_without_any_email_there_are_no_rates(app: Flask) -> None:
    figures = overview.home_figures(Counts(now=NOW), now=NOW)
    assert figures.now.open_rate is None
    assert figures.now.click_rate is None


def test_the_last_campaigns_are_listed_newest_first_with_figures(app: Flask) -> None:
    with transaction():
        for day in range(1, 8):
            a_started_campaign(day, 1, opened=1, subject=f"Day {day}")
        a_campaign(subject="A draft")
    last = overview.last_campaigns(Counts(now=NOW))
    assert [entry.title for entry in last] == ["Day 1", "Day 2", "Day 3", "Day 4", "Day 5"]
    assert (last[0].balance.sent, last[0].engagement.opened) == (1, 1)


def test_campaigns_in_progress_and_upcoming_ones_are_separate(app: Flask) -> None:
    with transaction():
        a_started_campaign(0, 1, status="sending", subject="Now")
        a_started_campaign(1, 1, status="paused", subject="Halted")
        a_campaign(subject="Later", status="scheduled", scheduled_at=NOW + timedelta(days=2))
        a_campaign(subject="Soon", status="scheduled", scheduled_at=NOW + timedelta(days=1))
    assert [entry.title for entry in overview.active_campaigns(Counts(now=NOW))] == [
        "Now",
        "Halted",
    ]
    assert [entry.title for entry in overview.next_scheduled(Counts(now=NOW))] == ["Soon", "Later"]


def test_alerts_name_trouble_paused_campaigns_and_failed_imports(app: Flask) -> None:
    with transaction():
        a_provider("Broken", trouble="The server refused the login.", trouble_at=NOW)
        a_provider("Fine")
        a_started_campaign(0, 0, status="paused", status_reason="Too many refusals.")
        a_started_campaign(0, 0, status="paused", subject="Paused by hand")
        news = a_list()
        for status in ("failed", "done"):
            db.session.add(
                ImportRun(
                    list_id=news.id, file_name=f"{status}.csv", path="x", status=status, error="!",
                    created_at=NOW,
                )
            )  # fmt: skip
    found = overview.alerts(Counts(now=NOW), now=NOW)
    assert [(entry.account, entry.sentence) for entry in found.troubles] == [
        ("Broken", "The server refused the login.")
    ]
    assert [entry.status_reason for entry in found.paused] == ["Too many refusals."]
    assert [entry.file_name for entry in found.failed_imports] == ["failed.csv"]
    assert overview.alerts(Counts(now=NOW), now=NOW + timedelta(days=8)).failed_imports == []


def test_the_first_steps_are_ticked_off_when_done(app: Flask) -> None:
    assert overview.set_up() == overview.SetUp(*(False,) * 6)
    with transaction():
        news = a_list()
        a_sender()
        save_workspace(postal_address="1 Example Way")
    steps = overview.set_up()
    assert (steps.has_account, steps.has_sender, steps.has_postal_address) == (True, True, True)
    assert (steps.has_list, steps.has_subscribers, steps.has_campaign) == (True, False, False)
    with transaction():
        a_subscriber("alice@example.org", news)
        a_campaign(news, status="sent")
    assert overview.set_up().is_done
