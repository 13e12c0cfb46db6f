"""The balance sheet of a campaign: what became of every recipient."""

from collections.abc import Collection
from dataclasses import dataclass

import sqlalchemy as sa

from campaigns.campaign.models import DELIVERY_STATES, Campaign, Delivery
from campaigns.db import db

TERMS = ("sent", "waiting", "failed", "skipped", "held", "cancelled", "unknown")
"""The terms of the balance, in the order in which they are shown."""


@dataclass(frozen=True, slots=True)
class Balance:
    """`audience` is what was frozen; every other figure counts delivery rows as they stand.

    Sent means that the next server took the message, not that it was delivered.
    """

    audience: int = 0
    sent: int = 0
    failed: int = 0
    skipped: int = 0
    held: int = 0
    cancelled: int = 0
    unknown: int = 0
    queued: int = 0
    sending: int = 0

    @property
    def waiting(self) -> int:
        """Nothing final yet: queued or in a worker's hands."""
        return self.queued + self.sending

    @property
    def done(self) -> int:
        """Recipients with a final outcome."""
        return self.rows - self.waiting

    @property
    def rows(self) -> int:
        """Number of rows, which has to be the audience."""
        return sum(self.term(name) for name in TERMS)

    @property
    def adds_up(self) -> bool:
        """Whether every recipient of the frozen audience is accounted for."""
        return self.audience == self.rows

    def term(self, name: str) -> int:
        """The figure of one of TERMS."""
        value: int = getattr(self, name)
        return value

    def terms(self) -> list[tuple[str, int]]:
        """The terms that are not zero (zeros change no sum), in the order of TERMS."""
        return [(name, self.term(name)) for name in TERMS if self.term(name)]


def campaign_balances(campaign_ids: Collection[int]) -> dict[int, Balance]:
    """The balance of each of these campaigns, all of them of one moment.

    For each state a range of an index is counted: several times quicker than rows that have to
    be told apart.
    """
    if not campaign_ids:
        return {}
    counts = [
        sa.select(sa.func.count())
        .where(
            Delivery.campaign_id == Campaign.id,
            # Written out, not bound: so the databases know how many rows to expect.
            Delivery.status == sa.literal_column(f"'{state}'"),
        )
        .scalar_subquery()
        for state in DELIVERY_STATES
    ]
    rows = db.session.execute(
        sa.select(Campaign.id, Campaign.audience, *counts).where(Campaign.id.in_(campaign_ids))
    )
    balances = {
        campaign_id: Balance(audience=audience, **dict(zip(DELIVERY_STATES, found, strict=True)))
        for campaign_id, audience, *found in rows
    }
    return {one: balances[one] for one in campaign_ids if one in balances}
