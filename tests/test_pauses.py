"""After something is killed, email pauses for at most five seconds."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest
import sqlalchemy as sa

from campaigns import migrate
from campaigns.jobs.clock import LEASE
from campaigns.jobs.models import Lease
from tests.arrivals import (
    FEWER_RECIPIENTS,
    arrivals,
    check_nobody_got_two,
    launch,
    longest_pause_here,
    pause_after,
    pauses_after,
    send_the_rest,
)
from tests.conftest import settings_for_tests
from tests.procfile import Procfile, copy_for_processes
from tests.product import running_product
from tests.servers import Postgresql, stoppable_postgresql, system_postgresql_bin
from tests.supervisor.helpers import kill_descendants, wait_until

pytestmark = pytest.mark.process

# --- `campaigns up` ---------------------------------------------------------------------------


def test_with_campaigns_up_email_resumes_within_five_seconds_of_a_kill() -> None:
    with arrivals() as (sink, watched), running_product(SEND_WORKERS="2") as product:
        launch(product.settings, sink, watched)
        victims = {
            "senders": "worker --lane send",
            "worker": "campaigns.cli worker",
            "clock": "campaigns.cli clock",
            "valkey": "kv.sock",
            "clock, again": "campaigns.cli clock",
        }
        plays = {
            name: partial(kill_descendants, words, product.process.pid)
            for name, words in victims.items()
        }
        pauses, allowed = pauses_after(watched, plays)
        print(pauses, allowed)
        check_nobody_got_two(sink)
    assert max(pauses.values()) <= allowed, pauses


# --- processes of a Procfile ------------------------------------------------------------------


@contextmanager
def running(folder: Path, database_url: str) -> Iterator[Procfile]:
    procfile = Procfile(folder, database_url, senders=2)
    procfile.start("valkey", "worker", "clock")
    try:
        yield procfile
    finally:
        procfile.stop()
        print(procfile.log[-6000:])


@pytest.fixture
def procfile(tmp_path: Path, database_url: str) -> Iterator[Procfile]:
    with running(tmp_path, copy_for_processes(database_url, tmp_path)) as procfile:
        yield procfile


@pytest.mark.runs_on("postgresql")  # `campaigns up` is tested on SQLite above
def test_with_a_procfile_email_resumes_within_five_seconds_of_a_kill(
    procfile: Procfile,
) -> None:
    with arrivals() as (sink, watched):
        launch(procfile.settings, sink, watched)
        plays: dict[str, Callable[[], object]] = {
            "senders": lambda: kill_descendants("worker --lane send", procfile.pid("worker")),
            "worker": lambda: procfile.restart("worker"),
            "clock": lambda: procfile.restart("clock"),
            "valkey": lambda: procfile.restart("valkey"),
            "valkey, empty": procfile.restart_redis_without_data,
            "flushed": procfile.flush_redis,
        }
        pauses, allowed = pauses_after(watched, plays)
        print(pauses, allowed)
        check_nobody_got_two(sink)
    assert max(pauses.values()) <= allowed, pauses
    assert "Traceback" not in procfile.log


@pytest.mark.runs_on("sqlite")  # the test is about jobs in Redis
def test_flushing_redis_repeatedly_logs_no_traceback(procfile: Procfile) -> None:
    def flush_often() -> None:
        for _ in range(60):  # at many points of a job
            procfile.flush_redis()
            time.sleep(0.05)

    with arrivals() as (sink, watched):
        launch(procfile.settings, sink, watched, recipients=FEWER_RECIPIENTS)
        pause = pause_after(watched, flush_often)
        print(pause)
        send_the_rest(procfile.settings, sink, recipients=FEWER_RECIPIENTS)
    assert pause <= longest_pause_here()
    for trace in ("Traceback", "InvalidJobOperation", "NoSuchJobError"):
        assert trace not in procfile.log


@pytest.mark.runs_on("postgresql")  # two machines cannot share an SQLite file
def test_a_clock_on_another_machine_takes_over_within_five_seconds(procfile: Procfile) -> None:
    def holder() -> str | None:
        with engine.connect() as connection:
            return connection.scalar(sa.select(Lease.holder).where(Lease.name == LEASE))

    engine = sa.create_engine(procfile.settings.sqlalchemy_url)
    wait_until(holder, "the first clock works")
    procfile.start_clock_of_another_machine()
    wait_until(lambda: procfile.log.count("clock started") == 2, "the second clock runs")
    before, since = holder(), time.monotonic()
    procfile.kill("clock")
    wait_until(lambda: holder() != before, "the second clock takes over")
    took = time.monotonic() - since
    print(took)
    engine.dispose()
    assert took <= longest_pause_here()


# --- PostgreSQL -------------------------------------------------------------------------------

AWAY = "The database is unavailable."
BACK = "The database is back"


@pytest.fixture
def postgresql() -> Iterator[Postgresql]:
    if system_postgresql_bin() is None:
        pytest.skip("no PostgreSQL is installed here")
    with stoppable_postgresql() as server:
        yield server


def is_logged_by_all(procfile: Procfile, words: str, times: int) -> bool:
    return procfile.log.count(words) >= times * PROCESSES


PROCESSES = 4
"""Three workers and the clock."""


@pytest.mark.parametrize(
    ("go_away", "resubscribe"),
    [(Postgresql.stop, Postgresql.start), (Postgresql.freeze, Postgresql.thaw)],
    ids=["stopped", "frozen"],
)
def test_each_outage_of_postgresql_is_logged_once(
    tmp_path: Path,
    postgresql: Postgresql,
    go_away: Callable[[Postgresql], None],
    resubscribe: Callable[[Postgresql], None],
) -> None:
    migrate.upgrade(settings_for_tests(tmp_path / "unused", database_url=postgresql.url))
    go_away(postgresql)
    with running(tmp_path, postgresql.url) as procfile, arrivals() as (sink, watched):
        wait_until(lambda: is_logged_by_all(procfile, AWAY, 1), "all say so")
        resubscribe(postgresql)
        wait_until(lambda: procfile.log.count("worker started") == 3, "the workers work")
        wait_until(lambda: is_logged_by_all(procfile, BACK, 1), "all say that it is back")

        launch(procfile.settings, sink, watched, recipients=FEWER_RECIPIENTS)
        go_away(postgresql)
        try:
            wait_until(lambda: is_logged_by_all(procfile, AWAY, 2), "all say so again")
            time.sleep(3)  # long enough for a repeated message to be logged
        finally:
            resubscribe(postgresql)
        pause = pause_after(watched, lambda: None)
        print(pause)
        send_the_rest(procfile.settings, sink, recipients=FEWER_RECIPIENTS)
        log = procfile.log
    assert pause <= longest_pause_here()
    assert (log.count(AWAY), log.count(BACK)) == (2 * PROCESSES, 2 * PROCESSES)
    assert "Traceback" not in log
