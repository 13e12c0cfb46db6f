"""Events are stored once and stamp their deliveries."""

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from flask import Flask

from campaigns.campaign.models import Delivery
from campaigns.db import db, transaction
from campaigns.events.models import Event
from campaigns.events.record import record
from campaigns.events.tracking import clicked, opened, unsubscribed
from campaigns.messages import EventKind, ProviderEvent
from tests.factories import a_campaign, a_delivery, a_list, a_subscriber

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


def a_sent_delivery(address: str = "alice@example.org") -> Delivery:
    with transaction():
        news = a_list(f"News for {address}")
        alice = a_subscriber(address, news)
        return a_delivery(a_campaign(news), alice, status="sent", list_id=news.id)


def recorded(*events: ProviderEvent, now: datetime = NOON + timedelta(days=1)) -> int:
    with transaction():
        return record(events, now=now)


def reread(delivery: Delivery) -> Delivery:
    return db.session.get_one(Delivery, delivery.id, populate_existing=True)


def test_an_open_is_stored_and_stamped(app: Flask) -> None:
    delivery = a_sent_delivery()
    assert recorded(opened(delivery.id, at=NOON, user_agent="Mail/1.0")) == 1
    event = db.session.scalars(sa.select(Event)).one()
    assert (event.kind, event.at, event.user_agent) == ("opened", NOON, "Mail/1.0")
    assert event.campaign_id == delivery.campaign_id
    assert reread(delivery).first_opened_at == NOON
    assert reread(delivery).first_clicked_at is None


def test_a_click_implies_an_open(app: Flask) -> None:
    delivery = a_sent_delivery()
    recorded(clicked(delivery.id, 3, at=NOON))
    assert reread(delivery).first_opened_at == NOON
    assert reread(delivery).first_clicked_at == NOON
    assert db.session.scalars(sa.select(Event.link_number)).one() == 3


def test_an_event_reported_twice_is_stored_once(app: Flask) -> None:
    delivery = a_sent_delivery()
    first = opened(delivery.id, at=NOON)
    again = opened(delivery.id, at=NOON + timedelta(seconds=20))
    assert recorded(first, again) == 1
    assert recorded(first) == 0
    assert recorded(opened(delivery.id, at=NOON + timedelta(minutes=2))) == 1


def test_clicks_on_two_links_in_a_minute_are_two_events(app: Flask) -> None:
    delivery = a_sent_delivery()
    assert recorded(clicked(delivery.id, 1, at=NOON), clicked(delivery.id, 2, at=NOON)) == 2


def test_the_earliest_time_is_kept_whatever_the_order(app: Flask) -> None:
    delivery = a_sent_delivery()
    late, early = NOON + timedelta(hours=2), NOON
    recorded(opened(delivery.id, at=late))
    recorded(clicked(delivery.id, 1, at=early))
    recorded(opened(delivery.id, at=late + timedelta(hours=1)))
    assert reread(delivery).first_opened_at == early


def test_events_of_unknown_deliveries_are_dropped(app: Flask) -> None:
    delivery = a_sent_delivery()
    assert recorded(opened(delivery.id + 7, at=NOON), opened(delivery.id, at=NOON)) == 1
    assert recorded(opened(delivery.id + 7, at=NOON)) == 0


def test_an_event_from_the_future_counts_as_now(app: Flask) -> None:
    delivery = a_sent_delivery()
    recorded(opened(delivery.id, at=NOON + timedelta(days=300)), now=NOON)
    assert reread(delivery).first_opened_at == NOON


def test_stamps_of_other_deliveries_are_unchanged(app: Flask) -> None:
    alice, bob = a_sent_delivery("alice@example.org"), a_sent_delivery("bob@example.org")
    recorded(opened(alice.id, at=NOON), unsubscribed(bob.id, at=NOON))
    assert reread(alice).unsubscribed_at is None
    assert reread(bob).first_opened_at is None
    assert reread(bob).unsubscribed_at == NOON


def test_more_events_than_one_chunk_are_all_stored(app: Flask) -> None:
    delivery = a_sent_delivery()
    events = [clicked(delivery.id, number, at=NOON) for number in range(2_300)]
    assert recorded(*events) == 2_300
    assert reread(delivery).first_clicked_at == NOON


def test_control_characters_in_a_user_agent_are_removed(app: Flask) -> None:
    delivery = a_sent_delivery()
    recorded(opened(delivery.id, at=NOON, user_agent="a\x00b\r\nc" + "x" * 400))
    stored = db.session.scalars(sa.select(Event.user_agent)).one()
    assert stored.startswith("abc")
    assert len(stored) <= 300


# --- unknown outcomes that events resolve -----------------------------------------------------


def an_unknown_delivery() -> Delivery:
    delivery = a_sent_delivery()
    with transaction():
        db.session.execute(
            sa.update(Delivery).values(
                status="unknown", reason="no_answer", claim_token="t", updated_at=NOON
            )
        )
    return delivery


def an_event(delivery: Delivery, kind: EventKind) -> ProviderEvent:
    return ProviderEvent(kind, delivery.id, NOON + timedelta(hours=1), f"{kind}:{delivery.id}")


@pytest.mark.parametrize("kind", ["delivered", "opened", "clicked", "unsubscribed", "complained"])
def test_an_open_resolves_an_unknown_delivery_as_sent(app: Flask, kind: EventKind) -> None:
    delivery = an_unknown_delivery()
    recorded(an_event(delivery, kind))
    found = reread(delivery)
    assert (found.status, found.reason, found.sent_at) == ("sent", "", NOON)
    assert found.claim_token is None


def test_a_bounce_resolves_an_unknown_delivery_as_failed(app: Flask) -> None:
    delivery = an_unknown_delivery()
    recorded(an_event(delivery, "bounced"), an_event(delivery, "delivered"))
    assert (reread(delivery).status, reread(delivery).reason) == ("failed", "bounced")


def test_a_delay_does_not_resolve_an_unknown_delivery(app: Flask) -> None:
    delivery = an_unknown_delivery()
    recorded(an_event(delivery, "deferred"))
    assert reread(delivery).status == "unknown"


def test_events_change_no_known_outcome(app: Flask) -> None:
    delivery = a_sent_delivery()
    recorded(an_event(delivery, "bounced"))
    assert reread(delivery).status == "sent"
    assert reread(delivery).bounced_at is not None
