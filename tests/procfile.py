"""The processes of a Procfile, started, killed and stopped by a test."""

import os
import subprocess
import sys
from pathlib import Path

import sqlalchemy as sa
from redis import Redis

from campaigns.supervisor.valkey import server_binary
from tests.conftest import SECRET_KEY, settings_for_tests

STOP_SECONDS = 20


class Procfile:
    """A worker, a clock and a Valkey. None restarts automatically."""

    def __init__(self, folder: Path, database_url: str, *, senders: int = 1) -> None:
        self.folder, self.database_url = folder, database_url
        self.data_dir, self.redis_dir = folder / "data", folder / "redis"
        self._socket = folder / "kv.sock"
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self.settings = settings_for_tests(
            self.data_dir, database_url=database_url, redis_url=f"unix://{self._socket}"
        )
        self._environment = {
            **os.environ,
            "DATA_DIR": str(self.data_dir),
            "DATABASE_URL": database_url,
            "REDIS_URL": self.settings.redis_url,
            "SECRET_KEY": SECRET_KEY,
            "PUBLIC_URL": str(self.settings.public_url),
            "SEND_WORKERS": str(senders),
            "RESOLVE_MX": "false",
        }

    def start(self, *names: str) -> None:
        """Start `valkey`, `worker` or `clock`."""
        for path in (self.data_dir, self.redis_dir):
            path.mkdir(exist_ok=True)
        for name in names:
            self._running[name] = self._popen(name)

    def start_clock_of_another_machine(self) -> None:
        """Start a second clock, which shares only the servers with the first."""
        (self.folder / "other").mkdir()
        self._running["other clock"] = self._popen("clock", DATA_DIR=str(self.folder / "other"))

    def _popen(self, name: str, **environment: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-P", "-m", "campaigns.cli", name]
        if name == "valkey":
            where = ("--port", "0", "--unixsocket", str(self._socket), "--dir", str(self.redis_dir))
            command = [str(server_binary()), *where, "--save", "", "--appendonly", "yes"]
        with (self.folder / "log").open("ab") as log:
            return subprocess.Popen(
                command, env={**self._environment, **environment}, stdout=log, stderr=log,
                start_new_session=True,
            )  # fmt: skip

    def pid(self, name: str) -> int:
        return self._running[name].pid

    def kill(self, name: str) -> None:
        """Kill it with SIGKILL, without a restart."""
        process = self._running.pop(name)
        process.kill()
        process.wait(10)

    def restart(self, name: str) -> None:
        self.kill(name)
        self.start(name)

    def stop(self) -> None:
        """Stop all processes; Valkey last, because the others use it."""
        valkey = self._running.pop("valkey", None)
        for processes in (list(self._running.values()), [valkey] if valkey else []):
            for process in processes:
                process.terminate()
            for process in processes:
                try:
                    process.wait(STOP_SECONDS)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait(5)
        self._running = {}

    def flush_redis(self) -> None:
        with Redis.from_url(self.settings.redis_url) as redis:
            redis.flushall()

    def restart_redis_without_data(self) -> None:
        self.kill("valkey")
        for path in (self.redis_dir / "appendonlydir").glob("*"):
            path.unlink()
        self.start("valkey")

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text(errors="replace")


def copy_for_processes(database_url: str, folder: Path) -> str:
    """Return the URL of a database that processes may keep open; a copy of an SQLite file."""
    if not database_url.startswith("sqlite"):
        return database_url
    copy = folder / "campaigns.sqlite3"
    copy.write_bytes(Path(sa.make_url(database_url).database or "").read_bytes())
    return f"sqlite:///{copy}"
