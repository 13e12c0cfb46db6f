"""Unconfirmed sign-ups are deleted after 30 days, and nothing else."""

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from flask import Flask

from campaigns.audience import subscriptions
from campaigns.audience.consent import ConsentEvidence
from campaigns.audience.models import AudienceList, ConsentEvent, Subscriber, Subscription
from campaigns.db import Base, db, transaction
from campaigns.jobs import sweep
from campaigns.privacy import retention
from campaigns.self_service import signup
from campaigns.transactional import queue
from campaigns.transactional.models import TransactionalEmail
from tests.factories import a_campaign, a_delivery, a_list, a_subscriber

NOW = datetime(2030, 5, 4, 12, 0, tzinfo=UTC)
LONG_AGO = NOW - timedelta(days=31)
RECENTLY = NOW - timedelta(days=29)


def sign_up(entry: AudienceList, address: str, *, at: datetime = LONG_AGO) -> int:
    """Sign up with the form; return the id of the subscriber."""
    evidence = ConsentEvidence("form", at, "Yes?", "192.0.2.77", "Secret/1")
    signup.sign_up(entry.id, address, name="Secret", evidence=evidence)
    return db.session.scalars(sa.select(Subscriber.id).where(Subscriber.address == address)).one()


def delete_overdue(now: datetime = NOW) -> int:
    with transaction():
        return retention.delete(retention.overdue(now), now=now)


def people() -> set[str]:
    db.session.rollback()
    return set(db.session.scalars(sa.select(Subscriber.address)))


def test_only_their_number_is_kept(app: Flask) -> None:
    with transaction():
        news = a_list()
        for number in range(3):
            sign_up(news, f"secret{number}@example.org")
        sign_up(news, "waiting@example.org", at=RECENTLY)
    assert delete_overdue() == 3
    assert delete_overdue() == 0
    assert people() == {"waiting@example.org"}
    for table in Base.metadata.sorted_tables:
        for row in db.session.execute(sa.select(table)):
            assert "secret0" not in str(tuple(row)), table.name
    bare = db.session.execute(
        sa.select(ConsentEvent.list_id, ConsentEvent.kind, ConsentEvent.ip).where(
            ConsentEvent.subscriber_id.is_(None)
        )
    ).all()
    assert [tuple(row) for row in bare] == [(news.id, "requested", "")] * 3


def test_a_recent_repeated_request_may_still_be_confirmed(app: Flask) -> None:
    with transaction():
        news = a_list()
        sign_up(news, "a@example.org")
        sign_up(news, "a@example.org", at=RECENTLY)
    assert delete_overdue() == 0
    assert people() == {"a@example.org"}


def test_subscribers_with_another_reason_stay(app: Flask) -> None:
    with transaction():
        news, other = a_list("News"), a_list("Other")
        a_subscriber("by-hand@example.org")
        elsewhere = sign_up(news, "elsewhere@example.org")
        subscriptions.subscribe(other.id, elsewhere, ConsentEvidence("manual", LONG_AGO))
        mailed = db.session.get_one(Subscriber, sign_up(news, "mailed@example.org"))
        a_delivery(a_campaign(other), mailed, status="sent")
        sign_up(news, "by-hand@example.org")
    assert delete_overdue() == 3
    assert people() == {"by-hand@example.org", "elsewhere@example.org", "mailed@example.org"}
    assert subscriptions.state(news.id, elsewhere) is None
    assert subscriptions.state(other.id, elsewhere) == "subscribed"
    kinds = db.session.execute(
        sa.select(ConsentEvent.kind, ConsentEvent.ip).where(ConsentEvent.subscriber_id == elsewhere)
    ).all()
    assert [tuple(row) for row in kinds] == [("subscribed", "")]


def test_an_earlier_unsubscribe_and_its_proof_are_restored(app: Flask) -> None:
    left = LONG_AGO - timedelta(days=100)
    with transaction():
        news = a_list()
        ann = sign_up(news, "ann@example.org", at=left - timedelta(days=2))
        confirmed = ConsentEvidence("form", left - timedelta(days=1))
        subscriptions.confirm(news.id, ann, confirmed)
        subscriptions.unsubscribe([news.id], ann, ConsentEvidence("page", left))
        sign_up(news, "ann@example.org")
    assert delete_overdue() == 1
    assert people() == {"ann@example.org"}
    place = db.session.get_one(Subscription, (news.id, ann))
    assert (place.state, place.state_at) == ("unsubscribed", left)
    assert subscriptions.unsubscribed_themselves([news.id], [ann])
    kept = db.session.scalars(
        sa.select(ConsentEvent.kind)
        .where(ConsentEvent.subscriber_id == ann)
        .order_by(ConsentEvent.id)
    ).all()
    assert kept == ["requested", "confirmed", "unsubscribed"]


def test_a_confirmation_just_before_the_deletion_counts(app: Flask) -> None:
    with transaction():
        news = a_list()
        ann = sign_up(news, "ann@example.org")
    seen = retention.overdue(NOW)
    with transaction():
        subscriptions.confirm(news.id, ann, ConsentEvidence("form", NOW))
    with transaction():
        assert retention.delete(seen, now=NOW) == 0
    assert subscriptions.state(news.id, ann) == "subscribed"


def test_the_sweep_deletes_in_batches_with_finished_emails(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "AT_ONCE", 2)
    monkeypatch.setattr(queue, "OUTDATED_AT_ONCE", 2)
    monkeypatch.setattr(sweep, "utcnow", lambda: NOW)
    with transaction():
        news = a_list()
        for number in range(3):
            sign_up(news, f"a{number}@example.org")
        db.session.execute(sa.delete(TransactionalEmail))
        for status, at in (
            *[(status, LONG_AGO) for status in ("sent", "failed", "unknown", "queued", "sending")],
            ("sent", RECENTLY),
        ):
            db.session.add(
                TransactionalEmail(
                    kind="test", address="b@example.org", status=status, created_at=at
                )
            )
    sweep.prune()
    assert people() == {"a2@example.org"}
    assert len(db.session.scalars(sa.select(TransactionalEmail.id)).all()) == 4
    sweep.prune()
    assert people() == set()
    left = db.session.execute(
        sa.select(TransactionalEmail.status, TransactionalEmail.created_at).order_by(
            TransactionalEmail.id
        )
    ).all()
    assert [tuple(row) for row in left] == [
        ("queued", LONG_AGO),
        ("sending", LONG_AGO),
        ("sent", RECENTLY),
    ]
