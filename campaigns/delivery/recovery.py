"""After a crash: settle the claims of a dead worker, and find unfinished work."""

from collections.abc import Mapping
from datetime import datetime, timedelta

import sqlalchemy as sa

from campaigns.campaign.models import Campaign, Claim, Delivery
from campaigns.db import db
from campaigns.delivery import outcomes
from campaigns.delivery.journal import JournalContents
from campaigns.messages import SendResult

HOST_LOST_AFTER = timedelta(minutes=15)
"""Time after its lease at which a claim without a journal is settled: its host is gone."""

Leases = Mapping[str, datetime]
"""End of the lease by claim token."""


class Watch:
    """Measures how long leases have not been renewed, by a monotonic clock.

    A working process renews its lease all the time. By a wall clock alone, setting it forward would
    end all leases at once: what a worker is still sending would be queued again and sent twice.
    """

    def __init__(self) -> None:
        self._since: dict[str, tuple[datetime, float]] = {}

    def look(self, leases: Leases, at: float) -> None:
        """Note the leases as they are at this time, in seconds of `clock.running_seconds`."""
        self._since = {
            token: seen
            if (seen := self._since.get(token)) is not None and seen[0] == until
            else (until, at)
            for token, until in leases.items()
        }

    def standing(self, seconds: float, at: float) -> dict[str, datetime]:
        """Return the leases seen unchanged for at least this many seconds."""
        return {
            token: until for token, (until, since) in self._since.items() if at - since >= seconds
        }


def leases() -> dict[str, datetime]:
    """Return the leases of all claims."""
    rows = db.session.execute(sa.select(Claim.token, Claim.lease_until))
    return {token: until for token, until in rows}  # noqa: C416


def settle(
    token: str, story: JournalContents, *, now: datetime, lent_until: datetime | None = None
) -> bool:
    """Settle a claim whose worker is gone, by its journal.

    Known replies are recorded, bodies without a reply become `unknown` and are never sent again
    silently, and the rest goes back to the queue. If the end of the journal may be missing, the
    rest becomes `unknown` too.

    `lent_until`: the worker may be alive, so settle only if the lease is still the one seen
    (`Watch`). Returns whether it was settled.
    """
    # Deliveries first, then the claim: the order in which a worker records them.
    open_claim = db.session.scalar(sa.select(Claim.campaign_id).where(Claim.token == token))
    known = _held(token, open_claim) if open_claim is not None else set()
    outcomes.lock(known | story.begun | story.results.keys())
    claim = _end(token, lent_until)
    if claim is None and lent_until is not None:
        return False
    held = _held(token, claim) if claim is not None else set()
    results = list(story.results.values())
    unclear = held - story.results.keys() if not story.is_whole else story.unknown
    results += [SendResult(number, "unknown", scope="connection") for number in sorted(unclear)]
    outcomes.record(token, results, now=now, unknown_reason="lost_worker")
    outcomes.release(token, held - story.results.keys() - unclear, now=now)
    return True


def _end(token: str, lent_until: datetime | None) -> int | None:
    """End a claim, so that its worker cannot renew it. Returns the campaign's id."""
    condition = sa.true() if lent_until is None else Claim.lease_until == lent_until
    return db.session.scalar(
        sa.delete(Claim)
        .where(Claim.token == token, condition)
        .returning(Claim.campaign_id)
        .execution_options(synchronize_session=False)
    )


def _held(token: str, campaign_id: int) -> set[int]:
    """Return the deliveries that a claim still has."""
    return set(
        db.session.scalars(
            sa.select(Delivery.id).where(
                Delivery.campaign_id == campaign_id,
                Delivery.status == sa.literal_column("'sending'"),
                Delivery.claim_token == token,
            )
        )
    )


def settle_lost(token: str, lent_until: datetime, *, now: datetime) -> bool:
    """Settle a claim without a journal: its deliveries become `unknown`.

    Whether bodies were sent cannot be known. Returns whether it was settled.
    """
    return settle(token, JournalContents(is_whole=False), now=now, lent_until=lent_until)


def preparing() -> list[int]:
    """Return campaigns that wait for expansion."""
    return list(db.session.scalars(sa.select(Campaign.id).where(Campaign.status == "preparing")))


def sending() -> list[Campaign]:
    """Return campaigns that are being sent."""
    db.session.rollback()
    statement = sa.select(Campaign).where(Campaign.status == "sending").order_by(Campaign.id)
    return list(db.session.scalars(statement, execution_options={"populate_existing": True}))


def is_any_sending() -> bool:
    """Return whether any campaign is being sent."""
    return (
        db.session.scalar(sa.select(Campaign.id).where(Campaign.status == "sending").limit(1))
        is not None
    )


def cancelled_with_waiting() -> list[int]:
    """Return cancelled campaigns whose waiting deliveries are not all marked yet."""
    waiting = sa.exists().where(
        Delivery.campaign_id == Campaign.id, Delivery.status == sa.literal_column("'queued'")
    )
    cancelled = sa.select(Campaign.id).where(Campaign.status == "cancelled", waiting)
    return list(db.session.scalars(cancelled))
