"""A campaign never stalls: what one worker cannot send, another can."""

import threading
import time
from collections.abc import Callable

import pytest
import sqlalchemy as sa
from flask import Flask
from redis import Redis
from structlog.testing import capture_logs

from campaigns.campaign import lifecycle
from campaigns.campaign.models import Campaign
from campaigns.clock import utcnow
from campaigns.config import Settings
from campaigns.db import db, transaction
from campaigns.engine import serve
from campaigns.engine.engine import Engine
from campaigns.engine.limiter import RedisLimiter
from campaigns.engine.serve import Served
from campaigns.jobs import send
from campaigns.jobs.queues import RedisDoorbell
from campaigns.providers.models import ProviderAccount
from campaigns.throttling.plan import Plan
from tests.factories import a_campaign, a_list, a_provider, a_sender, subscribers
from tests.jobs.steps import send_until
from tests.manual_clock import ManualSeconds
from tests.readback import delivery_counts
from tests.smtp_server import ScriptedServer, scripted_server, waiting_for

ANOTHER = "another worker"


pytestmark = pytest.mark.usefixtures("worker")


@pytest.fixture
def settings(settings: Settings, redis_url: str) -> Settings:
    return settings.model_copy(update={"redis_url": redis_url})


@pytest.fixture
def clock(app: Flask, redis_url: str) -> ManualSeconds:
    """The limiter's clock."""
    clock = ManualSeconds(1_800_000_000.0)
    app.extensions["campaigns.limiter"] = RedisLimiter(Redis.from_url(redis_url), clock)
    return clock


@pytest.fixture
def limiter(app: Flask, clock: ManualSeconds) -> RedisLimiter:
    found: RedisLimiter = app.extensions["campaigns.limiter"]
    return found


def launch(server: ScriptedServer, *, campaigns: int = 1, recipients: int = 5) -> list[int]:
    """Launch and expand campaigns through one account; return their ids."""
    launched = []
    with transaction():
        news = a_list()
        subscribers((f"p{number}@example.org" for number in range(recipients)), news)
        sender = a_sender(provider=a_provider(port=server.port))
        for _ in range(campaigns):
            campaign = a_campaign(news, sender=sender)
            lifecycle.launch(campaign.id, at=None, undo_seconds=0, now=utcnow())
            launched.append(campaign.id)
    for campaign_id in launched:
        send.expand(campaign_id)
    return launched


def limit_connections(connections: int) -> None:
    """Limit connections as a reply "too many connections" does, without changing the account."""
    with transaction():
        db.session.execute(sa.update(ProviderAccount).values(connections=connections))


def wait_for_sessions(server: ScriptedServer, expected: int) -> None:
    """Run slices of sending until the server has at least this many sessions."""
    deadline = time.monotonic() + 15
    while len(server.sessions) < expected and time.monotonic() < deadline:
        send.send()
    assert len(server.sessions) >= expected


def test_without_a_connection_nothing_is_claimed(
    limiter: RedisLimiter, clock: ManualSeconds
) -> None:
    """All connections of the account belong to a worker that was just killed."""
    with scripted_server() as server:
        launch(server)
        limit_connections(1)
        assert limiter.connections(1, ANOTHER, Plan(connections=1)) == 1
        for _ in range(2):
            send.send()
        assert delivery_counts() == {"queued": 5}
        clock.seconds += 31
        send_until({"sent": 5})


def test_claimed_deliveries_go_back_when_others_hold_all_connections(
    limiter: RedisLimiter, clock: ManualSeconds
) -> None:
    accept_connections = threading.Event()

    with scripted_server(waiting_for(accept_connections, "<connect>")) as server:
        launch(server)
        send.send()
        assert delivery_counts() == {"sending": 5}
        limit_connections(1)
        assert limiter.connections(1, ANOTHER, Plan(connections=1)) == 1
        send_until({"queued": 5})
        accept_connections.set()
        clock.seconds += 31
        send_until({"sent": 5})


def test_freed_connections_go_to_deliveries_that_wait(
    limiter: RedisLimiter, clock: ManualSeconds
) -> None:
    """Nothing is left to claim, so no claim asks for connections."""
    answer = threading.Event()

    with scripted_server(waiting_for(answer)) as server:
        launch(server)
        limit_connections(4)
        assert limiter.connections(1, ANOTHER, Plan(connections=3)) == 3
        send.send()
        assert delivery_counts() == {"sending": 5}
        wait_for_sessions(server, 1)
        assert len(server.sessions) == 1
        clock.seconds += 31
        wait_for_sessions(server, 3)
        answer.set()
        send_until({"sent": 5})


def test_many_campaigns_of_one_account_are_all_served() -> None:
    with scripted_server() as server:
        launch(server, campaigns=25, recipients=2)
        send_until({"sent": 50})


def test_a_job_is_queued_when_the_last_answer_is_recorded(redis_url: str) -> None:
    """The claiming job has ended, and the job it queued found nothing to do."""
    answer = threading.Event()

    redis = Redis.from_url(redis_url)
    with scripted_server(waiting_for(answer)) as server:
        (campaign_id,) = launch(server, recipients=1)
        send.send()
        redis.delete("campaigns:ring:send")
        answer.set()
        end = time.monotonic() + 15
        while delivery_counts() != {"sent": 1} and time.monotonic() < end:
            time.sleep(0.05)
        while not redis.exists("campaigns:ring:send") and time.monotonic() < end:
            time.sleep(0.05)
        assert redis.exists("campaigns:ring:send")
        send.send()
    campaign = db.session.get_one(Campaign, campaign_id, populate_existing=True)
    assert campaign.status == "sent"


def test_a_worker_without_a_connection_queues_a_job(
    limiter: RedisLimiter, redis_url: str, clock: ManualSeconds
) -> None:
    """It has taken the job with which the worker that has connections was to continue."""
    redis = Redis.from_url(redis_url)
    with scripted_server() as server:
        launch(server)
        limit_connections(1)
        assert limiter.connections(1, ANOTHER, Plan(connections=1)) == 1
        redis.delete("campaigns:ring:send")
        send.send()
        assert delivery_counts() == {"queued": 5}
        assert redis.exists("campaigns:ring:send")


def test_a_worker_idle_at_the_end_of_its_slice_queues_a_job(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Everything claimed is recorded and more is waiting; jobs queued before may be gone."""
    steps: list[str] = []

    def ring(self: RedisDoorbell, job: str, *ids: int) -> bool:
        if threading.current_thread() is threading.main_thread():
            steps.append("ring")
        return True

    def serve_and_note(engine: Engine, serve: Callable[[Engine], Served] = serve.serve) -> Served:
        steps.append("serve")
        return serve(engine)

    monkeypatch.setattr(RedisDoorbell, "ring", ring)
    monkeypatch.setattr(serve, "serve", serve_and_note)
    with scripted_server() as server:
        launch(server, recipients=20)
        with transaction():
            db.session.execute(sa.update(ProviderAccount).values(per_second=4))
        steps.clear()
        send.send()
        assert (steps[:2], steps[-1]) == (["serve", "ring"], "ring")
        assert steps.count("ring") == 2, "after the first claim, and at the end"
        assert delivery_counts()["queued"] > 0


def test_without_a_journal_nothing_is_claimed_and_each_slice_logs_it_once(app: Flask) -> None:
    place = app.extensions["campaigns"].settings.journal_dir
    with scripted_server() as server:
        launch(server)
        if place.exists():
            place.rmdir()
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text("in the way")
        with capture_logs() as logs:
            send.send()
        assert delivery_counts() == {"queued": 5}
        assert sum("The data directory cannot be written" in line["event"] for line in logs) == 1
        place.unlink()
        send_until({"sent": 5})
