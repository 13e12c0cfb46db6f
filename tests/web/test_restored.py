"""Pages of campaigns on hold because the database was restored from a backup."""

from datetime import timedelta

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient

from campaigns.campaign import lifecycle
from campaigns.campaign.models import Campaign, Delivery
from campaigns.clock import utcnow
from campaigns.db import db, transaction
from campaigns.engine import restored
from campaigns.jobs import clock, sweep
from campaigns.transactional import queue
from campaigns.transactional.models import TransactionalEmail
from tests.english import in_english
from tests.factories import a_campaign, a_delivery, a_list, a_subscriber
from tests.readback import campaign_status, delivery_statuses
from tests.web.test_reports import report, started, text_of

BANNER = "On hold: the database was restored from a backup"
WAITING = {"status": "queued"}


def on_hold() -> Campaign:
    with transaction():
        campaign = started("sending", {"status": "sent"}, WAITING, WAITING)
        assert lifecycle.hold_restored(now=utcnow(), reason=restored.PAUSED) == [campaign.id]
    return campaign


def test_the_report_of_a_restored_campaign_asks_for_a_decision(owner_client: FlaskClient) -> None:
    page = text_of(report(owner_client, on_hold()))
    assert BANNER in page
    assert "2 remaining recipients" in page
    assert "Send to remaining recipients" in page
    assert "Mark as unknown" in page
    assert "Cancel the rest" not in page


def test_a_manually_paused_campaign_shows_no_restore_banner(owner_client: FlaskClient) -> None:
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
def test_a_decision_posted_twice_counts_once(
    owner_client: FlaskClient, decision: str, status: str, deliveries: list[str]
) -> None:
    campaign = on_hold()
    for _ in range(2):
        answer = owner_client.post(f"/campaigns/{campaign.public_id}/{decision}")
        assert answer.status_code in (302, 303)
        assert campaign_status(campaign) == status
        assert sorted(delivery_statuses(campaign)) == deliveries
    assert BANNER not in text_of(report(owner_client, campaign))


def test_a_page_opened_before_the_decision_cannot_revert_it(
    owner_client: FlaskClient,
) -> None:
    campaign = on_hold()
    owner_client.post(f"/campaigns/{campaign.public_id}/resume")
    owner_client.post(f"/campaigns/{campaign.public_id}/mark-unknown")
    assert campaign_status(campaign) == "sending"
    assert sorted(delivery_statuses(campaign)) == ["queued", "queued", "sent"]


# --- one decision for all, on the home page -------------------------------------------------------


def several_on_hold() -> None:
    """Two campaigns in progress, two due, two single emails, and an unaffected campaign."""
    with transaction():
        for number in range(2):
            news = a_list(f"List {number}")
            campaign = a_campaign(news, status="sending", started_at=utcnow())
            for status in ("sent", "queued"):
                person = a_subscriber(f"{status}{number}@example.org", news)
                a_delivery(campaign, person, status=status)
            a_campaign(status="scheduled", scheduled_at=utcnow() - timedelta(hours=1))
            payload = {"subject": "Look", "text": "Look"}
            queue.enqueue("alert", "owner@example.org", payload, now=utcnow())
        a_campaign(status="scheduled", scheduled_at=utcnow() + timedelta(hours=1))
        restored.create()
    with transaction():
        assert restored.hold(5, now=utcnow()) is not None
    clock.start_due()


def status_of(entity: type[Campaign | Delivery | TransactionalEmail]) -> list[str]:
    db.session.rollback()
    return sorted(db.session.scalars(sa.select(entity.status)))


def test_home_offers_one_decision_for_everything_on_hold(owner_client: FlaskClient) -> None:
    several_on_hold()
    page = text_of(owner_client.get("/").text)
    assert page.count(BANNER) == 1
    assert "2 campaigns may have been sent to some of their remaining recipients" in page
    assert "2 scheduled campaigns may have been sent after the backup" in page
    assert "2 single emails, such as confirmations and password resets, may have been sent" in page
    assert in_english(restored.PAUSED) not in page, "not once per campaign"
    assert "missed its time" not in page


def test_home_shows_no_restore_banner_when_nothing_is_on_hold(owner_client: FlaskClient) -> None:
    assert BANNER not in text_of(owner_client.get("/").text)


@pytest.mark.runs_on("sqlite", "postgresql")
@pytest.mark.parametrize(
    ("what", "decision", "entity", "after"),
    [
        ("campaigns", "send", Campaign, ["scheduled"] * 3 + ["sending"] * 2),
        ("campaigns", "leave", Campaign, ["cancelled"] * 2 + ["scheduled"] * 3),
        ("scheduled", "send", Campaign, ["paused"] * 2 + ["preparing"] * 2 + ["scheduled"]),
        ("scheduled", "leave", Campaign, ["draft"] * 2 + ["paused"] * 2 + ["scheduled"]),
        ("emails", "send", TransactionalEmail, ["queued"] * 2),
        ("emails", "leave", TransactionalEmail, ["unknown"] * 2),
    ],
)
def test_one_decision_applies_to_all_and_is_not_asked_again(
    owner_client: FlaskClient,
    what: str,
    decision: str,
    entity: type[Campaign | TransactionalEmail],
    after: list[str],
) -> None:
    several_on_hold()
    answer = owner_client.post(f"/restored/{what}", data={"decision": decision})
    assert answer.location == "/"
    clock.start_due()
    assert status_of(entity) == after
    for other in ("send", "leave"):  # a page that was opened earlier
        owner_client.post(f"/restored/{what}", data={"decision": other})
    assert status_of(entity) == after
    assert "Nothing is on hold" in text_of(owner_client.get("/").text)


def test_the_sweep_accounts_for_everyone_in_campaigns_ended_together(
    owner_client: FlaskClient,
) -> None:
    several_on_hold()
    owner_client.post("/restored/campaigns", data={"decision": "leave"})
    sweep.mark_cancelled()
    assert status_of(Delivery) == ["sent", "sent", "unknown", "unknown"]


def test_an_invalid_decision_changes_nothing(owner_client: FlaskClient) -> None:
    several_on_hold()
    assert owner_client.post("/restored/campaigns", data={"decision": "x"}).status_code == 400
    assert status_of(Campaign) == ["paused"] * 2 + ["scheduled"] * 3


def test_the_report_of_a_scheduled_campaign_does_not_promise_that_nobody_got_it(
    owner_client: FlaskClient,
) -> None:
    several_on_hold()
    asked = db.session.scalars(sa.select(Campaign).where(Campaign.asked_at.is_not(None))).first()
    assert asked is not None
    page = text_of(report(owner_client, asked))
    assert "This campaign may have been sent" in page
    assert "Nobody has got it" not in page


def test_a_campaign_on_hold_cannot_switch_its_sender(owner_client: FlaskClient) -> None:
    campaign = on_hold()
    owner_client.post(f"/campaigns/{campaign.public_id}/go-on", data={"overflow": "1"})
    assert campaign_status(campaign) == "paused"
