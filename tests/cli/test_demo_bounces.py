"""The bounces of the demo come through the code that reads real ones."""

from datetime import UTC, datetime

from flask import Flask

from campaigns.cli.demo.bounces import NOTICES, fill_bounces
from campaigns.context import services
from campaigns.db import transaction
from campaigns.reports import bounces
from tests.factories import a_campaign, a_delivery, a_provider, subscribers

NOW = datetime(2030, 5, 4, 12, 0, tzinfo=UTC)


def test_every_notice_becomes_a_bounce_with_its_evidence(app: Flask) -> None:
    with transaction():
        campaign = a_campaign(status="sent", provider_id=a_provider().id)
        people = subscribers(f"p{number}@example.org" for number in range(len(NOTICES)))
        sent = [a_delivery(campaign, one, status="sent", sent_at=NOW) for one in people]
        fill_bounces([campaign], services().signer)
    assert sum(one.count for one in bounces.campaign_bounces(campaign.id)) == len(NOTICES)
    evidence = bounces.evidence_of([one.id for one in sent])
    assert all(line.incoming for lines in evidence.values() for line in lines)
