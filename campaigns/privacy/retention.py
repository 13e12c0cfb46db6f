"""Delete sign-ups that were never confirmed; only their number is kept."""

from collections.abc import Collection
from datetime import datetime, timedelta

import sqlalchemy as sa

from campaigns.audience.models import ConsentEvent, Subscriber, Subscription
from campaigns.campaign.models import Delivery
from campaigns.db import db
from campaigns.privacy import erasure

KEEP = timedelta(days=30)
AT_ONCE = 500

Place = tuple[int, int]
"""A list and a subscriber."""


def overdue(now: datetime) -> list[Place]:
    """Return a few hundred overdue sign-ups, oldest first."""
    return _overdue(_is_overdue(now))


def delete(places: Collection[Place], *, now: datetime) -> int:
    """Delete those of these sign-ups that are still overdue; returns how many.

    People known only by the sign-up are erased. People who had left the list before are
    unsubscribed again. Of a request, only its list, time and wording stay.
    """
    found = _overdue(_is_overdue(now), _is_one_of(Subscription, places), lock=True)
    if not found:
        return 0
    newcomers = _created_by_sign_up([subscriber_id for _, subscriber_id in found])
    _anonymize_requests(found)
    _unsubscribe_again(found)
    db.session.execute(
        sa.delete(Subscription)
        .where(_is_one_of(Subscription, found), Subscription.state == "pending")
        .execution_options(synchronize_session=False)
    )
    erasure.erase(_without_other_data(newcomers))
    return len(found)


def _is_overdue(now: datetime) -> sa.ColumnElement[bool]:
    """Return the condition "overdue", by the age of the first request, not of the last link."""
    before = now - KEEP
    asked = Subscription.confirm_sent_at
    return sa.and_(
        # A literal, so that the partial index of pending rows is used.
        Subscription.state == sa.literal_column("'pending'"),
        Subscription.state_at < before,
        sa.or_(asked.is_(None), asked < before),
    )


def _overdue(*conditions: sa.ColumnElement[bool], lock: bool = False) -> list[Place]:
    statement = (
        sa.select(Subscription.list_id, Subscription.subscriber_id)
        .where(*conditions)
        .order_by(Subscription.state_at)
        .limit(AT_ONCE)
    )
    if lock:  # a concurrent confirmation wins
        statement = statement.with_for_update(skip_locked=True)
    return [(row.list_id, row.subscriber_id) for row in db.session.execute(statement)]


def _is_one_of(
    table: type[Subscription | ConsentEvent], places: Collection[Place]
) -> sa.ColumnElement[bool]:
    return sa.tuple_(table.list_id, table.subscriber_id).in_(sorted(places))


def _created_by_sign_up(subscriber_ids: Collection[int]) -> list[int]:
    """Return those who were created by a request, at the same time."""
    return list(
        db.session.scalars(
            sa.select(Subscriber.id).where(
                Subscriber.id.in_(sorted(subscriber_ids)),
                sa.exists().where(
                    ConsentEvent.subscriber_id == Subscriber.id,
                    ConsentEvent.kind == "requested",
                    ConsentEvent.at == Subscriber.created_at,
                ),
            )
        )
    )


def _anonymize_requests(places: Collection[Place]) -> None:
    """Remove the person from the requests made since these subscriptions became pending."""
    is_of_these = sa.exists().where(
        Subscription.list_id == ConsentEvent.list_id,
        Subscription.subscriber_id == ConsentEvent.subscriber_id,
        Subscription.state_at <= ConsentEvent.at,
    )
    db.session.execute(
        sa.update(ConsentEvent)
        .where(_is_one_of(ConsentEvent, places), ConsentEvent.kind == "requested", is_of_these)
        .values(subscriber_id=None, ip="", user_agent="")
        .execution_options(synchronize_session=False)
    )


def _unsubscribe_again(places: Collection[Place]) -> None:
    """Set those who unsubscribed, asked to come back and never confirmed to unsubscribed."""
    left_at = (
        sa.select(sa.func.max(ConsentEvent.at))
        .where(
            ConsentEvent.list_id == Subscription.list_id,
            ConsentEvent.subscriber_id == Subscription.subscriber_id,
            ConsentEvent.kind == "unsubscribed",
        )
        .correlate(Subscription)
        .scalar_subquery()
    )
    db.session.execute(
        sa.update(Subscription)
        .where(_is_one_of(Subscription, places), left_at.is_not(None))
        .values(state="unsubscribed", state_at=left_at, confirm_sent_at=None)
        .execution_options(synchronize_session=False)
    )


def _without_other_data(subscriber_ids: Collection[int]) -> list[int]:
    """Return those who are on no list and were never sent a campaign."""
    return list(
        db.session.scalars(
            sa.select(Subscriber.id).where(
                Subscriber.id.in_(sorted(subscriber_ids)),
                ~sa.exists().where(Subscription.subscriber_id == Subscriber.id),
                ~sa.exists().where(Delivery.subscriber_id == Subscriber.id),
            )
        )
    )
