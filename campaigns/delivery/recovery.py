"""After a crash: record what a dead worker had claimed, and find unfinished work."""

from collections.abc import Mapping
from datetime import datetime, timedelta

import sqlalchemy as sa

from campaigns.campaign.models import Campaign, Claim, Delivery
from campaigns.db import db
from campaigns.delivery import outcomes
from campaigns.delivery.journal import Story
from campaigns.messages import SendResult

HOST_LOST_AFTER = timedelta(minutes=15)
"""Time after its lease at which a claim without a journal is given up: its host is gone."""

Leases = Mapping[str, datetime]
"""Claims (by token), and until when each was lent."""


class Watch:
    """Tells which leases have stood still for how long, by a clock that nobody sets.

    A lease that is worked on is renewed all the time. By a wall clock alone all leases would be
    over at once when it is set forward: what a living worker is just sending would be queued
    again, and leave twice.
    """

    def __init__(self) -> None:
        self._since: dict[str, tuple[datetime, float]] = {}

    def look(self, leases: Leases, at: float) -> None:
        """So they stand at this moment, in seconds of `clock.running_seconds`."""
        self._since = {
            token: seen
            if (seen := self._since.get(token)) is not None and seen[0] == until
            else (until, at)
            for token, until in leases.items()
        }

    def standing(self, seconds: float, at: float) -> dict[str, datetime]:
        """Those that were seen unchanged for at least so long."""
        return {
            token: until for token, (until, since) in self._since.items() if at - since >= seconds
        }


def leases() -> dict[str, datetime]:
    """All claims that somebody works on, or has worked on."""
    rows = db.session.execute(sa.select(Claim.token, Claim.lease_until))
    return {token: until for token, until in rows}  # noqa: C416


def settle(token: str, story: Story, *, now: datetime, lent_until: datetime | None = None) -> bool:
    """Settle one claim by its journal; nobody works on it any more.

    Known replies are recorded, bodies without a reply become `unknown` and are never sent again
    silently, what was not begun goes back to the queue. Where the end of the journal may be
    missing, "not begun" is not known either.

    `lent_until`: its worker may live, so it is settled only if its lease still stands as it was
    seen (`Watch`). Gives whether it was settled.
    """
    claim = _end(token, lent_until)
    if claim is None and lent_until is not None:
        return False
    held = _held(token, claim) if claim is not None else set()
    fates = list(story.results.values())
    unclear = held - story.results.keys() if not story.is_whole else story.unknown
    fates += [SendResult(number, "unknown", scope="connection") for number in sorted(unclear)]
    outcomes.record(token, fates, now=now, unknown_reason="lost_worker")
    outcomes.release(token, held - story.results.keys() - unclear, now=now)
    return True


def _end(token: str, lent_until: datetime | None) -> int | None:
    """End a claim, so that its worker cannot renew it; the campaign's id."""
    condition = sa.true() if lent_until is None else Claim.lease_until == lent_until
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


def settle_lost(lost: Leases, *, now: datetime) -> int:
    """Claims without a journal: whether their bodies left cannot be known, so all is `unknown`.

    Nothing of them is queued again. Returns how many claims were settled.
    """
    return sum(
        settle(token, Story(is_whole=False), now=now, lent_until=until)
        for token, until in sorted(lost.items())
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
    """Whether any campaign is being sent."""
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
