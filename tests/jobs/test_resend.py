"""Resends and retries end to end: they reach those who missed the email, and nobody else."""

from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from rq import Queue
from rq.serializers import JSONSerializer

from campaigns.audience.models import AudienceList, Suppression
from campaigns.campaign.models import Delivery, HeldGroup
from campaigns.clock import utcnow
from campaigns.config import Settings
from campaigns.db import db, transaction
from campaigns.delivery import completion, resend
from campaigns.engine.redis_connection import connect
from campaigns.events import refusals
from campaigns.events.record import record
from campaigns.events.tracking import opened
from campaigns.jobs import resend as resend_job
from campaigns.jobs import send, sweep
from campaigns.jobs.queues import JOBS, LANES
from tests.factories import a_subscriber
from tests.jobs.steps import launch, run
from tests.readback import campaign_balance, campaign_status, delivery_counts
from tests.smtp_server import CLOSE, ScriptedServer, Session, scripted_server

pytestmark = pytest.mark.usefixtures("worker")


@pytest.fixture
def settings(settings: Settings, redis_url: str) -> Settings:
    return settings.model_copy(update={"redis_url": redis_url, "flood_refusals": 10})


class ServerReplies:
    """How the server answers; a test may change it while the server runs."""

    def __init__(self, refuses: str = "") -> None:
        self.refuses = refuses
        self.hangs_up = False

    def __call__(self, line: str, session: Session) -> str | None:
        if self.hangs_up and line == "<body>" and session.number == 1 and session.messages == 2:
            return CLOSE
        return self.refuses or None if line[:4] == "RCPT" else None


def held_groups() -> list[Any]:
    db.session.rollback()
    return list(db.session.scalars(sa.select(HeldGroup.mailbox_group)))


def everyone_received_one(server: ScriptedServer, recipients: int) -> bool:
    return sorted(server.recipients) == sorted(
        f"p{n}@example.org" for n in range(1, recipients + 1)
    )


def test_b4_a_refusal_spike_holds_the_group_until_it_is_retried(app: Flask) -> None:
    replies = ServerReplies("550 5.1.1 user unknown")
    with scripted_server(replies) as server:
        campaign_id = launch(server, recipients=120)
        run(campaign_id)
        counts = delivery_counts(campaign_id)
        assert counts["held"] >= 10, "the limit in the settings"
        assert counts["held"] + counts.get("queued", 0) == 120, "no delivery has failed"
        assert db.session.scalars(sa.select(Suppression)).all() == []
        assert campaign_balance(campaign_id).adds_up
        replies.refuses = ""
        (group,) = held_groups()
        with transaction():
            resend.retry_group(campaign_id, group, now=utcnow())
        run(campaign_id)
        assert delivery_counts(campaign_id) == {"sent": 120}
        assert campaign_status(campaign_id) == "sent"
        assert everyone_received_one(server, 120)


def test_b4_confirming_the_refusals_sends_the_rest_of_the_group(app: Flask) -> None:
    with scripted_server(ServerReplies("550 5.1.1 user unknown")) as server:
        campaign_id = launch(server, recipients=60)
        run(campaign_id)
        (group,) = held_groups()
        with transaction():
            refusals.believe(campaign_id, group, now=utcnow())
        run(campaign_id)
    assert delivery_counts(campaign_id) == {"failed": 60}
    assert campaign_status(campaign_id) == "sent"
    assert len(db.session.scalars(sa.select(Suppression)).all()) == 60


def test_failed_deliveries_of_a_finished_campaign_are_retried(app: Flask) -> None:
    replies = ServerReplies("550 no, and no reason given")
    with scripted_server(replies) as server:
        campaign_id = launch(server)
        run(campaign_id)
        assert delivery_counts(campaign_id) == {"failed": 5}
        assert campaign_status(campaign_id) == "sent"
        replies.refuses = ""
        with transaction():
            assert resend.retry_failed(campaign_id, now=utcnow()) == 5
        run(campaign_id)
        assert delivery_counts(campaign_id) == {"sent": 5}
        assert everyone_received_one(server, 5)
    assert campaign_status(campaign_id) == "sent"


def test_sending_the_remaining_excludes_people_who_joined_later(app: Flask) -> None:
    with scripted_server() as server:
        campaign_id = launch(server)
        send.expand(campaign_id)
        with transaction():
            completion.cancel(campaign_id, now=utcnow())
            a_subscriber("late@example.org", db.session.scalars(sa.select(AudienceList)).one())
        assert delivery_counts(campaign_id) == {"cancelled": 5}
        with transaction():
            resend.send_remaining(campaign_id, now=utcnow())
        run(campaign_id)
        assert everyone_received_one(server, 5)
    assert delivery_counts(campaign_id) == {"sent": 5}


def test_an_unknown_delivery_is_sent_again_only_on_request(app: Flask) -> None:
    replies = ServerReplies()
    replies.hangs_up = True
    with scripted_server(replies) as server:
        campaign_id = launch(server, connections=1)
        run(campaign_id)
        assert delivery_counts(campaign_id) == {"sent": 4, "unknown": 1}
        with transaction():
            resend.send_again(campaign_id, now=utcnow())
        run(campaign_id)
        assert delivery_counts(campaign_id) == {"sent": 5}
        assert everyone_received_one(server, 5)


def test_an_unknown_delivery_that_was_opened_is_not_sent_again(app: Flask) -> None:
    replies = ServerReplies()
    replies.hangs_up = True
    with scripted_server(replies) as server:
        campaign_id = launch(server, connections=1)
        run(campaign_id)
        number = db.session.scalar(sa.select(Delivery.id).where(Delivery.status == "unknown"))
        with transaction():
            record([opened(number or 0, at=utcnow())], now=utcnow())
            assert resend.send_again(campaign_id, now=utcnow()) == 0
    assert delivery_counts(campaign_id) == {"sent": 5}
    assert campaign_status(campaign_id) == "sent"


def test_a_large_retry_continues_in_the_job_and_sends_each_once(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resend, "BATCH_SIZE", 10)
    monkeypatch.setattr(resend, "SLICE", 10)
    replies = ServerReplies("550 no, and no reason given")
    with scripted_server(replies) as server:
        campaign_id = launch(server, recipients=95)
        run(campaign_id)
        replies.refuses = ""
        with transaction():
            assert resend.retry_failed(campaign_id, now=utcnow()) == 10
        run(campaign_id)
        assert delivery_counts(campaign_id) == {"sent": 10, "failed": 85}
        sweep.ring_for_open_work()
        assert ("resend", [campaign_id]) in queued_jobs(app)
        resend_job.carry_on(campaign_id)
        assert delivery_counts(campaign_id) == {"sent": 10, "queued": 85}
        assert campaign_status(campaign_id) == "sending"
        assert ("send", []) in queued_jobs(app)
        run(campaign_id)
        assert delivery_counts(campaign_id) == {"sent": 95}
        assert everyone_received_one(server, 95)
    sweep.ring_for_open_work()
    assert resend.with_more() == []


def test_a_slice_takes_about_a_second_and_queues_the_next(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resend, "BATCH_SIZE", 1)
    monkeypatch.setattr(resend, "SLICE", 1)
    monkeypatch.setattr(resend_job, "SLICE_SECONDS", 0.0)
    with scripted_server(ServerReplies("550 no, and no reason given")) as server:
        campaign_id = launch(server)
        run(campaign_id)
    with transaction():
        resend.retry_failed(campaign_id, now=utcnow())
    resend_job.carry_on(campaign_id)
    assert ("resend", [campaign_id]) in queued_jobs(app)
    assert resend.with_more() == [campaign_id]


def queued_jobs(app: Flask) -> list[tuple[str, list[int]]]:
    """The jobs in all lanes."""
    redis = connect(app.extensions["campaigns"].settings.redis_url)
    names = {function: name for name, (_, function) in JOBS.items()}
    return [
        (names[str(job.func_name)], list(job.args))
        for lane in LANES
        for job in Queue(lane, connection=redis, serializer=JSONSerializer).jobs
    ]
