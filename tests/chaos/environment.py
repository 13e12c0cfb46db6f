"""The product's real processes, which a scenario may kill, freeze and restart."""

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
from tests.chaos import adjustable_clock
from tests.chaos.server import Behaviour
from tests.conftest import SECRET_KEY, settings_for_tests
from tests.product import free_port

LEASE_SECONDS = 4
WORKERS = ("worker 1", "worker 2")
CLOCKS = ("clock 1", "clock 2")
LONGEST_END_SECONDS = 120.0
_ROOT = Path(__file__).parents[2]


@dataclass
class ManagedProcess:
    """A process that can be started. With `is_wanted`, it is restarted when it ends."""

    command: Sequence[str]
    owner: pwd.struct_passwd | None = None
    environment: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None
    is_wanted: bool = False
    starts: int = 0


class Environment:
    """Valkey, a database, two workers and two clocks, and SMTP servers as needed.

    Nothing restarts automatically: `tend` does what the supervisor does.
    """

    def __init__(self, folder: Path, backend: str) -> None:
        self.folder, self.backend = folder, backend
        self._log = (folder / "log").open("ab")
        self._app: Flask | None = None
        self._database_home: Path | None = None
        self._processes: dict[str, ManagedProcess] = {}
        self._socket = folder / "kv.sock"
        self._processes["valkey"] = ManagedProcess(
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
        adjustable_clock.make(self._clock)
        environment = _environment(self.settings)
        ours = (sys.executable, "-P", "-m", "tests.chaos.adjustable_clock", str(self._clock))
        for name in WORKERS:
            command = (*ours, "worker", "--lane", "send", "--lane", "transactional")
            self._processes[name] = ManagedProcess(command, environment=environment)
        for name in CLOCKS:
            self._processes[name] = ManagedProcess((*ours, "clock"), environment=environment)

    # --- all processes ---------------------------------------------------------------------------

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
        assert self._app is not None, "the environment is not open"
        return self._app

    def close(self) -> None:
        if self._app is not None:
            with self._app.app_context():
                db.session.remove()
                db.engine.dispose()
        for managed in reversed(self._processes.values()):
            managed.is_wanted = False
            if managed.process is not None and managed.process.poll() is None:
                managed.process.kill()
                managed.process.wait(10)
        self._log.close()
        if self._database_home is not None:
            shutil.rmtree(self._database_home, ignore_errors=True)

    def tend(self) -> None:
        """Restart the processes that ended unexpectedly."""
        for name, managed in self._processes.items():
            if (
                managed.is_wanted
                and managed.process is not None
                and managed.process.poll() is not None
            ):
                self.start(name)

    def log_tail(self) -> str:
        """Return the end of the log, with a stack trace of every thread of our processes."""
        log = self.folder / "log"
        begin = max(0, log.stat().st_size - 6000)
        for name in (*WORKERS, *CLOCKS):
            process = self._processes[name].process
            is_alive = process is not None and process.poll() is None
            if process is not None and is_alive and self._catches(name, signal.SIGUSR1):
                process.send_signal(signal.SIGUSR1)
                time.sleep(1)  # the handler prints the stack traces
        return self._log_end(begin)

    def _log_end(self, begin: int | None = None) -> str:
        """Return the log from this byte on; by default its end."""
        text = (self.folder / "log").read_bytes()
        return text[max(0, len(text) - 6000) if begin is None else begin :].decode(errors="replace")

    # --- one process -------------------------------------------------------------------------

    def start(self, name: str) -> None:
        managed = self._processes[name]
        managed.is_wanted = True
        managed.starts += 1
        user: dict[str, Any] = {}
        if managed.owner is not None:
            user = {"user": managed.owner.pw_uid, "group": managed.owner.pw_gid, "extra_groups": []}
        managed.process = subprocess.Popen(
            managed.command, env={**os.environ, **managed.environment}, cwd="/" if user else None,
            stdout=self._log, stderr=subprocess.STDOUT, **user,
        )  # fmt: skip

    def kill(self, name: str) -> None:
        """Kill it, as the kernel does when memory runs out."""
        managed = self._processes[name]
        managed.is_wanted = False
        process = self._process(name)
        process.kill()
        process.wait(10)

    def is_running(self, name: str) -> bool:
        """Whether it was started and has not been killed since."""
        managed = self._processes.get(name)
        return managed is not None and managed.is_wanted

    def end(self, name: str) -> tuple[int, float]:
        """Ask it to end; return the exit code and the seconds that took.

        Time that it (or this process) spent waiting for a processor is not counted: on a busy
        machine, that says nothing about the product.
        """
        self._processes[name].is_wanted = False
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

    def wait_until_it_handles_signals(self, name: str) -> None:
        """Wait until it handles SIGTERM; until then, the signal simply kills it."""
        wait_until(
            lambda: self._catches(name, signal.SIGTERM), f"{name} handles SIGTERM", lambda: None
        )

    def _catches(self, name: str, number: signal.Signals) -> bool:
        """Whether it handles this signal; until it does, the signal simply kills it."""
        status = Path(f"/proc/{self._process(name).pid}/status").read_text()
        lines = dict(line.split(":\t", 1) for line in status.splitlines())
        return bool(int(lines["SigCgt"], 16) >> (number - 1) & 1)

    def freeze(self, name: str) -> None:
        self._process(name).send_signal(signal.SIGSTOP)

    def thaw(self, name: str) -> None:
        self._process(name).send_signal(signal.SIGCONT)

    def _process(self, name: str) -> subprocess.Popen[bytes]:
        process = self._processes[name].process
        assert process is not None
        return process

    # --- servers -----------------------------------------------------------------------------

    def start_smtp_server(self, port: int, record: Path, behaviour: Behaviour) -> None:
        self._processes["smtp"] = ManagedProcess(
            (
                sys.executable,
                "-m",
                "tests.chaos.server",
                str(port),
                str(record),
                behaviour.as_json(),
            ),
            environment={"PYTHONPATH": str(_ROOT)},
        )
        self.start("smtp")

    def start_smtp_sink(self, port: int, *options: str) -> None:
        as_nobody = ("-u", "nobody") if os.geteuid() == 0 else ()
        sink = smtp_sink()
        assert sink is not None
        self._processes["smtp"] = ManagedProcess(
            (sink, *as_nobody, *options, f"127.0.0.1:{port}", "512")
        )
        self.start("smtp")

    def wait_for_servers(self) -> None:
        """Wait until Valkey and the database answer."""
        checks = {"valkey": self._is_valkey_there}
        if self.backend == "postgresql":
            checks["database"] = self._is_database_there
        for name, is_running in checks.items():
            try:
                wait_until(is_running, f"the {name} answers", self.tend)
            except AssertionError as error:
                raise AssertionError(f"{error}\n{self._state_of(name)}") from None

    def _state_of(self, name: str) -> str:
        process = self._process(name)
        home = self._database_home
        files = sorted(path.name for path in home.glob("data/postmaster.*")) if home else []
        return (
            f"exit code {process.poll()}, started {self._processes[name].starts} times,"
            f" files {files}\n{self._log_end()}"
        )

    def set_clock(self, off: timedelta) -> None:
        """Set the wall clock of all processes of the product, and of the database.

        PostgreSQL's clock cannot be set, so the leases that it compares with it are moved.
        """
        jump, self.clock_is_off = off - self.clock_is_off, off
        adjustable_clock.set_offset(self._clock, off.total_seconds())
        if self.backend == "postgresql" and jump:
            with psycopg.connect(self._plain_url) as connection:
                connection.execute("UPDATE claim SET lease_until = lease_until - %s", (jump,))

    def flush_valkey(self) -> None:
        with Redis.from_url(self.settings.redis_url) as redis:
            redis.flushall()

    def valkey_state(self) -> str:
        """List the keys of queues, jobs and limits, and who holds which connections."""
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
        # Not in pytest's folder: every start of pytest closes it to other users, and PostgreSQL,
        # which refuses to run as root, could not restart.
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
        self._processes["database"] = ManagedProcess(
            (str(binaries / "postgres"), "-D", str(home / "data"), "-k", str(home),
             "-c", "listen_addresses="),
            owner,
        )  # fmt: skip
        self._plain_url = f"postgresql://postgres@/postgres?host={home}"
        return self._plain_url


def _waits_for_processor(*pids: int) -> dict[str, float]:
    """Return the seconds that each thread has spent ready to run without a processor."""
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
        assert time.monotonic() < deadline, f"timed out waiting: {what}"
        meanwhile()
        time.sleep(0.05)


@contextmanager
def opened(folder: Path, backend: str) -> Iterator[Environment]:
    environment = Environment(folder, backend)
    try:
        environment.open()
        yield environment
    finally:
        environment.close()


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


__all__ = ["CLOCKS", "LEASE_SECONDS", "WORKERS", "Environment", "free_port", "opened", "smtp_sink"]
