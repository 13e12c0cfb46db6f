"""How long no email leaves after something was killed: never more than five seconds."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
import sqlalchemy as sa
from redis import Redis

from campaigns import migrate
from campaigns.jobs.clock import LEASE
from campaigns.jobs.models import Lease
from campaigns.supervisor.valkey import server_binary
from tests.arrivals import (
    LONGEST_PAUSE_SECONDS,
    arrivals,
    launch,
    nobody_twice,
    pause_after,
    send_the_rest,
)
from tests.conftest import SECRET_KEY, settings_for_tests
from tests.product import running_product
from tests.servers import Postgresql, stoppable_postgresql, system_postgresql_bin
from tests.supervisor.helpers import processes_mentioning, wait_until

pytestmark = pytest.mark.process

# --- `campaigns up` ---------------------------------------------------------------------------


def kill_children(words: str, ancestor: int) -> None:
    table = subprocess.run(
        ["ps", "-e", "-o", "pid=,ppid="], capture_output=True, text=True, check=True
    ).stdout
    parents = {int(row.split()[0]): int(row.split()[1]) for row in table.splitlines()}
    killed = 0
    for line in processes_mentioning(words):
        pid = int(line.split()[0])
        above = pid
        while above in parents and above != ancestor:
            above = parents[above]
        if "guard" not in line and above == ancestor:
            os.kill(pid, signal.SIGKILL)
            killed += 1
    assert killed, f"nothing runs that mentions {words}"


def test_under_the_supervisor_email_leaves_within_five_seconds_of_a_kill() -> None:
    with arrivals() as (sink, watched), running_product(SEND_WORKERS="2") as product:
        launch(product.settings, sink, watched)
        victims = ("worker --lane send", "campaigns.cli worker", "campaigns.cli clock", "kv.sock",
                   "campaigns.cli clock")  # fmt: skip
        pauses = [
            (words, pause_after(watched, partial(kill_children, words, product.process.pid)))
            for words in victims
        ]
        print(pauses)
        nobody_twice(sink)
    assert max(seconds for _, seconds in pauses) <= LONGEST_PAUSE_SECONDS, pauses


# --- processes of a Procfile ------------------------------------------------------------------


class Procfile:
    """A worker, a clock and a Valkey, each started again as soon as it was killed."""

    def __init__(self, folder: Path, database_url: str) -> None:
        self._folder, self._socket = folder, folder / "kv.sock"
        self.settings = settings_for_tests(
            folder / "data", database_url=database_url, redis_url=f"unix://{self._socket}"
        )
        (folder / "data").mkdir()
        self._environment = {
            **os.environ,
            "DATA_DIR": str(folder / "data"),
            "DATABASE_URL": database_url,
            "REDIS_URL": self.settings.redis_url,
            "SECRET_KEY": SECRET_KEY,
            "PUBLIC_URL": str(self.settings.public_url),
            "SEND_WORKERS": "2",
            "RESOLVE_MX": "false",
        }
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        for name in ("valkey", "worker", "clock"):
            self._start(name)

    def _start(self, name: str, key: str = "", **environment: str) -> None:
        command = [sys.executable, "-P", "-m", "campaigns.cli", name]
        if name == "valkey":
            command = [str(server_binary()), "--port", "0", "--unixsocket", str(self._socket),
                       "--dir", str(self._folder), "--save", "", "--appendonly", "yes"]  # fmt: skip
        with (self._folder / "log").open("ab") as log:
            self._running[key or name] = subprocess.Popen(
                command, env={**self._environment, **environment}, stdout=log, stderr=log,
                start_new_session=True,
            )  # fmt: skip

    def kill(self, name: str) -> None:
        self._running[name].kill()
        self._running[name].wait(10)
        self._start(name)

    def add_clock_of_another_machine(self) -> None:
        """A second clock, which shares nothing with the first but the servers."""
        (self._folder / "other").mkdir()
        self._start("clock", "other clock", DATA_DIR=str(self._folder / "other"))

    def lose_clock(self) -> None:
        """The first clock is killed and does not come back."""
        self._running["clock"].kill()
        self._running.pop("clock").wait(10)

    @property
    def said(self) -> str:
        return (self._folder / "log").read_text(errors="replace")

    def kill_senders(self) -> None:
        kill_children("worker --lane send", self._running["worker"].pid)

    def flush_redis(self) -> None:
        with Redis.from_url(self.settings.redis_url) as redis:
            redis.flushall()

    def lose_redis_data(self) -> None:
        """Valkey is killed, and comes back with nothing."""
        self._running["valkey"].kill()
        self._running["valkey"].wait(10)
        for path in (self._folder / "appendonlydir").glob("*"):
            path.unlink()
        self._start("valkey")

    def close(self) -> None:
        for process in reversed(self._running.values()):
            process.terminate()
        for process in self._running.values():
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(5)
        print(self.said[-6000:])


@pytest.fixture
def procfile(tmp_path: Path, database_url: str) -> Iterator[Procfile]:
    if database_url.startswith("sqlite"):
        # The test's own copy: processes have it open.
        copy = tmp_path / "campaigns.sqlite3"
        copy.write_bytes(Path(sa.make_url(database_url).database or "").read_bytes())
        database_url = f"sqlite:///{copy}"
    running = Procfile(tmp_path, database_url)
    try:
        yield running
    finally:
        running.close()


def test_started_by_a_procfile_email_leaves_within_five_seconds_of_a_kill(
    procfile: Procfile,
) -> None:
    with arrivals() as (sink, watched):
        launch(procfile.settings, sink, watched)
        plays: dict[str, Callable[[], None]] = {
            "senders": procfile.kill_senders,
            "worker": lambda: procfile.kill("worker"),
            "clock": lambda: procfile.kill("clock"),
            "valkey": lambda: procfile.kill("valkey"),
            "valkey, empty": procfile.lose_redis_data,
            "flushed": procfile.flush_redis,
        }
        pauses = {name: pause_after(watched, play) for name, play in plays.items()}
        print(pauses)
        nobody_twice(sink)
    assert max(pauses.values()) <= LONGEST_PAUSE_SECONDS, pauses
    assert "Traceback" not in procfile.said


def test_a_redis_that_is_emptied_again_and_again_leaves_no_trace(procfile: Procfile) -> None:
    def flush_often() -> None:
        for _ in range(60):  # at many points of a job
            procfile.flush_redis()
            time.sleep(0.05)

    with arrivals() as (sink, watched):
        launch(procfile.settings, sink, watched)
        pause = pause_after(watched, flush_often)
        print(pause)
        send_the_rest(procfile.settings, sink)
    assert pause <= LONGEST_PAUSE_SECONDS
    for trace in ("Traceback", "InvalidJobOperation", "NoSuchJobError"):
        assert trace not in procfile.said


def test_a_clock_on_another_machine_takes_over_within_five_seconds(procfile: Procfile) -> None:
    def holder() -> str | None:
        with engine.connect() as connection:
            return connection.scalar(sa.select(Lease.holder).where(Lease.name == LEASE))

    engine = sa.create_engine(procfile.settings.sqlalchemy_url)
    wait_until(holder, "the first clock works")
    procfile.add_clock_of_another_machine()
    wait_until(lambda: procfile.said.count("clock started") == 2, "the second clock runs")
    before, since = holder(), time.monotonic()
    procfile.lose_clock()
    wait_until(lambda: holder() != before, "the second clock takes over")
    took = time.monotonic() - since
    print(took)
    engine.dispose()
    assert took <= LONGEST_PAUSE_SECONDS


# --- PostgreSQL -------------------------------------------------------------------------------

AWAY = "The database is unavailable."
BACK = "The database is back"


@pytest.fixture
def postgresql() -> Iterator[Postgresql]:
    if system_postgresql_bin() is None:
        pytest.skip("no PostgreSQL is installed here")
    with stoppable_postgresql() as server:
        yield server


@pytest.fixture
def on_postgresql(tmp_path: Path, postgresql: Postgresql) -> Iterator[Procfile]:
    migrate.upgrade(settings_for_tests(tmp_path / "unused", database_url=postgresql.url))
    running = Procfile(tmp_path, postgresql.url)
    try:
        yield running
    finally:
        if postgresql.process.poll() is not None:
            postgresql.start()
        running.close()


def is_said_by_all(procfile: Procfile, words: str) -> bool:
    return procfile.said.count(words) >= PROCESSES


PROCESSES = 4
"""Three workers and the clock."""


@pytest.mark.parametrize(
    ("go_away", "come_back"),
    [(Postgresql.stop, Postgresql.start), (Postgresql.freeze, Postgresql.thaw)],
    ids=["stopped", "frozen"],
)
def test_a_postgresql_that_is_away_is_said_once_and_sending_goes_on(
    postgresql: Postgresql,
    on_postgresql: Procfile,
    go_away: Callable[[Postgresql], None],
    come_back: Callable[[Postgresql], None],
) -> None:
    with arrivals() as (sink, watched):
        launch(on_postgresql.settings, sink, watched)
        go_away(postgresql)
        try:
            wait_until(lambda: is_said_by_all(on_postgresql, AWAY), "all say so", 30)
            time.sleep(3)  # whoever repeats it does it now
        finally:
            come_back(postgresql)
        pause = pause_after(watched, lambda: None)
        print(pause)
        send_the_rest(on_postgresql.settings, sink)
        said = on_postgresql.said
    assert pause <= LONGEST_PAUSE_SECONDS
    assert (said.count(AWAY), said.count(BACK)) == (PROCESSES, PROCESSES)
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("go_away", "come_back"),
    [(Postgresql.stop, Postgresql.start), (Postgresql.freeze, Postgresql.thaw)],
    ids=["stopped", "frozen"],
)
def test_worker_and_clock_wait_for_a_postgresql_that_is_away_when_they_start(
    tmp_path: Path,
    postgresql: Postgresql,
    go_away: Callable[[Postgresql], None],
    come_back: Callable[[Postgresql], None],
) -> None:
    migrate.upgrade(settings_for_tests(tmp_path / "unused", database_url=postgresql.url))
    go_away(postgresql)
    running = Procfile(tmp_path, postgresql.url)
    try:
        wait_until(lambda: is_said_by_all(running, AWAY), "all say so", 30)
        come_back(postgresql)
        wait_until(lambda: running.said.count("worker started") == 3, "the workers work", 10)
        wait_until(lambda: is_said_by_all(running, BACK), "all say that it is back", 10)
        said = running.said
    finally:
        running.close()
    assert (said.count(AWAY), said.count(BACK)) == (PROCESSES, PROCESSES)
    assert "Traceback" not in said
