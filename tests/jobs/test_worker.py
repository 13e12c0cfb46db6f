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
from rq.exceptions import InvalidJobOperation
from rq.job import Job
from rq.serializers import JSONSerializer

from campaigns.jobs import monitor
from campaigns.supervisor.valkey import server_binary
from tests.conftest import Database

pytestmark = pytest.mark.process

CLI = [sys.executable, "-P", "-m", "campaigns.cli"]
AWAY = "Redis is unavailable."
FULL = "Redis cannot write to its disk"
BACK = "Redis is back"


def test_a_worker_without_redis_waits_and_logs_that_once(tmp_path: Path, migrated: Path) -> None:
    environment = {**os.environ, "DATA_DIR": str(tmp_path), "REDIS_URL": "redis://127.0.0.1:1/0"}
    shutil.copyfile(migrated, tmp_path / "campaigns.sqlite3")
    process = subprocess.Popen(
        [*CLI, "worker", "--lane", "send"],
        env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    output = ""
    while AWAY not in output and (line := process.stdout.readline()):
        output += line
    try:
        output += process.communicate(timeout=3)[0]
    except subprocess.TimeoutExpired:
        process.terminate()  # still waiting, as it should
        output += process.communicate(timeout=10)[0]
    assert output.count(AWAY) == 1
    assert "Traceback" not in output


@pytest.fixture
def migrated(databases: dict[str, Database]) -> Path:
    """An SQLite database without rows."""
    template = databases["sqlite"].template
    assert template is not None
    return template


class Environment:
    """A worker process on the background lane, and a Valkey that a test may kill and restart."""

    def __init__(self, folder: Path, database: Path) -> None:
        self._folder, self._log, self._log_begin = folder, folder / "log", 0
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
        """Queue a job that takes this long, and wait until it has begun."""
        job = self.queue.enqueue("time.sleep", args=(seconds,), result_ttl=0)
        self.wait_until(lambda: _has_begun(job), "the job has begun")

    def is_served(self) -> bool:
        """Whether the worker takes a job."""
        self.queue.enqueue("time.sleep", args=(0,), result_ttl=0)
        self.wait_until(lambda: self.queue.count == 0, "the worker takes a job")
        return True

    @property
    def log(self) -> str:
        """The log of this test."""
        return self._log.read_text()[self._log_begin :]

    def is_reusable(self) -> bool:
        """Whether both processes run and no outage of an earlier test is unresolved."""
        is_running = self.worker.poll() is None and self._valkey.poll() is None
        return is_running and not is_waiting(self._log.read_text())

    def reuse(self) -> None:
        self._log_begin = len(self._log.read_text())

    def wait_for(self, words: str) -> None:
        self.wait_until(lambda: words in self.log, words)

    def wait_until(self, is_true: Callable[[], bool], what: str, seconds: float = 60) -> None:
        deadline = time.monotonic() + seconds
        while not is_true():
            assert time.monotonic() < deadline, f"timed out waiting: {what}\n{self.log}"
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


def _has_begun(job: Job) -> bool:
    try:
        return job.get_status(refresh=True) == "started"
    except InvalidJobOperation:
        return True  # it has even ended, and is deleted


@pytest.fixture(scope="module")
def shared() -> Iterator[list[Environment]]:
    """The environment of the previous test, reused because a worker starts slowly."""
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


def test_a_worker_survives_an_outage_of_redis_during_a_job(environment: Environment) -> None:
    environment.begin(2.0)
    environment.kill_valkey()
    environment.wait_for(AWAY)
    time.sleep(1.5)  # long enough to check again; it logs nothing more
    environment.start_valkey()
    environment.wait_for(BACK)
    assert environment.is_served()
    assert environment.worker.poll() is None
    assert Worker.count(connection=environment.redis) == 1
    assert environment.stop() == 0
    assert (environment.log.count(AWAY), environment.log.count(BACK)) == (1, 1)
    assert "Traceback" not in environment.log
    assert Worker.count(connection=environment.redis) == 0


def test_a_worker_survives_outages_of_redis_while_idle(environment: Environment) -> None:
    for _ in range(2):  # each outage is logged once
        environment.kill_valkey()
        environment.wait_until(lambda: is_waiting(environment.log), "it logs that it waits")
        environment.start_valkey()
        environment.wait_until(
            lambda: not is_waiting(environment.log), "it logs that Redis is back"
        )
        assert environment.is_served()
    assert environment.stop() == 0
    assert (environment.log.count(AWAY), environment.log.count(BACK)) == (2, 2)
    assert "Traceback" not in environment.log


def is_waiting(log: str) -> bool:
    return log.count(AWAY) + log.count(FULL) > log.count(BACK)


def test_redis_may_restart_while_a_job_runs(environment: Environment) -> None:
    environment.begin(3.0)
    environment.kill_valkey()
    environment.start_valkey()
    assert environment.is_served()
    assert "Traceback" not in environment.log
    assert environment.stop() == 0


def test_a_worker_waiting_for_redis_stops_on_request(environment: Environment) -> None:
    environment.kill_valkey()
    environment.wait_for(AWAY)
    assert environment.stop() == 0
    assert "Traceback" not in environment.log


def test_a_job_is_finished_before_the_worker_stops(environment: Environment) -> None:
    queued = time.monotonic()
    environment.begin(2.0)
    assert environment.stop() == 0
    assert time.monotonic() - queued >= 2
    assert environment.queue.started_job_registry.count == 0


def test_a_job_without_redis_logs_one_line(environment: Environment) -> None:
    """Redis was unavailable briefly, just when the job needed it."""
    environment.queue.enqueue("tests.jobs.faults.miss_redis", result_ttl=0)
    environment.wait_for(AWAY)
    assert "Traceback" not in environment.log


def test_an_unexpected_error_logs_a_traceback(environment: Environment) -> None:
    environment.queue.enqueue("tests.jobs.faults.fail", result_ttl=0)
    environment.wait_for("an unexpected error")
    assert "Traceback" in environment.log
    assert environment.is_served()


def test_a_job_cannot_outlive_its_time_limit_by_catching_errors(environment: Environment) -> None:
    environment.queue.enqueue("tests.jobs.faults.never_end", job_timeout=1, result_ttl=0)
    environment.wait_for("JobTimeLimitError")
    assert environment.is_served()


def test_flushing_redis_logs_no_traceback_and_the_worker_continues(
    environment: Environment,
) -> None:
    """The entries of running jobs are gone when the jobs end, as happens in mid-campaign."""
    for _ in range(3):
        environment.begin(0.7)
        environment.redis.flushall()
        assert environment.is_served()
    assert environment.stop() == 0
    assert "Traceback" not in environment.log


def test_a_full_disk_of_redis_is_logged_once(environment: Environment) -> None:
    environment.queue.enqueue("tests.jobs.faults.miss_disk_of_redis", result_ttl=0)
    environment.queue.enqueue("tests.jobs.faults.miss_disk_of_redis", result_ttl=0)
    assert environment.is_served()
    assert environment.log.count(FULL) == 1
    assert "Traceback" not in environment.log


def test_a_job_without_a_database_logs_one_line(environment: Environment) -> None:
    environment.queue.enqueue("tests.jobs.faults.miss_database", result_ttl=0)
    environment.wait_for("The database is unavailable.")
    assert environment.is_served()
    assert "Traceback" not in environment.log


def test_a_worker_has_a_heartbeat_until_it_stops(environment: Environment) -> None:
    environment.wait_until(
        lambda: monitor.is_served(environment.redis, "background"), "a sign of life"
    )
    assert not monitor.is_served(environment.redis, "send")
    assert 0 < environment.redis.ttl("campaigns:alive:background") <= monitor.ALIVE_SECONDS
