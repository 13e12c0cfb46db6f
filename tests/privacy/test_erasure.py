"""Erasing people leaves no trace of them, and keeps every count."""

from datetime import UTC, datetime

import sqlalchemy as sa
from flask import Flask

from campaigns.audience import subscriptions
from campaigns.audience.consent import ConsentEvidence
from campaigns.audience.models import ConsentEvent, Subscriber, Subscription
from campaigns.campaign.models import Delivery
from campaigns.db import Base, db, transaction
from campaigns.privacy import erasure
from campaigns.transactional.models import TransactionalEmail
from tests.factories import a_campaign, a_delivery, a_list, a_subscriber

NOW = datetime(2030, 5, 4, 12, 0, tzinfo=UTC)


def test_nothing_names_an_erased_person_but_their_deliveries_still_count(app: Flask) -> None:
    with transaction():
        news = a_list()
        alice = a_subscriber("Alice.Secret@example.org", name="Alice Secret")
        bob = a_subscriber("bob@example.org", news)
        subscriptions.request(
            news.id, alice.id, ConsentEvidence("form", NOW, "", "192.0.2.77", "Secret/1")
        )
        campaign = a_campaign(news)
        a_delivery(campaign, alice, status="sent")
        a_delivery(campaign, bob, status="sent")
        db.session.add(TransactionalEmail(kind="confirm", address="alice.Secret@example.org"))
        db.session.add(TransactionalEmail(kind="confirm", address="bob@example.org"))
    with transaction():
        assert erasure.erase([alice.id]) == 1
        assert erasure.erase([alice.id]) == 0
    for table in Base.metadata.sorted_tables:
        for row in db.session.execute(sa.select(table)):
            assert "secret" not in str(tuple(row)).lower(), table.name
            assert "192.0.2.77" not in str(tuple(row)), table.name
    assert db.session.scalars(sa.select(Subscriber.id)).all() == [bob.id]
    assert db.session.scalars(sa.select(Subscription.subscriber_id)).all() == [bob.id]
    rows = db.session.execute(
        sa.select(Delivery.subscriber_id, Delivery.address, Delivery.status).order_by(Delivery.id)
    )
    assert [tuple(row) for row in rows] == [(None, "", "sent"), (bob.id, "bob@example.org", "sent")]
    event = db.session.scalars(sa.select(ConsentEvent)).one()
    assert (event.subscriber_id, event.list_id, event.kind) == (None, news.id, "requested")
    assert db.session.scalar(sa.select(sa.func.count(TransactionalEmail.id))) == 1


def test_a_non_ascii_capital_letter_leaves_no_trace_either(app: Flask) -> None:
    with transaction():
        anna = a_subscriber("Änna@example.org")
        db.session.add(TransactionalEmail(kind="confirm", address=anna.address))
        db.session.flush()
        erasure.erase([anna.id])
    assert db.session.scalars(sa.select(TransactionalEmail.address)).all() == []
