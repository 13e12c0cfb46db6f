"""Refusals while sending: the event, the suppression, and the spike that suppresses nobody."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from campaigns.audience import suppressions
from campaigns.audience.models import Suppression
from campaigns.campaign.models import Campaign, Delivery, Reply
from campaigns.db import db, transaction
from campaigns.delivery import resend
from campaigns.events import refusals
from campaigns.events.models import Event
from tests.factories import a_campaign, a_delivery, a_list, a_subscriber
from tests.readback import campaign_balance

NOW = datetime(2026, 5, 20, 12, tzinfo=UTC)
DAY = timedelta(days=1)
GONE = {"status": "failed", "reason": "no_mailbox", "updated_at": NOW}


def a_started(*outcomes: dict[str, Any], name: str = "News") -> tuple[Campaign, list[int]]:
    """A campaign in progress, and the ids of its deliveries, one per outcome."""
    with transaction():
        news = a_list(name)
        campaign = a_campaign(news, status="sending", audience=len(outcomes))
        ids = [
            a_delivery(campaign, a_subscriber(f"p{number}@{name.lower()}.example", news), **one).id
            for number, one in enumerate(outcomes)
        ]
    return campaign, ids


def bounced(campaign: Campaign, ids: list[int], now: datetime = NOW) -> int:
    with transaction():
        return refusals.bounce(campaign.id, ids, now=now)


def outcomes(campaign: Campaign) -> list[tuple[str, str]]:
    db.session.rollback()
    rows = db.session.execute(
        sa.select(Delivery.status, Delivery.reason)
        .where(Delivery.campaign_id == campaign.id)
        .order_by(Delivery.id)
    )
    return [(row.status, row.reason) for row in rows]


def suppressed() -> list[str]:
    db.session.rollback()
    column = Suppression.address_normal
    return list(db.session.scalars(sa.select(column).order_by(column)))


def test_a_nonexistent_mailbox_is_suppressed_immediately_with_the_reply(app: Flask) -> None:
    campaign, [number] = a_started(GONE)
    with transaction():
        reply = Reply(digest="d", code=550, text="550 no such user, see {ref}")
        db.session.add(reply)
        db.session.flush()
        db.session.execute(sa.update(Delivery).values(reply_id=reply.id, reply_ref="x17"))
    assert bounced(campaign, [number]) == 1
    found = db.session.scalars(sa.select(Suppression)).one()
    assert (found.address_normal, found.reason, found.source) == (
        "p0@news.example",
        "hard_bounce",
        "bounce",
    )
    assert found.note == "550 no such user, see x17"
    assert (found.campaign_id, found.delivery_id) == (campaign.id, number)
    event = db.session.scalars(sa.select(Event)).one()
    assert (event.kind, event.delivery_id, event.at) == ("bounced", number, NOW)


def test_a_refusal_reported_twice_is_one_event_and_one_suppression(app: Flask) -> None:
    campaign, ids = a_started(GONE)
    assert bounced(campaign, ids) == 1
    assert bounced(campaign, ids) == 0
    assert db.session.scalar(sa.select(sa.func.count()).select_from(Event)) == 1


@pytest.mark.parametrize(
    "outcome",
    [
        {"status": "sent"},
        {"status": "queued", "reason": "deferred"},
        {"status": "queued", "reason": "blocked"},
        {"status": "failed", "reason": "refused"},
        {"status": "failed", "reason": "content"},
        {"status": "held", "reason": "flood"},
    ],
)
def test_m4_a_refusal_not_caused_by_the_mailbox_suppresses_nobody(
    app: Flask, outcome: dict[str, Any]
) -> None:
    campaign, ids = a_started(outcome)
    assert bounced(campaign, ids) == 0
    assert suppressed() == []
    assert db.session.scalar(sa.select(sa.func.count()).select_from(Event)) == 0


def test_deliveries_of_other_campaigns_are_ignored(app: Flask) -> None:
    _, ids = a_started(GONE)
    other, _ = a_started(GONE, name="Other")
    assert bounced(other, ids) == 0


def an_earlier_one(reason: str, days_ago: int, **values: Any) -> None:
    """The outcome for the same person in an earlier campaign."""
    with transaction():
        subscriber_id = db.session.scalar(sa.select(Delivery.subscriber_id).limit(1))
        assert subscriber_id is not None
        at = NOW - days_ago * DAY
        fate: dict[str, Any] = {"status": "failed", "reason": reason, "updated_at": at, **values}
        db.session.add(
            Delivery(
                campaign_id=a_campaign(status="sent").id,
                subscriber_id=subscriber_id,
                address="p0@news.example",
                **fate,
            )
        )


def test_a_disabled_mailbox_is_suppressed_the_second_time(app: Flask) -> None:
    campaign, ids = a_started({**GONE, "reason": "disabled"})
    assert bounced(campaign, ids) == 0
    an_earlier_one("disabled", 7)
    assert bounced(campaign, ids) == 1


def test_an_accepted_email_in_between_resets_the_count(app: Flask) -> None:
    campaign, ids = a_started({**GONE, "reason": "disabled"})
    an_earlier_one("disabled", 7)
    an_earlier_one("", 3, status="sent", sent_at=NOW - 3 * DAY)
    assert bounced(campaign, ids) == 0


@pytest.mark.parametrize(
    ("earlier", "is_suppressed"),
    [((20, 7), True), ((14, 1), True), ((13, 7), False), ((20,), False)],
)
def test_a_full_mailbox_is_suppressed_after_three_in_two_weeks(
    app: Flask, earlier: tuple[int, ...], is_suppressed: bool
) -> None:
    campaign, ids = a_started({**GONE, "reason": "mailbox_full"})
    for days_ago in earlier:
        an_earlier_one("mailbox_full", days_ago)
    assert (bounced(campaign, ids) == 1) == is_suppressed
    assert db.session.scalar(sa.select(sa.func.count()).select_from(Event)) == 0, "it is no bounce"


# --- B4: a refusal spike -------------------------------------------------------------------------


def a_spike(refused: int = 25) -> tuple[Campaign, list[int]]:
    """Refusals in the group google, two in another group, and one an hour earlier."""
    campaign, ids = a_started(
        *[{**GONE, "mailbox_group": "google"}] * refused,
        *[GONE] * 2,
        {**GONE, "mailbox_group": "google", "updated_at": NOW - timedelta(hours=1)},
        {"status": "queued", "mailbox_group": "google"},
    )
    bounced(campaign, ids)
    return campaign, ids


def held(campaign: Campaign) -> int:
    with transaction():
        return refusals.hold(
            campaign.id, "google", since=NOW - timedelta(minutes=10), words="550 unknown", now=NOW
        )


def test_b4_a_spike_is_held_and_its_suppressions_are_reverted(app: Flask) -> None:
    campaign, _ = a_spike()
    with transaction():
        suppressions.suppress("p0@news.example", reason="manual", source="owner", now=NOW)
    assert len(suppressed()) == 28
    assert held(campaign) == 25
    assert outcomes(campaign) == (
        [("held", "flood")] * 25 + [("failed", "no_mailbox")] * 3 + [("queued", "")]
    )
    assert suppressed() == ["p25@news.example", "p26@news.example", "p27@news.example"]
    assert db.session.scalar(sa.select(sa.func.count()).select_from(Event)) == 3
    assert resend.held_groups(campaign.id) == {"google"}
    assert campaign_balance(campaign.id).adds_up


def test_a_suppression_from_elsewhere_stays(app: Flask) -> None:
    campaign, ids = a_started({**GONE, "mailbox_group": "google"})
    with transaction():
        suppressions.suppress("p0@news.example", reason="complaint", source="loop", now=NOW)
    bounced(campaign, ids)
    assert held(campaign) == 1
    assert suppressed() == ["p0@news.example"]


def test_b4_retrying_the_held_group_resets_its_attempts(app: Flask) -> None:
    campaign, _ = a_spike()
    held(campaign)
    with transaction():
        assert resend.retry_group(campaign.id, "google", now=NOW) == 25
    assert outcomes(campaign)[:25] == [("queued", "")] * 25
    assert resend.held_groups(campaign.id) == frozenset()
    with transaction():
        db.session.execute(sa.update(Delivery).values(**GONE))
    assert held(campaign) == 27, "if refusals continue, they are held again"
    assert resend.held_groups(campaign.id) == {"google"}


def test_b4_confirming_the_refusals_suppresses_them_and_is_remembered(app: Flask) -> None:
    campaign, _ = a_spike()
    held(campaign)
    with transaction():
        assert refusals.believe(campaign.id, "google", now=NOW) == 25
    assert outcomes(campaign)[:25] == [("failed", "no_mailbox")] * 25
    assert len(suppressed()) == 28
    assert resend.held_groups(campaign.id) == frozenset(), "the others are sent"
    assert held(campaign) == 0, "its refusals count from now on"
    with transaction():
        assert refusals.believe(campaign.id, "google", now=NOW) is None


def test_b4_deliveries_in_progress_when_the_group_is_held_are_held_as_well(app: Flask) -> None:
    campaign, ids = a_spike()
    held(campaign)
    with transaction():
        db.session.execute(sa.update(Delivery).where(Delivery.id == ids[-1]).values(**GONE))
        db.session.execute(sa.update(Delivery).where(Delivery.id == ids[25]).values(**GONE))
    before = suppressed()
    assert bounced(campaign, [ids[-1], ids[25]], NOW + timedelta(seconds=5)) == 0
    assert outcomes(campaign)[-1] == ("held", "flood")
    assert outcomes(campaign)[25] == ("failed", "no_mailbox"), "another group"
    assert suppressed() == before


def test_groups_are_held_separately_in_each_campaign(app: Flask) -> None:
    campaign, _ = a_spike()
    held(campaign)
    other, _ = a_started({"status": "queued", "mailbox_group": "google"}, name="Other")
    assert resend.held_groups(other.id) == frozenset()
