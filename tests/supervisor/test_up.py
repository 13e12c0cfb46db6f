"""`campaigns up`, with real processes: it starts, recovers, refuses, and leaves nothing behind."""

import http.client
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from campaigns.audience.models import AudienceList
from campaigns.config import load_settings
from campaigns.supervisor import preflight, status, valkey
from campaigns.supervisor.valkey import server_binary
from tests import servers
from tests.product import free_port
from tests.supervisor.helpers import (
    RunningUp,
    descendants_of,
    is_alive,
    members_of,
    processes_mentioning,
    wait_until,
)

pytestmark = pytest.mark.process


@pytest.fixture
def started(tmp_path: Path) -> Iterator[list[RunningUp]]:
    """A list of runs that are stopped after the test."""
    entries: list[RunningUp] = []
    yield entries
    for entry in entries:
        entry.end()


def answer(port: int, path: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    except OSError:
        return 0
    finally:
        connection.close()


def test_up_starts_recovers_from_a_crash_and_stops(
    tmp_path: Path, started: list[RunningUp]
) -> None:
    """One run for all checks: a start takes as long as everything else together."""
    leftover = a_valkey_left_behind(tmp_path / "data")
    run = RunningUp(tmp_path / "data")
    started.append(run)
    run.wait_until_ready()
    assert leftover.wait(10) == 0
    assert "stopped a Valkey server left over from an earlier run" in run.text()
    check_that_it_serves(run)
    check_that_nobody_else_may_read(run.data_dir)
    check_that_a_second_is_refused(run, started)

    run = check_that_nothing_is_left_when_it_is_killed(run, started)
    check_that_what_is_killed_is_started_again(run)
    check_that_it_stops_in_order(run, tmp_path)


def a_valkey_left_behind(data_dir: Path) -> subprocess.Popen[bytes]:
    """A Valkey left behind because supervisor and guard were both killed."""
    settings = load_settings(data_dir=data_dir)
    data_dir.mkdir()
    preflight.prepare_runtime_dir(settings.runtime_dir, valkey.SOCKET)
    leftover = subprocess.Popen(valkey.program(settings).command)
    wait_until(lambda: valkey.answers(settings), "the leftover server")
    return leftover


def check_that_it_serves(run: RunningUp) -> None:
    assert answer(run.port, "/health") == 200
    assert answer(run.port, "/welcome") == 200
    assert f"First account:       http://127.0.0.1:{run.port}/welcome" in run.text()
    assert list(run.groups()) == ["valkey", "worker", "clock", "intake", "web"]


def check_that_nobody_else_may_read(data: Path) -> None:
    for path in (data, *data.rglob("*")):
        mode = path.stat().st_mode & 0o777
        assert mode == (0o700 if path.is_dir() else 0o600), path


def check_that_a_second_is_refused(run: RunningUp, started: list[RunningUp]) -> None:
    second = RunningUp(run.data_dir)
    started.append(second)
    assert second.process.wait(30) == 1
    assert f"already running (pid {run.process.pid}) on this data directory" in run.text()


def check_that_nothing_is_left_when_it_is_killed(
    run: RunningUp, started: list[RunningUp]
) -> RunningUp:
    """Kill it and start another, which waits for its processes; return the new run."""
    wait_until(lambda: len(descendants_of(run.process.pid)) >= 11, "the worker's own processes")
    processes = descendants_of(run.process.pid)
    run.process.kill()
    run.process.wait()
    again = RunningUp(run.data_dir)
    started.append(again)
    wait_until(lambda: not any(is_alive(pid) for pid in processes), "all gone")
    again.wait_until_ready(2)
    return again


def check_that_what_is_killed_is_started_again(run: RunningUp) -> None:
    groups = run.groups()
    # The program, not its guard: the guard passes on how it ended.
    for name in ("web", "worker", "clock", "intake", "valkey"):
        wait_until(lambda name=name: len(members_of(groups[name])) > 1, f"{name} is started")  # type: ignore[misc]
        program = next(pid for pid in members_of(groups[name]) if pid != groups[name])
        os.kill(program, signal.SIGKILL)
    for name in groups:
        wait_until(lambda name=name: run.restarts(name) >= 1, f"{name} again")  # type: ignore[misc]
        assert f"{name} stopped (signal 9); restarting in 0.1 s" in run.text()
    wait_until(lambda: answer(run.port, "/health") == 200, "the web answers again")
    wait_until(lambda: "web is running again" in run.text(), "web said to be well")
    for group in groups.values():
        assert members_of(group) == []


def check_that_it_stops_in_order(run: RunningUp, folder: Path) -> None:
    run.process.send_signal(signal.SIGTERM)
    assert run.process.wait(60) == 0
    text = run.text()
    order = ("web", "intake", "clock", "worker", "valkey")
    stops = [text.rindex(f"| {name} stopped\n") for name in order]
    assert stops == sorted(stops)
    assert status.read(run.data_dir) is None
    assert processes_mentioning(str(folder)) == []


def as_nobody() -> list[str]:
    """A command that runs another as a user other than root: PostgreSQL refuses root.

    The user may still read everything: the Python of the tests may be in root's home.
    """
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        pytest.skip("as root this needs setpriv (of util-linux)")
    may_read = ("--inh-caps=-all,+dac_read_search", "--ambient-caps=-all,+dac_read_search")
    group = str(pwd.getpwnam("nobody").pw_gid)
    return [setpriv, "--reuid=nobody", f"--regid={group}", "--clear-groups", *may_read, "--"]


@pytest.fixture
def home() -> Iterator[tuple[Path, list[str]]]:
    """A folder, and a command that runs a program there as its owner, who is not root."""
    with tempfile.TemporaryDirectory(prefix="cmp-up-", ignore_cleanup_errors=True) as folder:
        through: list[str] = []
        if os.geteuid() == 0:
            through = as_nobody()
            shutil.chown(folder, "nobody")
        yield Path(folder), through


def test_up_with_its_own_postgresql_keeps_the_data(
    home: tuple[Path, list[str]], started: list[RunningUp]
) -> None:
    folder, through = home
    for earlier in ([], ["News"]):
        run = RunningUp(
            folder / "data", "--postgres", environment={"HOME": str(folder)}, through=through
        )
        started.append(run)
        run.wait_until_ready(len(earlier) + 1)
        assert list(run.groups()) == ["postgres", "valkey", "worker", "clock", "intake", "web"]
        assert answer(run.port, "/health") == 200
        found = status.read(run.data_dir)
        assert found is not None
        assert f"DATABASE_URL='{found.database_url}'" in run.text()
        assert names_before_adding_one(found.database_url) == earlier
        run.process.send_signal(signal.SIGTERM)
        assert run.process.wait(60) == 0
        assert run.text().rstrip().endswith("postgres stopped")
        assert processes_mentioning(str(folder)) == []
    assert not (folder / "data" / "campaigns.sqlite3").exists()


def names_before_adding_one(database_url: str) -> list[str]:
    """Return the names of the lists, and add a list."""
    engine = sa.create_engine(database_url)
    with engine.begin() as connection:
        names = list(connection.scalars(sa.select(AudienceList.name)))
        if not names:
            connection.execute(sa.insert(AudienceList).values(name="News"))
    engine.dispose()
    return names


@pytest.mark.skipif(os.geteuid() != 0, reason="only root is refused")
def test_root_is_told_that_postgresql_refuses_root(
    tmp_path: Path, started: list[RunningUp]
) -> None:
    run = RunningUp(tmp_path / "data", "--postgres")
    started.append(run)
    assert run.process.wait(60) == 1
    assert "PostgreSQL refuses to run as root. Start Campaigns as another user" in run.text()
    assert processes_mentioning(str(tmp_path)) == []


def refused(tmp_path: Path, started: list[RunningUp], **environment: str) -> tuple[int, str]:
    data_dir = Path(environment.pop("DATA_DIR", str(tmp_path / "data")))
    run = RunningUp(tmp_path / "data", environment={**environment, "DATA_DIR": str(data_dir)})
    started.append(run)
    return run.process.wait(60), run.text()


def test_a_taken_port_is_reported_before_anything_starts(
    tmp_path: Path, started: list[RunningUp]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, text = refused(tmp_path, started, PORT=str(port))
    assert code == 1
    assert f"Port {port} on 127.0.0.1 is in use by another program" in text
    assert "PORT=" in text
    assert not (tmp_path / "data" / "kv").exists()


def test_a_read_only_data_directory_is_reported(tmp_path: Path, started: list[RunningUp]) -> None:
    (tmp_path / "file").write_text("in the way")
    code, text = refused(tmp_path, started, DATA_DIR=str(tmp_path / "file" / "data"))
    assert code == 1
    assert "cannot be written (not a directory)" in text
    assert "DATA_DIR=" in text


def test_all_invalid_settings_are_reported_together(
    tmp_path: Path, started: list[RunningUp]
) -> None:
    code, text = refused(tmp_path, started, PORT="many", PUBLIC_URL="news", WEB_THREADS="0")
    assert code == 2
    assert "PORT:" in text
    assert "PUBLIC_URL: must be an address such as https://news.example.org" in text
    assert "WEB_THREADS:" in text
    assert "Traceback" not in text


def test_an_unusable_redis_is_reported(tmp_path: Path, started: list[RunningUp]) -> None:
    with servers.running_valkey() as url:
        code, text = refused(tmp_path, started, REDIS_URL=f"{url}?db=99")
    assert code == 1
    assert "The Redis server named by REDIS_URL cannot be used" in text
    assert "Traceback" not in text


def test_an_unusable_database_is_reported_and_everything_stopped(
    tmp_path: Path, started: list[RunningUp]
) -> None:
    with servers.stoppable_postgresql() as server:
        url = server.url.replace("/postgres?", "/nothing?")
        code, text = refused(tmp_path, started, DATABASE_URL=url)
    assert code == 1
    assert "The database cannot be used" in text
    assert "Check DATABASE_URL" in text
    assert "Traceback" not in text
    assert processes_mentioning(str(tmp_path)) == []


def test_up_waits_for_unavailable_servers_and_says_so(
    tmp_path: Path, started: list[RunningUp]
) -> None:
    with servers.stoppable_postgresql() as server:
        server.freeze()
        port = free_port()
        environment = {"REDIS_URL": f"redis://127.0.0.1:{port}/0", "DATABASE_URL": server.url}
        run = RunningUp(tmp_path / "data", environment=environment)
        started.append(run)
        wait_until(lambda: "The Redis server does not respond; waiting" in run.text(), "said")
        redis = subprocess.Popen(
            [str(server_binary()), "--port", str(port), "--bind", "127.0.0.1", "--save", ""],
            stdout=subprocess.DEVNULL, cwd=tmp_path,
        )  # fmt: skip
        try:
            wait_until(lambda: "The database does not respond; waiting" in run.text(), "said")
            server.thaw()
            run.wait_until_ready()
            run.end()
        finally:
            redis.kill()
            redis.wait(10)
    assert run.text().count("does not respond; waiting") == 2
    assert "The Redis server is up" in run.text()
    assert "The database is up" in run.text()
    assert "Traceback" not in run.text()


def test_up_that_waits_for_a_server_can_be_stopped(
    tmp_path: Path, started: list[RunningUp]
) -> None:
    environment = {"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nothing"}
    run = RunningUp(tmp_path / "data", environment=environment)
    started.append(run)
    wait_until(lambda: "The database does not respond; waiting" in run.text(), "said")
    run.process.send_signal(signal.SIGINT)
    assert run.process.wait(20) == 0
    assert "Check" not in run.text()
    assert "Traceback" not in run.text()
