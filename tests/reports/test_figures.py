"""Figures of large campaigns on pages: consistent, final at the end, and never slow to load."""

import time
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from campaigns.audience.lists import ListFigures
from campaigns.campaign import lifecycle
from campaigns.campaign.models import Campaign, CampaignLink, Delivery, HeldGroup
from campaigns.clock import utcnow
from campaigns.db import db, transaction
from campaigns.delivery import canary, completion
from campaigns.events.models import Event
from campaigns.reports import engagement, figures, replies, snapshots
from campaigns.reports.balance import Balance
from campaigns.reports.engagement import Engagement
from campaigns.reports.figures import SubscriberCounts
from campaigns.reports.groups import tally
from campaigns.reports.resend_options import resend_options
from campaigns.reports.snapshots import Counted
from tests.factories import a_campaign, a_delivery, a_list, a_subscriber
from tests.readback import campaign_balance
from tests.reports.keeping import a_page, keep, row_of
from tests.web.statements import counted

LARGE = 3


@pytest.fixture(autouse=True)
def _small_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(figures, "LARGE", LARGE)


def a_large_campaign(recipients: int = 4, **values: Any) -> Campaign:
    """A campaign whose deliveries are all waiting."""
    with transaction():
        defaults: dict[str, Any] = {"status": "sending", "audience": recipients}
        campaign: Campaign = a_campaign(**{"started_at": utcnow(), **defaults, **values})
        for number in range(recipients):
            a_delivery(campaign, a_subscriber(f"p{number}.{campaign.id}@example.org"))
    return campaign


def send(campaign: Campaign, count: int = 1, status: str = "sent") -> None:
    """Mark deliveries as a worker does, without changing any other table."""
    with transaction():
        ids = db.session.scalars(
            sa.select(Delivery.id)
            .where(Delivery.campaign_id == campaign.id, Delivery.status == "queued")
            .limit(count)
        ).all()
        db.session.execute(sa.update(Delivery).where(Delivery.id.in_(ids)).values(status=status))


# --- campaigns ------------------------------------------------------------------------------------


def test_a_small_campaign_is_counted_each_time(app: Flask) -> None:
    campaign = a_large_campaign(LARGE - 1)
    for sent in (0, 1):
        page = a_page()
        assert page.balance(campaign.id) == Balance(audience=2, sent=sent, queued=2 - sent)
        assert page.wanted == []
        assert (page.as_of, page.kept_at(campaign.id)) == (None, None)
        send(campaign)
    keep(app, "campaign", campaign.id)
    assert row_of("campaign", campaign.id) is None


def test_a_large_campaign_without_a_snapshot_is_counted_and_requested(app: Flask) -> None:
    campaign = a_large_campaign()
    page = a_page()
    assert page.balance(campaign.id) == Balance(audience=4, queued=4)
    assert page.wanted == [("campaign", campaign.id)]
    assert page.as_of is None


def test_a_snapshot_is_shown_without_reading_deliveries(app: Flask) -> None:
    campaign = a_large_campaign()
    send(campaign)
    keep(app, "campaign", campaign.id)
    send(campaign, 2)
    with counted() as statements:
        page = a_page(with_details=True)
        assert page.balance(campaign.id) == Balance(audience=4, sent=1, queued=3)
        assert page.balance(campaign.id).adds_up
        assert page.engagement(campaign.id) == Engagement()
        assert [group.sent for group in page.groups(campaign)] == [1]
        assert page.reasons(campaign) == []
        assert page.links(campaign) == []
        assert len(page.hours(campaign)) == 48
        assert not page.resend_options(campaign).is_any
        assert not page.first_ones(campaign)
    assert not [text for text in statements if "FROM delivery" in text or "FROM event" in text]
    assert page.kept_at(campaign.id) is not None


def test_a_snapshot_is_recent_for_a_while_and_then_requested_again(app: Flask) -> None:
    campaign = a_large_campaign()
    keep(app, "campaign", campaign.id)
    page = a_page()
    page.balance(campaign.id)
    assert page.wanted == []
    assert page.as_of is None

    keep(app, "campaign", campaign.id, seconds_ago=3)
    page = a_page()
    page.balance(campaign.id)
    assert page.wanted == [("campaign", campaign.id)]
    assert page.as_of is None, "not worth showing"

    send(campaign)
    keep(app, "campaign", campaign.id, seconds_ago=30)
    page = a_page()
    assert page.balance(campaign.id).sent == 1
    assert page.as_of == page.kept_at(campaign.id) is not None


def test_a_slow_count_is_recent_for_longer(app: Flask) -> None:
    campaign = a_large_campaign()
    keep(app, "campaign", campaign.id, seconds_ago=9)
    with transaction():
        row = row_of("campaign", campaign.id)
        assert row is not None
        row.seconds = 1.0
    page = a_page()
    page.balance(campaign.id)
    assert page.wanted == []


@pytest.mark.parametrize("move", [lifecycle.pause, completion.cancel])
def test_a_paused_or_cancelled_campaign_is_counted_immediately(app: Flask, move: Any) -> None:
    campaign = a_large_campaign()
    keep(app, "campaign", campaign.id)
    send(campaign, 2)
    with transaction():
        move(campaign.id, now=utcnow())
    page = a_page(with_details=True)
    assert page.balance(campaign.id) == campaign_balance(campaign.id)
    assert page.balance(campaign.id).sent == 2
    assert page.wanted == [("campaign", campaign.id)]


def test_figures_of_a_finished_campaign_are_final_immediately(app: Flask) -> None:
    campaign = a_large_campaign()
    keep(app, "campaign", campaign.id)
    send(campaign, 4)
    with transaction():
        assert completion.finish(campaign.id, now=utcnow())
    for _ in range(2):
        page = a_page(with_details=True)
        assert page.balance(campaign.id) == Balance(audience=4, sent=4)
        assert page.groups(db.session.get_one(Campaign, campaign.id)) == []
        keep(app, "campaign", campaign.id)


def test_the_effect_of_a_user_action_is_shown_immediately(app: Flask) -> None:
    campaign = a_large_campaign()
    keep(app, "campaign", campaign.id)
    with transaction():
        lifecycle.touch(campaign.id, now=utcnow())
        db.session.execute(sa.update(Delivery).values(status="held"))
    assert a_page().balance(campaign.id) == Balance(audience=4, held=4)


def test_a_count_during_which_the_status_changed_is_not_shown(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    campaign = a_large_campaign()

    def pause_meanwhile(campaign_id: int) -> list[Any]:
        send(campaign, 2)
        with transaction():
            assert lifecycle.pause(campaign_id, now=utcnow())
        return []

    with monkeypatch.context() as patch:
        patch.setattr(replies, "campaign_reasons", pause_meanwhile)
        keep(app, "campaign", campaign.id)
    row = row_of("campaign", campaign.id)
    assert row is not None
    assert row.figures["balance"]["sent"] == 0
    assert a_page().balance(campaign.id).sent == 2


def test_outdated_figures_are_counted_only_while_sending(app: Flask) -> None:
    moving = a_large_campaign()
    resting = a_large_campaign(status="cancelled", finished_at=utcnow())
    with transaction():
        db.session.execute(
            sa.update(Delivery)
            .where(Delivery.campaign_id == resting.id)
            .values(status="cancelled")
        )  # fmt: skip
    for campaign in (moving, resting):
        keep(app, "campaign", campaign.id, seconds_ago=1000)
        with transaction():
            db.session.execute(
                sa.update(Delivery)
                .where(Delivery.campaign_id == campaign.id)
                .values(status="unknown")
            )
    page = a_page()
    assert page.balance(moving.id).unknown == 4
    assert page.balance(resting.id).cancelled == 4
    assert page.as_of == page.kept_at(resting.id)
    assert page.wanted == [("campaign", moving.id), ("campaign", resting.id)]


def test_figures_that_take_very_long_to_count_are_shown_for_longer(app: Flask) -> None:
    campaign = a_large_campaign()
    keep(app, "campaign", campaign.id, seconds_ago=390)
    with transaction():
        row = row_of("campaign", campaign.id)
        assert row is not None
        row.seconds = 20.0
    send(campaign)
    page = a_page()
    assert page.balance(campaign.id).sent == 0
    assert page.wanted == [("campaign", campaign.id)]


def test_a_page_counts_outdated_figures_only_if_that_is_quick(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    campaigns = [a_large_campaign() for _ in range(3)]
    for campaign in campaigns:
        keep(app, "campaign", campaign.id, seconds_ago=1000)
        send(campaign)
    ticks = iter([0.0, 0.06, 1.0, 1.06])
    monkeypatch.setattr(time, "perf_counter", lambda: next(ticks))
    found = a_page().balances([campaign.id for campaign in campaigns])
    assert [balance.sent for balance in found.values()] == [1, 1, 0]


def test_a_page_requests_only_a_few_counts(app: Flask) -> None:
    ids = [a_large_campaign().id for _ in range(7)]
    page = a_page()
    page.balances(ids)
    assert page.wanted == [("campaign", number) for number in ids[:5]]


def test_many_campaigns_need_no_more_statements_than_one(app: Flask) -> None:
    kept_ones, others = [a_large_campaign().id, a_large_campaign().id], [a_large_campaign(1).id]
    for number in kept_ones:
        keep(app, "campaign", number)

    def statements(ids: list[int]) -> int:
        page = a_page()
        with counted() as found:
            page.balances(ids)
            page.engagements(ids)
            page.balances(ids)
        return len(found)

    assert statements([kept_ones[0], *others]) == statements([*kept_ones, *others]) == 3
    assert statements(kept_ones) == 1


def test_a_snapshot_contains_everything_a_page_shows(app: Flask) -> None:
    now = utcnow()
    soon = now + timedelta(minutes=5)
    with transaction():
        campaign = a_campaign(
            status="sending", audience=6, started_at=now, canary_percent=2.0,
            canary_state="testing", canary_quota={"google": 2, "gmx": 2},
        )  # fmt: skip
        outcomes: list[dict[str, Any]] = [
            {"status": "sent", "first_opened_at": now, "first_clicked_at": now, "sent_at": now},
            {"status": "failed", "reason": "refused"},
            {"status": "unknown", "reason": "no_answer"},
            {"status": "held", "reason": "flood"},
            {"status": "queued", "reason": "deferred", "not_before": soon, "mailbox_group": "gmx"},
            {"status": "skipped", "reason": "suppressed", "mailbox_group": "gmx"},
        ]
        for number, outcome in enumerate(outcomes):
            person = a_subscriber(f"p{number}@example.org")
            made = a_delivery(campaign, person, **{"mailbox_group": "google", **outcome})
            if number == 0:
                db.session.add(CampaignLink(campaign_id=campaign.id, number=1, target="https://a"))
                db.session.add(
                    Event(
                        delivery_id=made.id, campaign_id=campaign.id, kind="clicked", at=now,
                        dedupe="1", link_number=1,
                    )
                )  # fmt: skip
        db.session.add(
            HeldGroup(campaign_id=campaign.id, mailbox_group="google", held_at=now, words="550")
        )
    keep(app, "campaign", campaign.id)
    page = a_page(with_details=True)
    assert page.kept_at(campaign.id) is not None
    assert page.balance(campaign.id) == campaign_balance(campaign.id)
    assert page.balance(campaign.id).adds_up
    assert page.engagement(campaign.id) == Engagement(opened=1, clicked=1)
    assert page.groups(campaign) == tally(campaign.id).groups
    assert page.reasons(campaign) == replies.campaign_reasons(campaign.id) != []
    options = resend_options(campaign.id)
    assert replace(page.resend_options(campaign), floods=()) == replace(options, floods=())
    assert list(page.resend_options(campaign).floods) == list(options.floods) != []
    assert page.hours(campaign) == engagement.first_hours(campaign.id, now)
    assert page.links(campaign) == engagement.campaign_links(campaign.id) != []
    assert page.first_ones(campaign) == canary.figures(campaign.id) != {}


def test_without_a_snapshot_balance_and_groups_come_from_one_statement(app: Flask) -> None:
    campaign = a_large_campaign()
    page = a_page(with_details=True)
    with counted() as statements:
        groups = page.groups(campaign)
        send(campaign)
        balance = page.balance(campaign.id)
    assert sum(group.waiting for group in groups) == balance.waiting == 4
    assert len([text for text in statements if "count(*)" in text]) == 1


def test_an_old_campaign_is_counted_less_and_less_often(app: Flask) -> None:
    days = {0: 60.0, 1: 1728.0, 30: 51840.0}
    for age, seconds in days.items():
        finished_at = utcnow() - timedelta(days=age)
        campaign = a_large_campaign(status="sent", finished_at=finished_at)
        with transaction():
            db.session.execute(sa.update(Delivery).values(status="sent"))
        keep(app, "campaign", campaign.id)
        row = row_of("campaign", campaign.id)
        assert row is not None
        assert (row.due_at - row.counted_at).total_seconds() == pytest.approx(seconds, abs=1)


# --- lists and subscribers ------------------------------------------------------------------------


def test_a_large_list_has_a_snapshot_and_a_small_one_is_counted(app: Flask) -> None:
    with transaction():
        large, small = a_list("Large"), a_list("Small")
        for number in range(LARGE):
            a_subscriber(f"p{number}@example.org", large, state="pending")
        a_subscriber("x@example.org", small)
    expected = {large.id: ListFigures(pending=3), small.id: ListFigures(subscribed=1)}
    page = a_page()
    assert page.lists([large.id, small.id]) == expected
    assert page.wanted == [("list", large.id)]
    for entry in (large, small):
        keep(app, "list", entry.id)
    with transaction():
        a_subscriber("y@example.org", large, small)
    page = a_page()
    assert page.lists([large.id, small.id]) == expected | {small.id: ListFigures(subscribed=2)}
    assert page.wanted == []
    keep(app, "list", large.id, seconds_ago=30)
    page = a_page()
    page.lists([large.id])
    assert page.wanted == [("list", large.id)]
    assert page.as_of is not None
    keep(app, "list", large.id, seconds_ago=1000)
    with transaction():
        a_subscriber("z@example.org", large)
    page = a_page()
    assert page.lists([large.id]) == {large.id: ListFigures(pending=3, subscribed=2)}, "too old"
    assert page.as_of is None


def test_the_snapshot_of_a_deleted_list_is_deleted(app: Flask) -> None:
    with transaction():
        large = a_list()
        for number in range(LARGE):
            a_subscriber(f"p{number}@example.org", large)
    keep(app, "list", large.id, seconds_ago=100)
    with transaction():
        db.session.delete(db.session.get_one(type(large), large.id))
    keep(app, "list", large.id)
    assert row_of("list", large.id) is None


def test_a_large_number_of_subscribers_has_a_snapshot(app: Flask) -> None:
    with transaction():
        old = utcnow() - timedelta(days=31)
        for number in range(LARGE):
            a_subscriber(f"p{number}@example.org", created_at=old if number else utcnow())
    page = a_page()
    assert page.people() == SubscriberCounts(total=3, new=1)
    assert page.wanted == [("people", 0)]
    keep(app, "people", 0)
    with transaction():
        a_subscriber("x@example.org")
    page = a_page()
    assert page.people() == SubscriberCounts(total=3, new=1)
    assert page.wanted == []


# --- snapshots ------------------------------------------------------------------------------------


def test_the_later_of_two_counts_is_stored(app: Flask) -> None:
    later = utcnow()
    for at, number in ((later, 1), (later - timedelta(seconds=5), 2)):
        with transaction():
            found = Counted(timedelta(seconds=60), {"list": number})
            snapshots.store("list", 7, found, at=at, seconds=0.1)
    row = row_of("list", 7)
    assert row is not None
    assert (row.counted_at, row.figures) == (later, {"list": 1})


def test_a_snapshot_is_due_after_its_time(app: Flask) -> None:
    now = snapshots.moment(utcnow())
    with transaction():
        for number, seconds_ago in ((1, 61), (2, 59), (3, 90)):
            at = now - timedelta(seconds=seconds_ago)
            snapshots.store("list", number, Counted(timedelta(seconds=60), {}), at=at, seconds=0.1)
        slow = Counted(timedelta(seconds=60), {})
        snapshots.store("list", 4, slow, at=now - timedelta(seconds=61), seconds=30.0)
    assert snapshots.due(now) == [("list", 3), ("list", 1)]
