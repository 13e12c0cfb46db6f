"""Counting in the background: requested by pages and by the sweep, done once."""

from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from redis import Redis
from rq import Queue
from rq.serializers import JSONSerializer

from campaigns.campaign.models import Campaign
from campaigns.config import Settings
from campaigns.db import transaction
from campaigns.jobs import counts, runtime, sweep
from campaigns.reports import figures
from tests.conftest import settings_for_tests
from tests.factories import a_campaign, a_delivery, a_list, a_subscriber
from tests.reports.keeping import keep, row_of
from tests.web.statements import counted


@pytest.fixture
def settings(database_url: str, tmp_path: Path, redis_url: str) -> Settings:
    return settings_for_tests(tmp_path, database_url=database_url, redis_url=redis_url)


@pytest.fixture(autouse=True)
def _every_audience_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(figures, "LARGE", 2)


@pytest.fixture
def campaign(app: Flask) -> Campaign:
    runtime.use(app)
    with transaction():
        campaign = a_campaign(a_list(), status="sending", audience=2)
        for name in ("alice", "bob"):
            a_delivery(campaign, a_subscriber(f"{name}@example.org"))
    return campaign


def queued(settings: Settings) -> list[tuple[str | None, tuple[int, ...]]]:
    with Redis.from_url(settings.redis_url) as redis:
        jobs = Queue("background", connection=redis, serializer=JSONSerializer).jobs
        return [(job.func_name, tuple(job.args)) for job in jobs]


def test_a_page_requests_a_recount_of_outdated_figures(
    campaign: Campaign, owner_client: FlaskClient, settings: Settings
) -> None:
    wanted = ("campaigns.jobs.counts.campaign", (campaign.id,))
    assert owner_client.get("/campaigns").status_code == 200
    assert queued(settings) == [wanted]
    owner_client.get(f"/campaigns/{campaign.public_id}/report")
    assert queued(settings) == [wanted], "the request has not been answered yet"


def test_a_page_requests_no_recount_of_recent_figures(
    app: Flask, campaign: Campaign, owner_client: FlaskClient, settings: Settings
) -> None:
    keep(app, "campaign", campaign.id)
    assert owner_client.get("/campaigns").status_code == 200
    assert queued(settings) == []


def test_figures_that_were_just_counted_are_not_counted_again(
    app: Flask, campaign: Campaign
) -> None:
    keep(app, "campaign", campaign.id)
    with counted() as statements:
        counts.campaign(campaign.id)
    assert not [text for text in statements if "FROM delivery" in text]
    with transaction():
        campaign.status = "paused"
    counts.campaign(campaign.id)
    row = row_of("campaign", campaign.id)
    assert row is not None
    assert row.state.startswith("paused ")


def test_counting_a_deleted_campaign_does_nothing(app: Flask) -> None:
    runtime.use(app)
    counts.campaign(404)
    assert row_of("campaign", 404) is None


def test_the_sweep_requests_due_recounts(
    app: Flask, campaign: Campaign, settings: Settings
) -> None:
    keep(app, "campaign", campaign.id)
    sweep.sweep()
    wanted = ("campaigns.jobs.counts.campaign", (campaign.id,))
    assert wanted not in queued(settings)
    keep(app, "campaign", campaign.id, seconds_ago=20)
    sweep.sweep()
    assert wanted in queued(settings)
