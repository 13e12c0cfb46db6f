"""The decision about very many bounces at one mailbox provider, in the report."""

from flask.testing import FlaskClient

from campaigns.campaign.models import Campaign
from campaigns.db import db, transaction
from tests.events.test_consequences import NOW, SENT, a_sent, about, applied, delivery, suppressed


def a_spike() -> str:
    """A campaign with a spike of bounces at Gmail: its public id."""
    ids = a_sent(*[{**SENT, "mailbox_group": "google"}] * 25)
    applied(*[about(number, reply="550 user unknown") for number in ids])
    with transaction():
        campaign = db.session.get_one(Campaign, delivery(ids[0]).campaign_id)
        campaign.started_at = NOW
    return campaign.public_id


def test_bounces_are_kept_without_consequences(owner_client: FlaskClient) -> None:
    page = f"/campaigns/{a_spike()}/report"
    shown = owner_client.get(page).text
    assert "Many emails to Gmail bounced at once" in shown
    assert "25 emails have bounced" in shown
    assert "bounced at once. Nobody was suppressed." in owner_client.get("/").text
    data = {"group": "google", "decision": "again"}
    assert owner_client.post(f"{page}/bounces", data=data).status_code == 302
    assert "bounced at once" not in owner_client.get(page).text
    assert suppressed() == []


def test_bounces_are_accepted_once(owner_client: FlaskClient) -> None:
    page = f"/campaigns/{a_spike()}/report"
    data = {"group": "google", "decision": "gone"}
    owner_client.post(f"{page}/bounces", data=data)
    assert "25 addresses suppressed" in owner_client.get(page).text
    owner_client.post(f"{page}/bounces", data=data)
    assert "Someone else has already decided this." in owner_client.get(page).text
    assert len(suppressed()) == 25
