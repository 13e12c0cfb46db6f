"""What came back in the demo comes through the code that reads real emails and posts."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from flask import Flask

from campaigns.cli.demo.bounces import fill_feedback
from campaigns.cli.demo.returned_emails import EMAILS
from campaigns.context import services
from campaigns.db import db, transaction
from campaigns.events.models import Event, Incoming
from campaigns.reports import bounces
from tests.factories import a_campaign, a_delivery, a_list, a_provider, a_sender, subscribers

NOW = datetime(2030, 5, 4, 12, 0, tzinfo=UTC)


def test_everything_that_can_come_back_does(app: Flask) -> None:
    with transaction():
        sender = a_sender("letter@harbour-coffee.example", a_provider())
        campaign = a_campaign(
            a_list(), sender=sender, status="sent", provider_id=sender.provider_id,
            started_at=NOW, finished_at=NOW + timedelta(minutes=2),
        )  # fmt: skip
        people = subscribers(f"p{number}@example.org" for number in range(2 * len(EMAILS)))
        sent = [a_delivery(campaign, one, status="sent", sent_at=NOW) for one in people]
        fill_feedback([campaign], services().signer, services().vault)
    kinds = Counter(db.session.scalars(sa.select(Event.kind)))
    assert kinds == {
        "delivered": len(EMAILS), "bounced": 10, "complained": 2, "unsubscribed": 1, "deferred": 1,
    }  # fmt: skip
    evidence = bounces.evidence_of([one.id for one in sent])
    assert all(line.incoming for lines in evidence.values() for line in lines)
    rows = db.session.scalars(sa.select(Incoming)).all()
    assert {row.state for row in rows} == {"done", "refused"}
    assert [row.received_at for row in rows] == sorted(row.received_at for row in rows)
    assert {row.account_id for row in rows if row.new_events} == {sender.provider_id}
    assert {"delivered": len(EMAILS)} in [row.kinds for row in rows], "the log says what it reports"
