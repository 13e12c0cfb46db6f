"""kill -9 of the sending worker in mid-campaign: nobody is lost, nobody is emailed twice."""

import pytest
import sqlalchemy as sa

from campaigns.app import create_app
from campaigns.campaign import lifecycle
from campaigns.campaign.models import Campaign
from campaigns.clock import utcnow
from campaigns.context import services
from campaigns.db import db, transaction
from campaigns.engine.provider_pool import MAX_CONNECTIONS
from campaigns.mailbox.store import Store
from campaigns.providers.models import ProviderAccount, SenderAddress
from tests.factories import a_campaign, a_list, subscribers
from tests.product import running_product
from tests.readback import delivery_counts
from tests.supervisor.helpers import kill_descendants, wait_until

RECIPIENTS = 2000
KILLS = 2


@pytest.mark.process
def test_a_killed_sender_loses_nobody_and_emails_nobody_twice() -> None:
    with running_product("--demo") as product:
        app = create_app(product.settings)
        with app.app_context():
            campaign_id = launch_campaign()
            killed = 0
            for kill in range(1, KILLS + 1):
                wait_until(
                    lambda aim=RECIPIENTS * kill // (KILLS + 2): (
                        delivery_counts(campaign_id).get("sent", 0) > aim
                    ),  # type: ignore[misc]
                    "the campaign is being sent",
                    90,
                )
                killed += kill_descendants("worker --lane send", product.process.pid)
            wait_until(lambda: is_sent(campaign_id), "the campaign completes", 90)
            balance = delivery_counts(campaign_id)
            db.session.remove()
            db.engine.dispose()
        mailbox = Store(product.settings.mailbox_path)
        captured, repeated = mailbox.totals().messages, mailbox.repeated()
    assert sum(balance.values()) == RECIPIENTS
    assert set(balance) <= {"sent", "unknown"}
    assert balance.get("unknown", 0) <= killed * MAX_CONNECTIONS, "one per open connection and kill"
    assert repeated == 0, "a recipient was emailed twice"
    assert balance["sent"] <= captured <= RECIPIENTS


def launch_campaign() -> int:
    with transaction():
        # Slow enough to be killed in the middle, fast enough for a test.
        db.session.execute(sa.update(ProviderAccount).values(per_second=600))
        sender = db.session.scalars(sa.select(SenderAddress)).first()
        audience = a_list("Everybody")
        subscribers((f"kill{number}@example.org" for number in range(RECIPIENTS)), audience)
        campaign = a_campaign(audience, sender=sender)
        lifecycle.launch(campaign.id, at=None, undo_seconds=0, now=utcnow())
    services().doorbell.ring("expand", campaign.id)
    return campaign.id


def is_sent(campaign_id: int) -> bool:
    db.session.rollback()
    query = sa.select(Campaign.status).where(Campaign.id == campaign_id)
    return db.session.scalar(query) == "sent"
