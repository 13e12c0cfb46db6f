"""Rows from versions before codes and rows with codes are both shown as sentences."""

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from campaigns.campaign import lifecycle
from campaigns.campaign.models import Campaign, Delivery, HeldGroup, Reply
from campaigns.clock import utcnow
from campaigns.db import db, transaction
from campaigns.delivery import canary
from campaigns.engine import restored
from campaigns.providers.models import ProviderAccount
from campaigns.reason import Reason
from campaigns.throttling.loading import load_plan
from campaigns.throttling.models import GroupState, SlowedDomain
from campaigns.transactional import queue
from campaigns.transactional.models import TransactionalEmail
from tests.english import in_english
from tests.factories import a_campaign, a_delivery, a_list, a_provider, a_sender, a_subscriber
from tests.readback import fresh_campaign

OLD = "Stopped after a few: of the first 50 20 % were refused. Everybody else waits."
WHY = {"whom": "Gmail", "count": 50, "share_percent": 20.0, "limit_percent": 10.0}
NEW = Reason("canary.stopped", {"why": Reason("canary.refusals_above", WHY)})


HELD_TEXT = "On hold: the database was restored from a backup, so it may have been sent already"
"""The reason of a single email on hold, as the version before codes stored it."""
HANDED_OVER_TEXT = "Being handed over"
"""The reason of one whose body may have been sent."""


def in_mid_campaign(**values: Any) -> Campaign:
    with transaction():
        news, account = a_list(), a_provider("Relay")
        sender = a_sender(provider=account)
        found = a_campaign(
            news, sender=sender, provider_id=account.id, started_at=utcnow(), **values
        )
        for number, status in enumerate(("sent", "queued")):
            person = a_subscriber(f"p{number}@example.org", news)
            a_delivery(found, person, status=status)
        return found


@pytest.mark.parametrize(
    ("stored", "words"), [(OLD, OLD), (NEW.pack(), "20% were refused (above 10%)")]
)
def test_a_stopped_campaign_says_why_and_can_be_resumed(
    owner_client: FlaskClient, stored: str, words: str
) -> None:
    campaign = in_mid_campaign(
        status="paused", canary_state="stopped", canary_words=stored, status_reason=stored
    )
    assert canary.is_asking(fresh_campaign(campaign))
    assert words in owner_client.get("/").text
    assert words in owner_client.get(f"/campaigns/{campaign.public_id}/report").text
    with transaction():
        assert lifecycle.resume(campaign.id, now=utcnow())
    assert words in owner_client.get(f"/campaigns/{campaign.public_id}/report").text
    assert fresh_campaign(campaign).status_reason == ""


@pytest.mark.parametrize("status", ["sending", "paused"])
def test_the_sentence_of_an_older_version_is_shown_at_a_campaign(
    owner_client: FlaskClient, status: str
) -> None:
    campaign = in_mid_campaign(status=status, status_reason="Relay waits until 12:00. It said no.")
    page = owner_client.get(f"/campaigns/{campaign.public_id}/report").text
    assert "Relay waits until 12:00. It said no." in page


def test_a_campaign_that_is_a_draft_again_says_why(owner_client: FlaskClient) -> None:
    campaign = in_mid_campaign(status="draft", status_reason="The content has a problem: Line 1.")
    page = owner_client.get(f"/campaigns/{campaign.public_id}").text
    assert "The content has a problem: Line 1." in page


def test_a_held_mailbox_provider_and_its_reply_are_shown(owner_client: FlaskClient) -> None:
    campaign = in_mid_campaign(status="sending")
    now = utcnow()
    with transaction():
        held = HeldGroup(campaign_id=campaign.id, mailbox_group="google", held_at=now)
        held.kind, held.words = "canary", "Of the first 20 to Gmail 50 % were refused."
        db.session.add(held)
    page = owner_client.get(f"/campaigns/{campaign.public_id}/report").text
    assert "Of the first 20 to Gmail 50 % were refused." in page


def test_a_hold_from_before_the_update_still_applies_and_is_shown(
    owner_client: FlaskClient,
) -> None:
    campaign, now = in_mid_campaign(status="sending"), utcnow()
    until = now.replace(year=now.year + 1)
    with transaction():
        key = {"provider_id": campaign.provider_id, "changed_at": now}
        db.session.add(
            GroupState(
                **key, mailbox_group="yahoo", suspended_until=until, why="Too much mail (“421”)"
            )
        )
        db.session.add(
            SlowedDomain(
                provider_id=campaign.provider_id,
                domain="slow.example",
                until=until,
                complaints=1,
                why="Slow down (“450”)",
            )
        )
    plan = load_plan(campaign.provider_id or 0, now=now)
    assert in_english(plan.groups["yahoo"].why) == "Too much mail (“421”)"
    account = db.session.get_one(ProviderAccount, campaign.provider_id)
    page = owner_client.get(f"/settings/providers/{account.public_id}/limits").text
    assert "Too much mail (“421”)" in page
    assert "Slow down (“450”)" in page


def a_single_email(status: str, reason: str, **values: Any) -> int:
    with transaction():
        mail = queue.enqueue("confirm", "alice@example.org", {}, now=utcnow())
        mail.status, mail.reason = status, reason
        for name, value in values.items():
            setattr(mail, name, value)
        return mail.id


def status_of(mail_id: int) -> queue.MailStatus:
    db.session.rollback()
    found = queue.status(mail_id)
    assert found is not None
    return found


RESTORED_BEFORE_AND_NOW = pytest.mark.parametrize("stored", [HELD_TEXT, queue.RESTORED.pack()])
LEFT_BEFORE_AND_NOW = pytest.mark.parametrize(
    "stored", [HANDED_OVER_TEXT, queue.HANDING_OVER.pack()]
)


@RESTORED_BEFORE_AND_NOW
def test_a_single_email_on_hold_is_counted_and_released(app: Flask, stored: str) -> None:
    mail_id = a_single_email("unknown", stored)
    assert restored.waiting_for_decision().emails == 1
    with transaction():
        assert queue.send_restored(now=utcnow()) == 1
    assert (status_of(mail_id).status, status_of(mail_id).reason) == ("queued", None)
    with transaction():
        assert queue.claim(mail_id, now=utcnow()) is not None


@RESTORED_BEFORE_AND_NOW
def test_a_single_email_on_hold_can_be_left_unsent(app: Flask, stored: str) -> None:
    mail_id = a_single_email("unknown", stored)
    with transaction():
        assert queue.leave_restored() == 1
        assert queue.send_restored(now=utcnow()) == 0
    assert status_of(mail_id).reason == queue.NOT_REPEATED


@LEFT_BEFORE_AND_NOW
def test_an_email_possibly_sent_before_the_update_is_not_sent_again(
    app: Flask, stored: str
) -> None:
    mail_id = a_single_email("sending", stored, lease_until=utcnow() - timedelta(seconds=1))
    with transaction():
        assert queue.claim(mail_id, now=utcnow()) is None
        assert queue.give_up_lost(mail_id, now=utcnow())
    assert (status_of(mail_id).status, status_of(mail_id).reason) == ("unknown", queue.NO_ANSWER)


@pytest.mark.parametrize("text", ["250 2.0.0 Ok: queued", "The server refused it: 550 no"])
def test_the_outcome_of_a_test_email_before_the_update_is_shown(
    owner_client: FlaskClient, text: str
) -> None:
    campaign = in_mid_campaign(status="draft")
    mail_id = a_single_email("failed", text)
    with transaction():
        mail = db.session.get_one(TransactionalEmail, mail_id)
        mail.kind, mail.payload = "test", {"campaign_id": campaign.id}
    assert text in owner_client.get(f"/campaigns/{campaign.public_id}/content/test/{mail_id}").text


@pytest.mark.parametrize(
    ("stored", "words"),
    [
        ("Line 3: the filter shout is unknown.", "Line 3: the filter shout is unknown."),
        (Reason("outcome.render_failed").pack(), "An unexpected error occurred."),
    ],
)
def test_the_reason_of_a_render_error_is_shown(
    owner_client: FlaskClient, stored: str, words: str
) -> None:
    campaign = in_mid_campaign(status="sent")
    with transaction():
        reply = Reply(digest="1", code=0, text=stored)
        db.session.add(reply)
        db.session.flush()
        values = {"status": "failed", "reason": "unrenderable", "reply_id": reply.id}
        db.session.execute(sa.update(Delivery).values(**values))
    report = f"/campaigns/{campaign.public_id}/report"
    chosen = f"view=failed&reason=unrenderable&reply={reply.id}"
    log = ("/deliveries", f"/deliveries?{chosen}", "/deliveries.csv")
    for path in ("/reasons", *log, "/again/failed"):
        answer = owner_client.get(report + path)
        assert answer.status_code == 200, path
        assert words in answer.text, path
        assert "outcome." not in answer.text, path


def test_a_servers_reply_is_never_read_as_a_code(owner_client: FlaskClient) -> None:
    campaign = in_mid_campaign(status="sent")
    with transaction():
        reply = Reply(digest="1", code=550, text='["status.paused_by_user", {}]')
        db.session.add(reply)
        db.session.flush()
        values = {"status": "failed", "reason": "refused", "reply_id": reply.id}
        db.session.execute(sa.update(Delivery).values(**values))
    page = owner_client.get(f"/campaigns/{campaign.public_id}/report/deliveries").text
    assert "Paused manually" not in page
