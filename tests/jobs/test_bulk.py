"""Bulk actions in workers: killed at any time, they neither repeat nor lose anything."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask
from rq import Queue
from rq.serializers import JSONSerializer

from campaigns.app import create_app
from campaigns.audience.bulk import runs
from campaigns.audience.bulk.models import BulkChange, BulkRun
from campaigns.audience.bulk.runs import Actor, BulkAction
from campaigns.audience.models import Subscriber, SubscriberTag, Tag
from campaigns.audience.selection import Selection
from campaigns.campaign.models import Delivery
from campaigns.clock import utcnow
from campaigns.config import Settings
from campaigns.db import db, transaction
from campaigns.engine.redis_connection import connect
from campaigns.jobs import bulk, sweep
from tests.conftest import Database, settings_for_tests
from tests.factories import a_campaign, a_delivery, a_subscriber

PEOPLE = 20_000
KILLS = 2
LONGEST_SECONDS = 120.0
WORKER = [sys.executable, "-P", "-m", "campaigns.cli", "worker", "--lane", "background"]


def queued(app: Flask) -> Counter[str]:
    """How often each job waits, by its description."""
    with connect(app.extensions["campaigns"].settings.redis_url) as redis:
        jobs = Queue("background", connection=redis, serializer=JSONSerializer).jobs
        return Counter(str(job.description) for job in jobs)


def a_run(people: int) -> int:
    """Start to tag this many; return the id of the run."""
    rows = [
        {"address": one, "address_normal": one, "domain": "example.org"}
        for one in (f"p{number}@example.org" for number in range(people))
    ]
    with transaction():
        db.session.execute(sa.insert(Subscriber), rows)
        tag = Tag(name="VIP", name_normal="vip")
        db.session.add(tag)
        db.session.flush()
        tag_id = tag.id
    planned = runs.plan(Selection(), now=utcnow())
    with transaction():
        action = BulkAction("tag", {"tag": tag_id, "name": "VIP"})
        run = runs.start(planned, action, Actor(None, "owner@example.org"), now=utcnow())
        return run.id


def the_run(run_id: int) -> BulkRun:
    db.session.rollback()
    return db.session.get_one(BulkRun, run_id, populate_existing=True)


@pytest.fixture
def settings(settings: Settings, redis_url: str) -> Settings:
    return settings.model_copy(update={"redis_url": redis_url})


@pytest.mark.usefixtures("worker")
def test_a_slice_rings_for_the_next_and_the_sweep_for_lost_rings(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs, "CHUNK", 2)
    monkeypatch.setattr(bulk, "SLICE_SECONDS", 0.0)
    run_id = a_run(5)
    sweep.ring_for_open_work()
    assert queued(app)[f"bulk({run_id},)"] == 1
    for _ in range(3):
        bulk.carry_on(run_id)
        assert queued(app)[f"bulk({run_id},)"] == 1
    assert the_run(run_id).status == "done"
    with transaction():
        undo_id = runs.undo(run_id, Actor(None, ""), now=utcnow()).id
    assert runs.open_ids() == [undo_id]


@pytest.mark.usefixtures("worker")
def test_a_deleted_tag_ends_the_run_with_its_reason(app: Flask) -> None:
    run_id = a_run(5)
    with transaction():
        db.session.execute(sa.delete(Tag))
    bulk.carry_on(run_id)
    run = the_run(run_id)
    assert (run.status, run.outcomes) == ("failed", {})
    assert "bulk.tag_gone" in run.error


@pytest.mark.usefixtures("worker")
def test_erasing_in_bulk_also_erases_the_addresses_of_deliveries(app: Flask) -> None:
    with transaction():
        ann, campaign = a_subscriber("ann@example.org"), a_campaign()
        a_delivery(campaign, ann)
    planned = runs.plan(Selection(), now=utcnow())
    with transaction():
        run = runs.start(planned, BulkAction("erase", {}), Actor(None, ""), now=utcnow())
    bulk.carry_on(run.id)
    assert the_run(run.id).outcomes == {"changed": 1}
    assert db.session.execute(sa.select(Delivery.address, Delivery.subscriber_id)).all() == [
        ("", None)
    ]


@pytest.fixture
def folder(tmp_path: Path, databases: dict[str, Database]) -> Path:
    template = databases["sqlite"].template
    assert template is not None
    shutil.copyfile(template, tmp_path / "campaigns.sqlite3")
    return tmp_path


@contextmanager
def a_worker(folder: Path, redis_url: str) -> Iterator[subprocess.Popen[bytes]]:
    variables = {
        **os.environ, "DATA_DIR": str(folder), "REDIS_URL": redis_url, "RESOLVE_MX": "false",
    }  # fmt: skip
    with (folder / "log").open("ab") as log:
        process = subprocess.Popen(WORKER, env=variables, stdout=log, stderr=subprocess.STDOUT)
    try:
        yield process
    finally:
        process.kill()
        process.wait(10)


@pytest.mark.runs_on("sqlite")
@pytest.mark.process
def test_a_killed_worker_neither_repeats_nor_loses_anyone(folder: Path, redis_url: str) -> None:
    app = create_app(settings_for_tests(folder, redis_url=redis_url))
    with app.app_context():
        run_id = a_run(PEOPLE)
        for kill in range(KILLS + 1):
            sweep.ring_for_open_work()
            aim = PEOPLE * (kill + 1) // 10 if kill < KILLS else PEOPLE
            with a_worker(folder, redis_url) as process:
                deadline = time.monotonic() + LONGEST_SECONDS
                while the_run(run_id).outcomes.get("changed", 0) < aim:
                    assert time.monotonic() < deadline, (folder / "log").read_text()
                    time.sleep(0.02)
                process.send_signal(signal.SIGKILL)
            if kill < KILLS:
                assert the_run(run_id).status == "running", "killed in the middle"
        bulk.work(run_id, seconds=10)  # if the last kill was just before the end
        run = the_run(run_id)
        assert (run.status, run.outcomes) == ("done", {"changed": PEOPLE})
        count = sa.func.count
        assert db.session.scalar(sa.select(count()).select_from(SubscriberTag)) == PEOPLE
        assert db.session.scalar(sa.select(count()).select_from(BulkChange)) == PEOPLE
        db.session.remove()
        db.engine.dispose()
