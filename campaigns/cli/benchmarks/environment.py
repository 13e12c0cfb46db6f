"""The environment of a benchmark: a database, Valkey, an SMTP server and workers.

All are temporary, and on this machine only.
"""

import os
import pwd
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import click
import psycopg
import sqlalchemy as sa
from rq import Worker

from campaigns import migrate
from campaigns.campaign.models import Campaign, Claim
from campaigns.cli.benchmarks import audience, costs
from campaigns.config import Settings, load_settings
from campaigns.core import create_core
from campaigns.db import db
from campaigns.engine.redis_connection import connect
from campaigns.supervisor import postgres, preflight, valkey
from campaigns.supervisor.process import Program, own_command
from campaigns.supervisor.supervisor import Child, Supervisor
from campaigns.supervisor.workers import worker_lanes

START_SECONDS = 30
TIMEOUT_SECONDS = 3600
STANDSTILL_SECONDS = 60
POLL_INTERVAL_SECONDS = 0.1
"""Interval between checks of the progress, in seconds; long enough to cost nothing."""
SENDING_LANES = ("send",)


@dataclass(frozen=True, slots=True)
class Usage:
    """CPU time so far, in seconds. `database`: 0 if it runs in the worker."""

    workers: float
    database: float

    def __sub__(self, other: "Usage") -> "Usage":
        return Usage(self.workers - other.workers, self.database - other.database)


class Workers:
    """Running workers, and the resources they use."""

    def __init__(self, children: Sequence[Child], database: int, lines: deque[str]) -> None:
        """`database`: the server's first process; 0: none, -1: not on this machine."""
        self._children, self._database, self._lines = children, database, lines

    def usage(self) -> Usage | None:
        """CPU time so far; None if unknown."""
        if not costs.are_known() or self._database < 0:
            return None
        database = costs.family(self._database) if self._database else []
        return Usage(costs.cpu_seconds(self._pids()), costs.cpu_seconds(database))

    def peak_mb(self) -> float | None:
        """Return the peak memory of the largest worker."""
        return costs.peak_mb(self._pids()) if costs.are_known() else None

    def wait_for(self, campaign_id: int, *states: str) -> float:
        """Wait until the campaign is in one of these states; returns the time."""
        moved = time.monotonic()
        deadline = moved + TIMEOUT_SECONDS
        while not self.is_in(campaign_id, *states):
            now = time.monotonic()
            if self.is_anything_claimed(campaign_id):
                moved = now
            if now > min(deadline, moved + STANDSTILL_SECONDS):
                raise click.ClickException("the campaign does not finish")
            time.sleep(POLL_INTERVAL_SECONDS)
        return time.monotonic()

    def is_anything_claimed(self, campaign_id: int) -> bool:
        """Return whether a worker has claimed deliveries of the campaign."""
        query = sa.select(
            sa.or_(
                sa.select(Claim.token).where(Claim.campaign_id == campaign_id).exists(),
                sa.select(Campaign.id)
                .where(Campaign.id == campaign_id, Campaign.status != "sending")
                .exists(),
            )
        )
        return bool(db.session.scalar(query))

    def is_in(self, campaign_id: int, *states: str) -> bool:
        """Return whether the campaign is in one of these states. Raises ClickException."""
        db.session.rollback()
        query = sa.select(Campaign.status, Campaign.status_reason).where(Campaign.id == campaign_id)
        status, reason = db.session.execute(query).one()
        if status in states:
            return True
        if status in {"paused", "draft", "cancelled"}:
            raise click.ClickException(f"the campaign is {status}: {reason}")
        self.check()
        return False

    def check(self) -> None:
        """Raise ClickException with the last output if a worker has ended."""
        for child in self._children:
            if child.process is not None and (how := child.process.ended()):
                words = "\n".join(self._lines)
                raise click.ClickException(f"a worker ended by {how}\n{words}")

    def _pids(self) -> list[int]:
        return [pid for child in self._children for pid in costs.family(child.pid or 0)]


@dataclass(frozen=True)
class Environment:
    """What a benchmark runs in. `server` names the SMTP server at `port`."""

    settings: Settings
    port: int
    server: str

    @property
    def database(self) -> str:
        """Name the database: `sqlite` or `postgresql`."""
        return "sqlite" if self.settings.is_sqlite else "postgresql"

    @contextmanager
    def workers(self, *lanes: Sequence[str]) -> Iterator[Workers]:
        """Run a worker process for each of these groups of lanes."""
        lines: deque[str] = deque(maxlen=20)
        programs = [
            Program(
                f"worker {number}",
                own_command("worker", *(part for lane in served for part in ("--lane", lane))),
                _environment(self.settings),
            )
            for number, served in enumerate(lanes, start=1)
        ]
        with _running(*programs, take=lines.append) as children:
            workers = Workers(children, _database_pid(), lines)
            with connect(self.settings.redis_connection_url) as redis:
                _wait_until(
                    lambda: Worker.count(connection=redis) == len(programs),
                    "the workers did not start",
                    workers.check,
                )
            yield workers

    @contextmanager
    def whole_product(self) -> Iterator[tuple[Workers, int]]:
        """Run all processes of `campaigns up`; yields the workers and the web port."""
        port = self.settings.port
        environment = {**_environment(self.settings), "PORT": str(port), "PUBLIC_URL": ""}
        web = Program("web", own_command("web"), environment, is_well=lambda: _listens(port))
        clock = Program("clock", own_command("clock"), environment)
        with self.workers(*worker_lanes(self.settings).values()) as workers, _running(web, clock):
            yield workers, port

    @contextmanager
    def relay(self, milliseconds: int, *, hides_pipelining: bool = False) -> Iterator[int]:
        """Run a relay that delays all traffic to the SMTP server; yields its port."""
        port = preflight.free_port("127.0.0.1", 2700)
        command = [
            sys.executable, "-P", "-m", "campaigns.cli.benchmarks.relay",
            str(port), str(self.port), str(milliseconds),
        ]  # fmt: skip
        if hides_pipelining:
            command.append("hide-pipelining")
        with _running(Program("relay", command)):
            _wait_until(lambda: _listens(port), "the relay did not start")
            yield port


@contextmanager
def prepared(database_url: str = "", *, with_postgresql: bool = False) -> Iterator[Environment]:
    """Set up a migrated database, Valkey, smtp-sink or the mailbox, and an app context."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(_folder()))
        if with_postgresql:
            database_url = stack.enter_context(_postgresql())
        settings = load_settings(
            data_dir=folder / "data",
            database_url=database_url,
            redis_url="",
            port=preflight.free_port("127.0.0.1", 8900),
            public_url="https://news.example.org",
            resolve_mx=False,
        )
        preflight.prepare_data_dir(settings.data_dir)
        preflight.prepare_runtime_dir(settings.runtime_dir, valkey.SOCKET)
        stack.callback(shutil.rmtree, settings.runtime_dir, ignore_errors=True)
        migrate.upgrade(settings)
        stack.enter_context(_running(valkey.program(settings)))
        port, server = stack.enter_context(smtp_server(settings))
        with create_core(settings).app_context():
            try:
                if not audience.is_empty():
                    raise click.ClickException(
                        "That database holds subscribers: name an empty one."
                    )
                yield Environment(settings, port, server)
            finally:
                db.session.remove()
                db.engine.dispose()


@contextmanager
def smtp_server(settings: Settings | None = None) -> Iterator[tuple[int, str]]:
    """Run Postfix's smtp-sink if installed, else the built-in mailbox; yields port and name."""
    # Near its own number: the mailbox takes seconds to bind the port, and another benchmark may be
    # looking for one meanwhile.
    port = preflight.free_port("127.0.0.1", 20_000 + os.getpid() % 10_000)
    sink = postfix_program("smtp-sink")
    if sink:
        as_nobody = ("-u", "nobody") if os.geteuid() == 0 else ()  # it refuses to run as root
        server = Program("smtp-sink", (sink, *as_nobody, f"127.0.0.1:{port}", "512"))
    elif settings is not None:
        environment = {**_environment(settings), "MAILBOX_PORT": str(port)}
        server = Program("mailbox", own_command("mailbox"), environment)
    else:
        raise click.ClickException("This needs Postfix's smtp-sink (Debian: apt install postfix).")
    with _running(server):
        _wait_until(lambda: _listens(port), f"{server.name} did not start")
        yield port, server.name


def postfix_program(name: str) -> str | None:
    """Return the path of one of Postfix's programs, if it is installed."""
    return shutil.which(name) or shutil.which(name, path="/usr/sbin")


@contextmanager
def _folder() -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="campaigns-bench-") as name:
        yield name


def _environment(settings: Settings) -> dict[str, str]:
    return {
        "DATA_DIR": str(settings.data_dir),
        "DATABASE_URL": settings.database_url,
        "REDIS_URL": settings.redis_connection_url,
        "PUBLIC_URL": settings.public_url,
        "RESOLVE_MX": "false",
    }


@contextmanager
def _running(
    *programs: Program, take: Callable[[str], None] = lambda _: None
) -> Iterator[list[Child]]:
    supervisor = Supervisor(lambda _: None, take=lambda _name, line: take(line))
    try:
        children = [supervisor.add(program) for program in programs]
        if not supervisor.wait_until_well(*children, seconds=START_SECONDS):
            names = ", ".join(program.name for program in programs)
            raise click.ClickException(f"could not be started: {names}")
        yield children
    finally:
        supervisor.stop()


# --- PostgreSQL -------------------------------------------------------------------------------


@contextmanager
def _postgresql() -> Iterator[str]:
    """Run a PostgreSQL server with default settings; yields the URL of an empty database."""
    programs = _postgresql_programs()
    # It refuses to run as root: use the system's user for it, or nobody.
    owner = _unprivileged_user() if os.geteuid() == 0 else None
    as_owner = ("setpriv", f"--reuid={owner.pw_uid}", f"--regid={owner.pw_gid}",
                "--clear-groups", "--") if owner else ()  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="campaigns-pg-", ignore_cleanup_errors=True) as folder:
        if owner:
            os.chown(folder, owner.pw_uid, owner.pw_gid)
        data = f"{folder}/data"
        made = subprocess.run(
            [*as_owner, programs / "initdb", "-D", data, "-U", "campaigns", "-A", "trust",
             "-E", "UTF8", "--locale=C"],
            capture_output=True, text=True, check=False, cwd="/",
        )  # fmt: skip
        if made.returncode:
            raise click.ClickException(f"initdb failed: {made.stderr.strip()[-500:]}")
        command = (*as_owner, str(programs / "postgres"), "-D", data, "-k", folder,
                   "-c", "listen_addresses=", "-c", "log_min_messages=fatal")  # fmt: skip
        url = f"postgresql://campaigns@/postgres?host={folder}"
        with _running(Program("postgres", command, is_well=lambda: _answers(url))):
            yield url


def _postgresql_programs() -> Path:
    """Return the programs of the newest installed PostgreSQL, else of the bundled one."""
    found = shutil.which("initdb")
    folders = [Path(found).resolve().parent] if found else []
    folders += sorted(
        Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name)
    )[::-1]
    for folder in folders:
        if (folder / "initdb").exists() and (folder / "postgres").exists():
            return folder
    try:
        return postgres.binaries()
    except preflight.CannotStartError:
        raise click.ClickException(
            "No PostgreSQL is installed here. Install one, or name an empty database:"
            " --database-url postgresql://..."
        ) from None


def _unprivileged_user() -> pwd.struct_passwd:
    try:
        return pwd.getpwnam("postgres")
    except KeyError:
        return pwd.getpwnam("nobody")


def _answers(url: str) -> bool:
    try:
        psycopg.connect(url, connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True


def _database_pid() -> int:
    """Return the database server's first process; 0: none, -1: not on this machine."""
    if db.engine.dialect.name != "postgresql":
        return 0
    backend = db.session.scalar(sa.text("SELECT pg_backend_pid()")) or 0
    first = costs.parent(backend)
    return first if costs.name(first).startswith("postgres") else -1


# --- waiting ----------------------------------------------------------------------------------


def _wait_until(
    is_true: Callable[[], bool], problem: str, check: Callable[[], None] = lambda: None
) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not is_true():
        check()
        if time.monotonic() > deadline:
            raise click.ClickException(problem)
        time.sleep(0.05)


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True
