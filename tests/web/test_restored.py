"""The report of a campaign that is on hold because its database was restored from a backup."""

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient

from campaigns.clock import utcnow
from campaigns.db import db, transaction
from campaigns.sending import lifecycle, restored
from campaigns.sending.models import Campaign, Delivery
from tests.web.test_reports import report, started, text_of

BANNER = "On hold: the database was restored from a backup"
WAITING = {"status": "queued"}


def on_hold() -> Campaign:
    with transaction():
        campaign = started("sending", {"status": "sent"}, WAITING, WAITING)
        assert lifecycle.hold_restored(campaign.id, now=utcnow(), reason=restored.PAUSED)
    return campaign


def fates(campaign: Campaign) -> list[str]:
    db.session.rollback()
    statement = sa.select(Delivery.status).where(Delivery.campaign_id == campaign.id)
    return sorted(db.session.scalars(statement))


def state(campaign: Campaign) -> str:
    return db.session.get_one(Campaign, campaign.id, populate_existing=True).status


def test_the_report_of_a_restored_campaign_asks_for_a_decision(owner_client: FlaskClient) -> None:
    page = text_of(report(owner_client, on_hold()))
    assert BANNER in page
    assert "2 remaining recipients" in page
    assert "Send to remaining recipients" in page
    assert "Mark as unknown" in page
    assert "Cancel the rest" not in page


def test_a_campaign_paused_by_a_person_shows_no_restore_banner(owner_client: FlaskClient) -> None:
    with transaction():
        campaign = started("paused", {"status": "sent"}, WAITING)
    page = text_of(report(owner_client, campaign))
    assert BANNER not in page
    assert "Mark as unknown" not in page


@pytest.mark.parametrize(
    ("decision", "status", "deliveries"),
    [
        ("resume", "sending", ["queued", "queued", "sent"]),
        ("mark-unknown", "cancelled", ["sent", "unknown", "unknown"]),
    ],
)
def test_a_decision_about_a_restored_campaign_stands_after_a_double_post(
    owner_client: FlaskClient, decision: str, status: str, deliveries: list[str]
) -> None:
    campaign = on_hold()
    for _ in range(2):
        answer = owner_client.post(f"/campaigns/{campaign.public_id}/{decision}")
        assert answer.status_code in (302, 303)
        assert state(campaign) == status
        assert fates(campaign) == deliveries
    assert BANNER not in text_of(report(owner_client, campaign))


def test_a_page_opened_before_the_decision_cannot_stop_what_is_sent_again(
    owner_client: FlaskClient,
) -> None:
    campaign = on_hold()
    owner_client.post(f"/campaigns/{campaign.public_id}/resume")
    owner_client.post(f"/campaigns/{campaign.public_id}/mark-unknown")
    assert state(campaign) == "sending"
    assert fates(campaign) == ["queued", "queued", "sent"]


def test_home_says_why_a_restored_campaign_is_on_hold_and_leads_to_its_report(
    owner_client: FlaskClient,
) -> None:
    campaign = on_hold()
    html = owner_client.get("/").get_data(as_text=True)
    assert restored.PAUSED in text_of(html)
    assert f"/campaigns/{campaign.public_id}/report" in html
