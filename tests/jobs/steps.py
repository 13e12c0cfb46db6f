"""Steps of the tests of sending."""

import time

import sqlalchemy as sa

from campaigns.campaign.models import Delivery
from campaigns.db import db
from campaigns.jobs import send


def statuses() -> dict[str, int]:
    """How many deliveries are in each state."""
    db.session.rollback()
    rows = db.session.execute(sa.select(Delivery.status, sa.func.count()).group_by(Delivery.status))
    return {status: count for status, count in rows}  # noqa: C416


def send_until(wanted: dict[str, int], seconds: float = 60) -> None:
    """Work slice after slice until the deliveries are in these states."""
    end = time.monotonic() + seconds
    while statuses() != wanted and time.monotonic() < end:
        send.send()
        time.sleep(0.02)
    assert statuses() == wanted
