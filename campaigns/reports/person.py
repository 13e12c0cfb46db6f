"""What one subscriber got and did, in figures."""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from campaigns.campaign.models import Delivery
from campaigns.db import db


@dataclass(frozen=True, slots=True)
class PersonFigures:
    """Emails of campaigns sent to a subscriber, and how many of them they opened and clicked."""

    sent: int = 0
    opened: int = 0
    clicked: int = 0
    last_sent_at: datetime | None = None


def person_figures(subscriber_id: int) -> PersonFigures:
    """Count the emails of one subscriber."""
    row = db.session.execute(
        sa.select(
            sa.func.count(),
            sa.func.count(Delivery.first_opened_at),
            sa.func.count(Delivery.first_clicked_at),
            sa.func.max(Delivery.sent_at),
        ).where(Delivery.subscriber_id == subscriber_id, Delivery.status == "sent")
    ).one()
    return PersonFigures(*row)
