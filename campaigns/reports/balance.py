"""The balance of a campaign: the outcome of every recipient."""

from collections.abc import Collection
from dataclasses import dataclass

import sqlalchemy as sa

from campaigns.campaign.models import DELIVERY_STATES, Campaign, Delivery
from campaigns.db import db

TERMS = ("sent", "waiting", "failed", "skipped", "held", "cancelled", "unknown")
"""The terms of the balance, in display order."""


@dataclass(frozen=True, slots=True)
class Balance:
    """`audience` is the frozen count; every other figure counts current delivery rows.

    "Sent" means that the next server accepted the message, not that it was delivered.
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
        """Deliveries without a final outcome: queued or being sent."""
        return self.queued + self.sending

    @property
    def done(self) -> int:
        """Recipients with a final outcome."""
        return self.rows - self.waiting

    @property
    def rows(self) -> int:
        """Number of rows, which must equal the audience."""
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
        """The terms that are not zero, in the order of TERMS."""
        return [(name, self.term(name)) for name in TERMS if self.term(name)]


def campaign_balances(campaign_ids: Collection[int]) -> dict[int, Balance]:
    """Return the balance of each of these campaigns, all from one snapshot.

    Counts an index range per state, which is several times faster than grouping rows.
    """
    if not campaign_ids:
        return {}
    counts = [
        sa.select(sa.func.count())
        .where(
            Delivery.campaign_id == Campaign.id,
            # Literals, not bound values, so that the databases can estimate the number of rows.
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
