"""Opens, clicks and unsubscribes: distinct recipients, links, hours."""

from datetime import UTC, datetime, timedelta

from flask import Flask

from campaigns.campaign.models import Campaign, CampaignLink, Delivery
from campaigns.db import db, transaction
from campaigns.events.models import Event
from campaigns.reports.engagement import (
    Engagement,
    Hour,
    LinkFigures,
    campaign_engagement,
    campaign_engagements,
    campaign_links,
    first_hours,
)
from tests.factories import a_campaign, a_delivery, a_subscriber

START = datetime(2026, 3, 28, 23, 30, tzinfo=UTC)


def a_sent_campaign() -> Campaign:
    campaign: Campaign = a_campaign(status="sent", started_at=START)
    return campaign


def sent_to(campaign: Campaign, address: str, **moments: datetime) -> Delivery:
    return a_delivery(campaign, a_subscriber(address), status="sent", sent_at=START, **moments)


def clicked(delivery: Delivery, link: int, mark: str) -> None:
    db.session.add(
        Event(
            delivery_id=delivery.id,
            campaign_id=delivery.campaign_id,
            kind="clicked",
            at=START,
            dedupe=mark,
            link_number=link,
        )
    )


def test_each_recipient_counts_once_per_kind_of_event(app: Flask) -> None:
    later = START + timedelta(hours=1)
    with transaction():
        campaign = a_sent_campaign()
        sent_to(campaign, "a@example.org", first_opened_at=later)
        sent_to(campaign, "b@example.org", first_opened_at=later, first_clicked_at=later)
        sent_to(campaign, "c@example.org", unsubscribed_at=later, complained_at=later)
        sent_to(campaign, "d@example.org", bounced_at=later)
        sent_to(campaign, "e@example.org")
    assert campaign_engagement(campaign.id) == Engagement(
        opened=2, clicked=1, unsubscribed=1, bounced=1, complained=1
    )


def test_a_campaign_without_reactions_has_zeros(app: Flask) -> None:
    with transaction():
        campaign = a_sent_campaign()
        sent_to(campaign, "a@example.org")
    assert campaign_engagement(campaign.id) == Engagement()
    assert campaign_engagements([]) == {}


def test_links_count_clicks_and_recipients_with_the_most_clicked_first(app: Flask) -> None:
    with transaction():
        campaign = a_sent_campaign()
        other = a_campaign(status="sent", started_at=START)
        for entry in (campaign, other):
            for number in (1, 2, 3):
                target = f"https://shop.example/{number}"
                db.session.add(CampaignLink(campaign_id=entry.id, number=number, target=target))
        first, second = sent_to(campaign, "a@example.org"), sent_to(campaign, "b@example.org")
        elsewhere = sent_to(other, "c@example.org")
        clicked(first, 2, "1")
        clicked(first, 2, "2")
        clicked(second, 2, "3")
        clicked(second, 1, "4")
        clicked(elsewhere, 3, "5")
    assert campaign_links(campaign.id) == [
        LinkFigures(2, "https://shop.example/2", clicks=3, people=2),
        LinkFigures(1, "https://shop.example/1", clicks=1, people=1),
        LinkFigures(3, "https://shop.example/3", clicks=0, people=0),
    ]


def test_the_first_48_hours_are_counted_from_the_start(app: Flask) -> None:
    with transaction():
        campaign = a_sent_campaign()
        for number, minutes in enumerate((0, 59, 60, 47 * 60 + 59, 48 * 60)):
            at = START + timedelta(minutes=minutes)
            sent_to(campaign, f"p{number}@example.org", first_opened_at=at)
        at = START + timedelta(minutes=61)
        sent_to(campaign, "clicker@example.org", first_opened_at=at, first_clicked_at=at)
    hours = first_hours(campaign.id, START)
    assert len(hours) == 48
    assert hours[0] == Hour(0, opened=2, clicked=0)
    assert hours[1] == Hour(1, opened=2, clicked=1)
    assert hours[47] == Hour(47, opened=1, clicked=0)
    assert sum(hour.opened for hour in hours) == 5  # the event after 48 hours is not counted
