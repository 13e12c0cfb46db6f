"""The sweep pauses a campaign with too many complaints, and alerts the owners once."""

import pytest
import sqlalchemy as sa

from campaigns.accounts.models import User
from campaigns.campaign.models import Campaign
from campaigns.clock import utcnow
from campaigns.db import db, transaction
from campaigns.events.models import FeedbackWatch
from campaigns.jobs import sweep
from campaigns.transactional.models import TransactionalEmail
from tests.events.test_consequences import a_sent, about, applied, delivery
from tests.factories import a_provider, a_sender

pytestmark = pytest.mark.usefixtures("app")


def alerts() -> list[str]:
    db.session.rollback()
    rows = db.session.scalars(
        sa.select(TransactionalEmail).where(TransactionalEmail.kind == "alert")
    )
    return [row.payload["text"] for row in rows]


def test_complaints_pause_the_campaign_and_alert_the_owners_once() -> None:
    now = utcnow()
    ids = a_sent(*[{"status": "sent", "sent_at": now}] * 50)
    with transaction():
        account = a_provider()
        a_sender("news@example.org", a_provider("Other"))
        db.session.add(
            User(address="o@example.org", address_normal="o@example.org", password_hash="")
        )
        db.session.execute(sa.update(Campaign).values(provider_id=account.id, started_at=now))
    applied(*[about(number, "complained", at=now) for number in ids[:6]], now=now)
    sweep.watch_rates()
    [text] = alerts()
    assert "6 of 50 emails sent to all mailbox providers" in text
    assert "were reported as spam (12%)" in text
    campaign = db.session.get_one(Campaign, delivery(ids[0]).campaign_id, populate_existing=True)
    assert (campaign.status, "complaint_rate" in campaign.status_reason) == ("paused", True)
    with transaction():
        db.session.execute(sa.update(FeedbackWatch).values(checked_at=None))
    sweep.watch_rates()
    assert len(alerts()) == 1
