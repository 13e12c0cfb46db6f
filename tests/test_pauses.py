"""How long no email leaves after something was killed: never more than five seconds."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
import sqlalchemy as sa

from campaigns.supervisor.valkey import server_binary
from tests.arrivals import LONGEST_PAUSE_SECONDS, arrivals, launch, nobody_twice, pause_after
from tests.conftest import SECRET_KEY, settings_for_tests
from tests.product import running_product
from tests.supervisor.helpers import processes_mentioning

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

    def _start(self, name: str) -> None:
        command = [sys.executable, "-P", "-m", "campaigns.cli", name]
        if name == "valkey":
            command = [str(server_binary()), "--port", "0", "--unixsocket", str(self._socket),
                       "--dir", str(self._folder), "--save", "", "--appendonly", "yes"]  # fmt: skip
        with (self._folder / "log").open("ab") as log:
            self._running[name] = subprocess.Popen(
                command, env=self._environment, stdout=log, stderr=log, start_new_session=True
            )

    def kill(self, name: str) -> None:
        self._running[name].kill()
        self._running[name].wait(10)
        self._start(name)

    def kill_senders(self) -> None:
        kill_children("worker --lane send", self._running["worker"].pid)

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
        print((self._folder / "log").read_text(errors="replace")[-6000:])


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
        }
        pauses = {name: pause_after(watched, play) for name, play in plays.items()}
        print(pauses)
        nobody_twice(sink)
    assert max(pauses.values()) <= LONGEST_PAUSE_SECONDS, pauses
