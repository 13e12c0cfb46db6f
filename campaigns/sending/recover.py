"""After a crash: settle what a dead worker had claimed, and find the work that lies open."""

from collections.abc import Collection
from datetime import datetime, timedelta

import sqlalchemy as sa

from campaigns.db import database_now, db
from campaigns.messages import SendResult
from campaigns.sending import outcomes
from campaigns.sending.journal import Story
from campaigns.sending.models import Campaign, Claim, Delivery

HOST_LOST_AFTER = timedelta(minutes=15)
"""So long after its lease a claim whose journal nobody finds is given up: its host is gone."""


def settle(token: str, story: Story, *, now: datetime, is_expired: bool = False) -> bool:
    """Settle one claim by its journal; nobody works on it any more.

    Known replies are recorded, bodies without a reply become `unknown` and are never sent again
    silently, what was not begun goes back to the queue. Where the end of the journal may be
    missing, "not begun" is not known either.

    `is_expired`: its worker lives, so it is settled only if its lease has really run out. Gives
    whether it was settled.
    """
    claim = _end(token, is_expired=is_expired, now=now)
    if claim is None and is_expired:
        return False
    held = _held(token, claim) if claim is not None else set()
    fates = list(story.results.values())
    unclear = held - story.results.keys() if not story.is_whole else story.unknown
    fates += [SendResult(number, "unknown", scope="connection") for number in sorted(unclear)]
    outcomes.record(token, fates, now=now, unknown_reason="lost_worker")
    outcomes.release(token, held - story.results.keys() - unclear, now=now)
    return True


def _end(token: str, *, is_expired: bool, now: datetime) -> int | None:
    """End a claim, so that its worker cannot renew it; the campaign's id."""
    condition = Claim.lease_until < database_now(now) if is_expired else sa.true()
    return db.session.scalar(
        sa.delete(Claim)
        .where(Claim.token == token, condition)
        .returning(Claim.campaign_id)
        .execution_options(synchronize_session=False)
    )


def _held(token: str, campaign_id: int) -> set[int]:
    """The deliveries that a claim still has."""
    return set(
        db.session.scalars(
            sa.select(Delivery.id).where(
                Delivery.campaign_id == campaign_id,
                Delivery.status == sa.literal_column("'sending'"),
                Delivery.claim_token == token,
            )
        )
    )


def expired(*, now: datetime) -> set[str]:
    """The tokens of claims whose lease is over: their worker sends nothing of them any more."""
    return set(
        db.session.scalars(sa.select(Claim.token).where(Claim.lease_until < database_now(now)))
    )


def lost(*, now: datetime) -> set[str]:
    """The tokens of claims whose lease ran out so long ago that their host must be gone."""
    given_up = Claim.lease_until < database_now(now, -HOST_LOST_AFTER)
    return set(db.session.scalars(sa.select(Claim.token).where(given_up)))


def settle_lost(tokens: Collection[str], *, now: datetime) -> int:
    """Claims without a journal: whether their bodies left cannot be known, so all is `unknown`.

    Nothing of them is queued again. Returns how many claims were settled.
    """
    return sum(
        settle(token, Story(is_whole=False), now=now, is_expired=True) for token in sorted(tokens)
    )


def preparing() -> list[int]:
    """Campaigns whose expansion was asked for and is not done."""
    return list(db.session.scalars(sa.select(Campaign.id).where(Campaign.status == "preparing")))


def sending() -> list[Campaign]:
    """Campaigns that are being sent, as they stand now."""
    db.session.rollback()
    statement = sa.select(Campaign).where(Campaign.status == "sending").order_by(Campaign.id)
    return list(db.session.scalars(statement, execution_options={"populate_existing": True}))


def is_any_sending() -> bool:
    return (
        db.session.scalar(sa.select(Campaign.id).where(Campaign.status == "sending").limit(1))
        is not None
    )


def cancelled_with_waiting() -> list[int]:
    """Cancelled campaigns to which a worker gave rows back after the cancellation."""
    waiting = sa.exists().where(
        Delivery.campaign_id == Campaign.id, Delivery.status == sa.literal_column("'queued'")
    )
    recently = sa.select(Campaign.id).where(Campaign.status == "cancelled", waiting)
    return list(db.session.scalars(recently))
