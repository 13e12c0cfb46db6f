"""The real processes of the product, which a play may kill, freeze and start again."""

import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
from flask import Flask
from redis import Redis
from redis.exceptions import RedisError

from campaigns import migrate
from campaigns.app import create_app
from campaigns.config import Settings
from campaigns.db import db
from campaigns.supervisor.valkey import server_binary
from tests import servers
from tests.chaos import wall
from tests.chaos.server import Manners
from tests.conftest import SECRET_KEY, settings_for_tests
from tests.product import free_port

LEASE_SECONDS = 4
WORKERS = ("worker 1", "worker 2")
CLOCKS = ("clock 1", "clock 2")
LONGEST_END_SECONDS = 120.0
_ROOT = Path(__file__).parents[2]


@dataclass
class Part:
    """A process that can be started. `is_wanted`: it is started again when it ends."""

    command: Sequence[str]
    owner: pwd.struct_passwd | None = None
    environment: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None
    is_wanted: bool = False
    starts: int = 0


class Stage:
    """Valkey, a database, two workers and two clocks; and SMTP servers, as they are needed.

    Nothing here restarts by itself: `tend` does what the supervisor does.
    """

    def __init__(self, folder: Path, backend: str) -> None:
        self.folder, self.backend = folder, backend
        self._log = (folder / "log").open("ab")
        self._app: Flask | None = None
        self._database_home: Path | None = None
        self._parts: dict[str, Part] = {}
        self._socket = folder / "kv.sock"
        self._parts["valkey"] = Part(
            (str(server_binary()), "--port", "0", "--unixsocket", str(self._socket), "--dir",
             str(folder), "--save", "", "--appendonly", "yes"),
        )  # fmt: skip
        url = self._add_postgresql() if backend == "postgresql" else ""
        self.settings = settings_for_tests(
            folder / "data",
            database_url=url,
            redis_url=f"unix://{self._socket}",
            lease_seconds=LEASE_SECONDS,
            resolve_mx=False,
        )
        self.clock_is_off = timedelta()
        self._clock = folder / "clock"
        wall.make(self._clock)
        environment = _environment(self.settings)
        ours = (sys.executable, "-P", "-m", "tests.chaos.wall", str(self._clock))
        for name in WORKERS:
            command = (*ours, "worker", "--lane", "send", "--lane", "transactional")
            self._parts[name] = Part(command, environment=environment)
        for name in CLOCKS:
            self._parts[name] = Part((*ours, "clock"), environment=environment)

    # --- all of it ---------------------------------------------------------------------------

    def open(self) -> None:
        self.settings.data_dir.mkdir(parents=True)
        self.start("valkey")
        if self.backend == "postgresql":
            self.start("database")
        self.wait_for_servers()
        migrate.upgrade(self.settings)
        self._app = create_app(self.settings)
        for name in (*WORKERS, *CLOCKS):
            self.start(name)

    @property
    def app(self) -> Flask:
        assert self._app is not None, "it has not been opened"
        return self._app

    def close(self) -> None:
        if self._app is not None:
            with self._app.app_context():
                db.session.remove()
                db.engine.dispose()
        for part in reversed(self._parts.values()):
            part.is_wanted = False
            if part.process is not None and part.process.poll() is None:
                part.process.kill()
                part.process.wait(10)
        self._log.close()
        if self._database_home is not None:
            shutil.rmtree(self._database_home, ignore_errors=True)

    def tend(self) -> None:
        """Start again what has ended by itself."""
        for name, part in self._parts.items():
            if part.is_wanted and part.process is not None and part.process.poll() is not None:
                self.start(name)

    def log_tail(self) -> str:
        """What was logged last, and where each thread of our processes stands."""
        log = self.folder / "log"
        begin = max(0, log.stat().st_size - 6000)
        for name in (*WORKERS, *CLOCKS):
            process = self._parts[name].process
            is_alive = process is not None and process.poll() is None
            if process is not None and is_alive and self._catches(name, signal.SIGUSR1):
                process.send_signal(signal.SIGUSR1)
                time.sleep(1)  # it prints by itself
        return self._log_end(begin)

    def _log_end(self, begin: int | None = None) -> str:
        """The log from this byte on; the last of it by default."""
        text = (self.folder / "log").read_bytes()
        return text[max(0, len(text) - 6000) if begin is None else begin :].decode(errors="replace")

    # --- one of them -------------------------------------------------------------------------

    def start(self, name: str) -> None:
        part = self._parts[name]
        part.is_wanted = True
        part.starts += 1
        user: dict[str, Any] = {}
        if part.owner is not None:
            user = {"user": part.owner.pw_uid, "group": part.owner.pw_gid, "extra_groups": []}
        part.process = subprocess.Popen(
            part.command, env={**os.environ, **part.environment}, cwd="/" if user else None,
            stdout=self._log, stderr=subprocess.STDOUT, **user,
        )  # fmt: skip

    def kill(self, name: str) -> None:
        """As the kernel does when memory runs out."""
        part = self._parts[name]
        part.is_wanted = False
        process = self._process(name)
        process.kill()
        process.wait(10)

    def is_there(self, name: str) -> bool:
        """Whether it was started, and not killed since."""
        part = self._parts.get(name)
        return part is not None and part.is_wanted

    def end(self, name: str) -> tuple[int, float]:
        """Politely: the exit code, and how many seconds it took.

        The time is left out in which it (or we) could have gone on and had to wait for a
        processor: on a machine that does much else, that says nothing about the product.
        """
        self._parts[name].is_wanted = False
        process, begun = self._process(name), time.monotonic()
        pids = process.pid, os.getpid()
        before = after = _waits_for_processor(*pids)
        process.terminate()
        while process.poll() is None:
            is_late = time.monotonic() > begun + LONGEST_END_SECONDS
            assert not is_late, f"{name} does not end\n{self.log_tail()}"
            after = {**after, **_waits_for_processor(*pids)}
            time.sleep(0.02)
        waited = sum(seconds - before.get(thread, 0.0) for thread, seconds in after.items())
        return process.returncode, time.monotonic() - begun - waited

    def wait_until_at_work(self, name: str) -> None:
        """Until it has begun to heed SIGTERM: before, it just ends by it."""
        wait_until(lambda: self._catches(name, signal.SIGTERM), f"{name} is at work", lambda: None)

    def _catches(self, name: str, number: signal.Signals) -> bool:
        """Whether it has begun to heed this signal: before, it would just end by it."""
        status = Path(f"/proc/{self._process(name).pid}/status").read_text()
        lines = dict(line.split(":\t", 1) for line in status.splitlines())
        return bool(int(lines["SigCgt"], 16) >> (number - 1) & 1)

    def freeze(self, name: str) -> None:
        self._process(name).send_signal(signal.SIGSTOP)

    def thaw(self, name: str) -> None:
        self._process(name).send_signal(signal.SIGCONT)

    def _process(self, name: str) -> subprocess.Popen[bytes]:
        process = self._parts[name].process
        assert process is not None
        return process

    # --- servers -----------------------------------------------------------------------------

    def serve_mail(self, port: int, record: Path, manners: Manners) -> None:
        self._parts["smtp"] = Part(
            (sys.executable, "-m", "tests.chaos.server", str(port), str(record), manners.as_json()),
            environment={"PYTHONPATH": str(_ROOT)},
        )
        self.start("smtp")

    def serve_mail_by_sink(self, port: int, *options: str) -> None:
        as_nobody = ("-u", "nobody") if os.geteuid() == 0 else ()
        sink = smtp_sink()
        assert sink is not None
        self._parts["smtp"] = Part((sink, *as_nobody, *options, f"127.0.0.1:{port}", "512"))
        self.start("smtp")

    def wait_for_servers(self) -> None:
        """Until Valkey and the database answer."""
        looks = {"valkey": self._is_valkey_there}
        if self.backend == "postgresql":
            looks["database"] = self._is_database_there
        for name, is_there in looks.items():
            try:
                wait_until(is_there, f"the {name} answers", self.tend)
            except AssertionError as error:
                raise AssertionError(f"{error}\n{self._state_of(name)}") from None

    def _state_of(self, name: str) -> str:
        process = self._process(name)
        home = self._database_home
        files = sorted(path.name for path in home.glob("data/postmaster.*")) if home else []
        return (
            f"exit code {process.poll()}, started {self._parts[name].starts} times,"
            f" files {files}\n{self._log_end()}"
        )

    def set_clock(self, off: timedelta) -> None:
        """Set the wall clock of all processes of the product, and the database's with it.

        PostgreSQL's cannot be set: instead the leases that it judges by its clock are moved.
        """
        jump, self.clock_is_off = off - self.clock_is_off, off
        wall.set_by(self._clock, off.total_seconds())
        if self.backend == "postgresql" and jump:
            with psycopg.connect(self._plain_url) as connection:
                connection.execute("UPDATE claim SET lease_until = lease_until - %s", (jump,))

    def flush_valkey(self) -> None:
        with Redis.from_url(self.settings.redis_url) as redis:
            redis.flushall()

    def rings(self) -> str:
        """What Valkey holds of queues, rings and limits; and who holds which connections."""
        with Redis.from_url(self.settings.redis_url) as redis:
            keys = sorted(redis.keys("*"))
            leases = [key for key in keys if key.endswith((b":connections", b":at_once"))]
            return " ".join(
                [f"{key.decode()}({redis.ttl(key)})" for key in keys]
                + [f"{key.decode()}={redis.hgetall(key)}" for key in leases]
            )

    def _is_valkey_there(self) -> bool:
        try:
            with Redis.from_url(self.settings.redis_url) as redis:
                return bool(redis.ping())
        except (RedisError, OSError):
            return False

    def _is_database_there(self) -> bool:
        try:
            psycopg.connect(self._plain_url, connect_timeout=1).close()
        except psycopg.OperationalError:
            return False
        return True

    def _add_postgresql(self) -> str:
        binaries = servers.system_postgresql_bin()
        assert binaries is not None
        # Not in pytest's folder: each start of pytest closes that to others, and PostgreSQL, which
        # refuses to run as root, could not start again.
        home = self._database_home = Path(tempfile.mkdtemp(prefix="cmp-chaos-pg-"))
        owner = pwd.getpwnam("postgres") if os.geteuid() == 0 else None
        user: dict[str, Any] = {}
        if owner is not None:
            shutil.chown(home, owner.pw_uid, owner.pw_gid)
            user = {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []}
        subprocess.run(
            [binaries / "initdb", "-D", home / "data", "-U", "postgres", "-A", "trust", "-E",
             "UTF8", "-N"],
            check=True, stdout=subprocess.DEVNULL, cwd="/", **user,
        )  # fmt: skip
        self._parts["database"] = Part(
            (str(binaries / "postgres"), "-D", str(home / "data"), "-k", str(home),
             "-c", "listen_addresses="),
            owner,
        )  # fmt: skip
        self._plain_url = f"postgresql://postgres@/postgres?host={home}"
        return self._plain_url


def _waits_for_processor(*pids: int) -> dict[str, float]:
    """For how many seconds by now each thread was ready to run and did not."""
    waits = {}
    for pid in pids:
        for thread in Path(f"/proc/{pid}/task").glob("*/schedstat"):
            with suppress(OSError):  # it has just ended
                waits[str(thread)] = int(thread.read_text().split()[1]) / 1e9
    return waits


def smtp_sink() -> str | None:
    return shutil.which("smtp-sink") or shutil.which("smtp-sink", path="/usr/sbin")


def wait_until(
    is_true: Callable[[], bool], what: str, meanwhile: Callable[[], None], seconds: float = 30
) -> None:
    deadline = time.monotonic() + seconds
    while not is_true():
        assert time.monotonic() < deadline, f"waited in vain: {what}"
        meanwhile()
        time.sleep(0.05)


@contextmanager
def opened(folder: Path, backend: str) -> Iterator[Stage]:
    stage = Stage(folder, backend)
    try:
        stage.open()
        yield stage
    finally:
        stage.close()


def _environment(settings: Settings) -> dict[str, str]:
    return {
        "DATA_DIR": str(settings.data_dir),
        "DATABASE_URL": settings.database_url,
        "REDIS_URL": settings.redis_url,
        "PUBLIC_URL": settings.public_url,
        "SECRET_KEY": SECRET_KEY,
        "LEASE_SECONDS": str(LEASE_SECONDS),
        "RESOLVE_MX": "false",
        "PYTHONUNBUFFERED": "1",
        "PYTHONPATH": str(_ROOT),
    }


__all__ = ["CLOCKS", "LEASE_SECONDS", "WORKERS", "Stage", "free_port", "opened", "smtp_sink"]
