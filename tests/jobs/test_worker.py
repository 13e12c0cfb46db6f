"""A worker process and the servers it needs."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from redis import Redis
from redis.exceptions import RedisError
from rq import Queue, Worker
from rq.serializers import JSONSerializer

from campaigns.jobs import monitor
from campaigns.supervisor.valkey import server_binary
from tests.conftest import Database

CLI = [sys.executable, "-P", "-m", "campaigns.cli"]
AWAY = "Redis is unavailable."
BACK = "Redis is back"


def test_a_worker_without_redis_waits_for_it_and_says_so_once(
    tmp_path: Path, migrated: Path
) -> None:
    environment = {**os.environ, "DATA_DIR": str(tmp_path), "REDIS_URL": "redis://127.0.0.1:1/0"}
    shutil.copyfile(migrated, tmp_path / "campaigns.sqlite3")
    process = subprocess.Popen(
        [*CLI, "worker", "--lane", "send"],
        env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    said = ""
    while AWAY not in said and (line := process.stdout.readline()):
        said += line
    try:
        said += process.communicate(timeout=3)[0]
    except subprocess.TimeoutExpired:
        process.terminate()  # it waits: it is well
        said += process.communicate(timeout=10)[0]
    assert said.count(AWAY) == 1
    assert "Traceback" not in said


@pytest.fixture
def migrated(databases: dict[str, Database]) -> Path:
    """An SQLite database without rows."""
    template = databases["sqlite"].template
    assert template is not None
    return template


class Environment:
    """A worker process on the background lane, and a Valkey that may die and come back."""

    def __init__(self, folder: Path, database: Path) -> None:
        self._folder, self._log, self._log_start = folder, folder / "log", 0
        self._socket = folder / "kv.sock"
        self.redis = Redis.from_url(f"unix://{self._socket}")
        self.queue = Queue("background", connection=self.redis, serializer=JSONSerializer)
        variables = {
            **os.environ,
            "DATA_DIR": str(folder / "data"),
            "REDIS_URL": f"unix://{self._socket}",
            "RESOLVE_MX": "false",
        }
        (folder / "data").mkdir()
        shutil.copyfile(database, folder / "data" / "campaigns.sqlite3")
        self.start_valkey()
        with self._log.open("wb") as file:
            self.worker = subprocess.Popen(
                [*CLI, "worker", "--lane", "background"],
                env=variables, stdout=file, stderr=subprocess.STDOUT,
            )  # fmt: skip

    def start_valkey(self) -> None:
        self._valkey = subprocess.Popen(
            [str(server_binary()), "--port", "0", "--unixsocket", str(self._socket), "--dir",
             str(self._folder), "--save", "", "--appendonly", "yes"],
            stdout=subprocess.DEVNULL,
        )  # fmt: skip
        self.wait_until(self._answers, "Valkey answers")

    def kill_valkey(self) -> None:
        self._valkey.kill()
        self._valkey.wait(10)

    def begin(self, seconds: float) -> None:
        """Ring for a job that takes so long, and wait until it has begun."""
        job = self.queue.enqueue("time.sleep", args=(seconds,), result_ttl=0)
        self.wait_until(lambda: job.get_status(refresh=True) == "started", "the job has begun")

    def is_served(self) -> bool:
        """Whether a ring is answered."""
        self.queue.enqueue("time.sleep", args=(0,), result_ttl=0)
        self.wait_until(lambda: self.queue.count == 0, "the ring is answered")
        return True

    @property
    def said(self) -> str:
        """What was logged during this test."""
        return self._log.read_text()[self._log_start :]

    def is_reusable(self) -> bool:
        """Whether both processes run, and no outage of an earlier test is still open."""
        is_running = self.worker.poll() is None and self._valkey.poll() is None
        return is_running and not is_waiting(self._log.read_text())

    def reuse(self) -> None:
        self._log_start = len(self._log.read_text())

    def wait_for(self, words: str) -> None:
        self.wait_until(lambda: words in self.said, words)

    def wait_until(self, is_true: Callable[[], bool], what: str, seconds: float = 60) -> None:
        deadline = time.monotonic() + seconds
        while not is_true():
            assert time.monotonic() < deadline, f"waited in vain: {what}\n{self.said}"
            time.sleep(0.02)

    def stop(self) -> int:
        self.worker.send_signal(signal.SIGTERM)
        return self.worker.wait(15)

    def close(self) -> None:
        for process in (self.worker, self._valkey):
            if process.poll() is None:
                process.kill()
                process.wait(10)
        self.redis.close()

    def _answers(self) -> bool:
        try:
            return bool(self.redis.ping())
        except (RedisError, OSError):
            return False


@pytest.fixture(scope="module")
def shared() -> Iterator[list[Environment]]:
    """The environment of the last test: a worker starts slowly, and most tests do not harm it."""
    running: list[Environment] = []
    yield running
    for environment in running:
        environment.close()


@pytest.fixture
def environment(tmp_path: Path, migrated: Path, shared: list[Environment]) -> Environment:
    if shared and shared[0].is_reusable():
        shared[0].reuse()
    else:
        for spent in shared:
            spent.close()
        shared[:] = [Environment(tmp_path, migrated)]
    assert shared[0].is_served()
    return shared[0]


def test_redis_dies_during_a_job_and_the_same_process_goes_on(environment: Environment) -> None:
    environment.begin(2.0)
    environment.kill_valkey()
    environment.wait_for(AWAY)
    time.sleep(1.5)  # it looks more than once, and says nothing more
    environment.start_valkey()
    environment.wait_for(BACK)
    assert environment.is_served()
    assert environment.worker.poll() is None
    assert Worker.count(connection=environment.redis) == 1
    assert environment.stop() == 0
    assert (environment.said.count(AWAY), environment.said.count(BACK)) == (1, 1)
    assert "Traceback" not in environment.said
    assert Worker.count(connection=environment.redis) == 0


def test_redis_dies_while_nothing_is_to_be_done(environment: Environment) -> None:
    for _ in range(2):  # every outage is told, once
        environment.kill_valkey()
        environment.wait_until(lambda: is_waiting(environment.said), "it says that it waits")
        environment.start_valkey()
        environment.wait_until(lambda: not is_waiting(environment.said), "it says that it goes on")
        assert environment.is_served()
    assert environment.stop() == 0
    assert (environment.said.count(AWAY), environment.said.count(BACK)) == (2, 2)
    assert "Traceback" not in environment.said


def is_waiting(said: str) -> bool:
    return said.count(AWAY) > said.count(BACK)


def test_redis_dies_and_is_back_before_the_job_ends(environment: Environment) -> None:
    environment.begin(3.0)
    environment.kill_valkey()
    environment.start_valkey()
    assert environment.is_served()
    assert "Traceback" not in environment.said
    assert environment.stop() == 0


def test_a_worker_that_waits_for_redis_stops_when_it_is_asked_to(environment: Environment) -> None:
    environment.kill_valkey()
    environment.wait_for(AWAY)
    assert environment.stop() == 0
    assert "Traceback" not in environment.said


def test_a_job_is_finished_before_the_worker_stops(environment: Environment) -> None:
    environment.begin(2.0)
    begun = time.monotonic()
    assert environment.stop() == 0
    assert time.monotonic() - begun > 1
    assert environment.queue.started_job_registry.count == 0


def test_a_job_that_misses_redis_says_so_in_a_line(environment: Environment) -> None:
    """Redis was away only for a moment, but just when the job wanted it."""
    environment.queue.enqueue("tests.jobs.faults.miss_redis", result_ttl=0)
    environment.wait_for(AWAY)
    assert "Traceback" not in environment.said


def test_a_job_with_a_fault_leaves_its_trace(environment: Environment) -> None:
    environment.queue.enqueue("tests.jobs.faults.fail", result_ttl=0)
    environment.wait_for("nobody thought of this")
    assert "Traceback" in environment.said
    assert environment.is_served()


def test_a_redis_that_is_emptied_leaves_no_trace_and_the_worker_goes_on(
    environment: Environment,
) -> None:
    """Jobs whose entries are gone when they end, as in mid-campaign."""
    for _ in range(3):
        environment.begin(0.7)
        environment.redis.flushall()
        assert environment.is_served()
    assert environment.stop() == 0
    assert "Traceback" not in environment.said


def test_a_redis_that_cannot_write_to_its_disk_is_said_once(environment: Environment) -> None:
    environment.queue.enqueue("tests.jobs.faults.miss_disk_of_redis", result_ttl=0)
    environment.queue.enqueue("tests.jobs.faults.miss_disk_of_redis", result_ttl=0)
    assert environment.is_served()
    assert environment.said.count("Redis cannot write to its disk, which is probably full.") == 1
    assert "Traceback" not in environment.said


def test_a_database_that_is_away_during_a_job_is_said_in_a_line(environment: Environment) -> None:
    environment.queue.enqueue("tests.jobs.faults.miss_database", result_ttl=0)
    environment.wait_for("The database is unavailable.")
    assert environment.is_served()
    assert "Traceback" not in environment.said


def test_a_worker_gives_a_sign_of_life_that_ends_with_it(environment: Environment) -> None:
    environment.wait_until(
        lambda: monitor.is_served(environment.redis, "background"), "a sign of life"
    )
    assert not monitor.is_served(environment.redis, "send")
    assert 0 < environment.redis.ttl("campaigns:alive:background") <= monitor.ALIVE_SECONDS
