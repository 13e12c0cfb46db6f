"""Status changes are guarded: each happens once, and only from the right status."""

from datetime import timedelta

import pytest
import sqlalchemy as sa
from flask import Flask

from campaigns.campaign import lifecycle
from campaigns.campaign.models import Campaign, Delivery
from campaigns.clock import utcnow
from campaigns.db import db, transaction
from campaigns.delivery import completion, resend
from campaigns.jobs import sweep
from campaigns.providers import health
from campaigns.reason import Reason
from tests.english import legacy_reason
from tests.factories import a_campaign, a_delivery, a_list, a_provider, a_sender, a_subscriber
from tests.readback import campaign_status, delivery_statuses

NOW = utcnow()
OVERDUE = timedelta(hours=2)


def make(status: str = "draft") -> int:
    with transaction():
        return a_campaign(a_list(), sender=a_sender(), status=status).id


def test_a_launch_without_undo_starts_preparing_and_fixes_the_account(app: Flask) -> None:
    campaign_id = make()
    with transaction():
        assert lifecycle.launch(campaign_id, at=None, undo_seconds=0, now=NOW)
    campaign = db.session.get_one(Campaign, campaign_id)
    assert (campaign.status, campaign.provider_id) == ("preparing", 1)
    assert campaign.started_at == NOW


def test_an_undo_window_is_a_schedule_that_can_be_cancelled(app: Flask) -> None:
    campaign_id = make()
    with transaction():
        assert lifecycle.launch(campaign_id, at=None, undo_seconds=10, now=NOW)
    campaign = db.session.get_one(Campaign, campaign_id)
    assert campaign.is_undo_window
    assert campaign.scheduled_at == NOW + timedelta(seconds=10)
    with transaction():
        assert lifecycle.back_to_draft(campaign_id, now=NOW)
    assert campaign_status(campaign_id) == "draft"


def test_a_second_launch_changes_nothing(app: Flask) -> None:
    campaign_id = make()
    with transaction():
        assert lifecycle.launch(campaign_id, at=None, undo_seconds=0, now=NOW)
        assert not lifecycle.launch(campaign_id, at=None, undo_seconds=0, now=NOW)


def test_only_due_campaigns_are_started(app: Flask) -> None:
    campaign_id = make()
    with transaction():
        lifecycle.launch(campaign_id, at=NOW + timedelta(hours=1), undo_seconds=0, now=NOW)
        assert lifecycle.start_due(overdue=OVERDUE, now=NOW) == []
    later = NOW + timedelta(hours=1)
    with transaction():
        assert lifecycle.start_due(overdue=OVERDUE, now=later) == [campaign_id]
        assert lifecycle.start_due(overdue=OVERDUE, now=later) == []
    assert campaign_status(campaign_id) == "preparing"


@pytest.mark.parametrize("status", ["draft", "scheduled", "sent", "cancelled"])
def test_only_a_sending_campaign_can_be_paused(app: Flask, status: str) -> None:
    campaign_id = make(status)
    with transaction():
        assert not lifecycle.pause(campaign_id, now=NOW)
    assert campaign_status(campaign_id) == status


def test_resuming_retries_an_account_in_trouble(app: Flask) -> None:
    campaign_id = make("sending")
    with transaction():
        provider = a_provider("Second")
        db.session.get_one(Campaign, campaign_id).provider_id = provider.id
        db.session.flush()
        health.note_trouble(provider.id, legacy_reason("It is broken."), now=NOW)
        lifecycle.pause(campaign_id, now=NOW, reason=Reason("status.no_account"))
    with transaction():
        assert lifecycle.resume(campaign_id, now=NOW)
    db.session.refresh(provider)
    assert (provider.trouble, provider.retry_at) == ("", None)


def test_cancelling_accounts_for_everyone_who_waited(app: Flask) -> None:
    campaign_id = make("sending")
    with transaction():
        campaign = db.session.get_one(Campaign, campaign_id)
        a_delivery(campaign, a_subscriber("a@example.org"), status="sent")
        a_delivery(campaign, a_subscriber("b@example.org"))
    with transaction():
        assert completion.cancel(campaign_id, now=NOW)
    states = db.session.execute(sa.select(Delivery.status, Delivery.reason)).all()
    assert sorted(map(tuple, states)) == [("cancelled", "cancelled"), ("sent", "")]


def _cancel_four(monkeypatch: pytest.MonkeyPatch) -> int:
    """Cancel a campaign to four recipients, with two marked per batch."""
    monkeypatch.setattr(completion, "BATCH_SIZE", 2)
    campaign_id = make("sending")
    with transaction():
        campaign = db.session.get_one(Campaign, campaign_id)
        for name in "abcd":
            a_delivery(campaign, a_subscriber(f"{name}@example.org"))
    with transaction():
        assert completion.cancel(campaign_id, now=NOW)
    return campaign_id


def test_the_sweep_marks_the_rest_of_a_large_cancellation(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    _cancel_four(monkeypatch)
    assert sorted(delivery_statuses()) == ["cancelled", "cancelled", "queued", "queued"]
    sweep.mark_cancelled()
    assert sorted(delivery_statuses()) == ["cancelled"] * 4


def test_deliveries_resent_after_a_cancellation_are_not_marked(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    campaign_id = _cancel_four(monkeypatch)
    with transaction():
        resend.send_remaining(campaign_id, now=NOW)
    with transaction():
        assert not completion.cancel_waiting(campaign_id, now=NOW)
    assert sorted(delivery_statuses()) == ["queued"] * 4


def test_a_campaign_is_sent_only_when_no_delivery_is_open(app: Flask) -> None:
    campaign_id = make("sending")
    with transaction():
        campaign = db.session.get_one(Campaign, campaign_id)
        delivery = a_delivery(campaign, a_subscriber())
        assert not completion.finish(campaign_id, now=NOW)
        delivery.status = "failed"
        db.session.flush()
        assert completion.finish(campaign_id, now=NOW)
    assert campaign_status(campaign_id) == "sent"
