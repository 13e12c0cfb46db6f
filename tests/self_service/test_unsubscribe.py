"""What an unsubscribe link applies to, and how to undo it."""

from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from flask import Flask

from campaigns.audience import subscriptions
from campaigns.audience.consent import ConsentEvidence
from campaigns.audience.models import ConsentEvent
from campaigns.campaign.models import Campaign, Delivery
from campaigns.db import db, transaction
from campaigns.events.models import Event
from campaigns.self_service import unsubscribe
from campaigns.tokens import DeliveryRef
from tests.factories import a_campaign, a_delivery, a_list, a_subscriber

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


def unsubscribe_by(
    ref: DeliveryRef, *, now: datetime = NOON, everything: bool = False
) -> list[int]:
    with transaction():
        return unsubscribe.leave(ref, ConsentEvidence("page", now), everything=everything)


def resubscribe_by(ref: DeliveryRef, *, now: datetime = NOON) -> list[int]:
    with transaction():
        return unsubscribe.resubscribe(ref, ConsentEvidence("page", now))


def test_a_campaign_to_two_lists_is_unsubscribed_from_both(app: Flask) -> None:
    with transaction():
        news, offers, other = a_list("News"), a_list("Offers"), a_list("Other")
        alice = a_subscriber("alice@example.org", news, offers, other)
        delivery = a_delivery(a_campaign(news, offers), alice, list_id=news.id)
    ref = DeliveryRef(alice.id, news.id, delivery.id)
    assert [place.name for place in unsubscribe.places(ref)] == ["News", "Offers"]
    assert [place.name for place in unsubscribe.other_places(ref)] == ["Other"]
    assert unsubscribe_by(ref) == [news.id, offers.id]
    assert subscriptions.state(other.id, alice.id) == "subscribed"


def test_a_list_excluded_by_the_campaign_is_unaffected(app: Flask) -> None:
    with transaction():
        news, staff = a_list("News"), a_list("Staff")
        alice = a_subscriber("alice@example.org", news, staff)
        delivery = a_delivery(a_campaign(news, excluded=(staff,)), alice, list_id=news.id)
    assert unsubscribe_by(DeliveryRef(alice.id, news.id, delivery.id)) == [news.id]


def test_without_its_delivery_a_link_applies_to_its_list_only(app: Flask) -> None:
    with transaction():
        news, offers = a_list("News"), a_list("Offers")
        alice = a_subscriber("alice@example.org", news, offers)
        campaign = a_campaign(news, offers)
        delivery = a_delivery(campaign, alice, list_id=news.id)
    ref = DeliveryRef(alice.id, news.id, delivery.id)
    with transaction():
        db.session.execute(sa.delete(Campaign))
    assert unsubscribe_by(ref) == [news.id]
    assert subscriptions.state(offers.id, alice.id) == "subscribed"


def test_deliveries_of_others_are_unaffected(app: Flask) -> None:
    with transaction():
        news, offers = a_list("News"), a_list("Offers")
        alice = a_subscriber("alice@example.org", news, offers)
        bob = a_subscriber("bob@example.org", news, offers)
        delivery = a_delivery(a_campaign(news, offers), bob, list_id=news.id)
    assert unsubscribe_by(DeliveryRef(alice.id, news.id, delivery.id)) == [news.id]
    stored = db.session.get_one(Delivery, delivery.id, populate_existing=True)
    assert stored.unsubscribed_at is None


def test_unsubscribing_from_everything_ends_every_subscription(app: Flask) -> None:
    with transaction():
        news, other = a_list("News"), a_list("Other")
        alice = a_subscriber("alice@example.org", news, other)
    assert unsubscribe_by(DeliveryRef(alice.id, news.id, 0), everything=True) == [news.id, other.id]


def test_resubscribing_undoes_the_unsubscribe_and_is_recorded(app: Flask) -> None:
    with transaction():
        news, offers = a_list("News"), a_list("Offers")
        alice = a_subscriber("alice@example.org", news, offers)
        delivery = a_delivery(a_campaign(news, offers), alice, list_id=news.id)
    ref = DeliveryRef(alice.id, news.id, delivery.id)
    unsubscribe_by(ref)
    assert resubscribe_by(ref, now=NOON + timedelta(minutes=5)) == [news.id, offers.id]
    assert subscriptions.state(news.id, alice.id) == "subscribed"
    stored = db.session.get_one(Delivery, delivery.id, populate_existing=True)
    assert stored.unsubscribed_at is None
    kinds = db.session.scalars(sa.select(ConsentEvent.kind).order_by(ConsentEvent.id)).all()
    assert kinds == ["unsubscribed", "unsubscribed", "subscribed", "subscribed"]
    assert resubscribe_by(ref, now=NOON + timedelta(minutes=6)) == []


def test_unsubscribing_again_after_resubscribing_counts(app: Flask) -> None:
    with transaction():
        news = a_list("News")
        alice = a_subscriber("alice@example.org", news)
        delivery = a_delivery(a_campaign(news), alice, list_id=news.id)
    ref = DeliveryRef(alice.id, news.id, delivery.id)
    unsubscribe_by(ref)
    resubscribe_by(ref, now=NOON + timedelta(minutes=1))
    assert unsubscribe_by(ref, now=NOON + timedelta(minutes=2)) == [news.id]
    stored = db.session.get_one(Delivery, delivery.id, populate_existing=True)
    assert stored.unsubscribed_at is not None
    assert db.session.scalar(sa.select(sa.func.count(Event.id))) == 1


def test_no_undo_after_a_day_or_for_another_unsubscribe(app: Flask) -> None:
    with transaction():
        news, other = a_list("News"), a_list("Other")
        alice = a_subscriber("alice@example.org", news, other)
    ref = DeliveryRef(alice.id, news.id, 0)
    unsubscribe_by(ref)
    with transaction():
        subscriptions.unsubscribe([other.id], alice.id, ConsentEvidence("manual", NOON))
    assert resubscribe_by(ref, now=NOON + timedelta(hours=25)) == []
    assert resubscribe_by(ref, now=NOON + timedelta(hours=1)) == [news.id]
    assert subscriptions.state(other.id, alice.id) == "unsubscribed"
