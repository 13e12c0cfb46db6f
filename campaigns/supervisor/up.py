"""`campaigns up`: everything on one machine, under one supervisor."""

import http.client
import os
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import click
from redis.exceptions import RedisError
from sqlalchemy.exc import DBAPIError

from campaigns import migrate
from campaigns.clock import utcnow
from campaigns.config import Settings, load_settings
from campaigns.outages import describe, is_away
from campaigns.permissions import close_to_others
from campaigns.supervisor import postgres, preflight, status, valkey
from campaigns.supervisor.first_account import first_account_link
from campaigns.supervisor.preflight import CannotStartError
from campaigns.supervisor.process import Program, own_command
from campaigns.supervisor.supervisor import Supervisor
from campaigns.supervisor.workers import DRAIN_SECONDS

READY_SECONDS = 60
RETRY_INTERVAL_SECONDS = 0.5
"""Interval between attempts to reach a server, in seconds."""
DEMO_MAILBOX_PORT = 2525
HEALTH_TIMEOUT_SECONDS = 2
NAME_WIDTH = 9
_COLOURS = {
    "web": "cyan",
    "worker": "green",
    "clock": "yellow",
    "intake": "blue",
    "mailbox": "magenta",
}

T = TypeVar("T")
Prepare = Callable[[Settings], Sequence[str]]
"""Fills a migrated database; returns lines to show when everything is ready."""


class Screen:
    """Prints our messages and the programs' output, in whole lines."""

    def __init__(self) -> None:
        self._lock = threading.Lock()

    def line(self, name: str, text: str) -> None:
        """Print a line of a process, with its name."""
        prefix = click.style(f"{name:<{NAME_WIDTH}}|", fg=_COLOURS.get(name, "blue"))
        self._put(f"{prefix} {text}")

    def say(self, sentence: str) -> None:
        """Print a message."""
        self._put(click.style(f"{'campaigns':<{NAME_WIDTH}}| {sentence}", bold=True))

    def block(self, lines: Sequence[str]) -> None:
        """Print an indented block."""
        self._put("\n" + "\n".join(f"  {line}" for line in lines) + "\n")

    def _put(self, text: str) -> None:
        with self._lock:
            try:
                click.echo(text)
            except OSError:
                # A closed terminal is no reason to stop.
                return


def up(
    settings: Settings,
    *,
    demo: bool = False,
    with_postgres: bool = False,
    prepare: Prepare | None = None,
) -> None:
    """Run all processes until SIGINT or SIGTERM.

    Raises CannotStartError, with nothing left running.
    """
    screen = Screen()
    preflight.prepare_data_dir(settings.data_dir)
    lock = preflight.DirectoryLock(settings.data_dir, screen.say)
    try:
        found = close_to_others(settings.data_dir, *settings.database_files).words()
        if found:
            screen.say(found)
        if demo and not settings.mailbox_port:
            settings = _with(settings, mailbox_port=_demo_mailbox_port(settings))
        preflight.check_port_is_free(settings.host, settings.port, "PORT")
        if settings.mailbox_port:
            preflight.check_port_is_free("127.0.0.1", settings.mailbox_port, "MAILBOX_PORT")
        _Run(settings, screen, lock.descriptor, demo, with_postgres, prepare).run()
    finally:
        lock.release()


def _with(settings: Settings, **changes: object) -> Settings:
    """Return the settings with these changes, validated as if they had been set."""
    values = {name: getattr(settings, name) for name in settings.model_fields_set}
    return load_settings(**{**values, **changes})


def _demo_mailbox_port(settings: Settings) -> int:
    """Return the same port at every start, so that the demo's provider account stays valid."""
    path = settings.data_dir / "mailbox.port"
    stored = path.read_text().strip() if path.exists() else ""
    if stored.isdigit() and 0 < int(stored) < 65536:
        return int(stored)
    port = preflight.free_port("127.0.0.1", DEMO_MAILBOX_PORT)
    path.write_text(f"{port}\n")
    return port


class _Run:
    """One run of `campaigns up`."""

    def __init__(
        self,
        settings: Settings,
        screen: Screen,
        lock: int,
        demo: bool,
        with_postgres: bool,
        prepare: Prepare | None,
    ) -> None:
        self._settings, self._screen, self._demo = settings, screen, demo
        self._with_postgres, self._prepare = with_postgres, prepare
        self._started_at = utcnow().isoformat()
        self._supervisor = Supervisor(
            screen.say, take=screen.line, on_change=self._write_status, kept=(lock,)
        )

    def run(self) -> None:
        supervisor = self._supervisor
        with supervisor.handling_signals():
            try:
                notes = self._start()
                if not supervisor.is_stopping():
                    self._screen.block(self._ready_block(notes))
                supervisor.run()
                self._screen.say("stopping (press Ctrl-C again to stop immediately)")
            finally:
                supervisor.stop()
                status.remove(self._settings.data_dir)

    def _start(self) -> Sequence[str]:
        preflight.prepare_runtime_dir(self._settings.runtime_dir, valkey.SOCKET, postgres.SOCKET)
        self._start_servers()
        if self._supervisor.is_stopping():
            return ()
        notes = self._fill()
        if self._supervisor.is_stopping():
            return ()
        self._start_programs()
        return notes

    def _start_programs(self) -> None:
        """Start the web process first, so that its pages load soon; it is also stopped first."""
        web, *others = self._programs()
        children = [self._supervisor.add(web)]
        self._supervisor.wait_until_well(*children, seconds=READY_SECONDS)
        if self._supervisor.is_stopping():
            return
        children += [self._supervisor.add(other, before=children[0]) for other in others]
        is_well = self._supervisor.wait_until_well(*children, seconds=READY_SECONDS)
        if not is_well and not self._supervisor.is_stopping():
            slow = ", ".join(c.program.name for c in children if c.state != "running")
            self._screen.say(f"not everything is ready yet ({slow}); still trying")

    def _start_servers(self) -> None:
        if self._with_postgres:
            self._add_server(postgres.program(self._settings), hint="see its output above")
            self._settings = _with(self._settings, database_url=postgres.url(self._settings))
        if self._settings.redis_url:
            self._use_named_redis()
            return
        if valkey.end_leftover(self._settings):
            self._screen.say("stopped a Valkey server left over from an earlier run")
        try:
            program = valkey.program(self._settings)
        except valkey.NoServerError as error:
            raise CannotStartError(str(error)) from None
        log = valkey.log_file(self._settings)
        before = log.stat().st_size if log.exists() else 0
        self._add_server(program, hint=lambda: _end_of(log, before))

    def _use_named_redis(self) -> None:
        try:
            version = self._wait_for("The Redis server", "REDIS_URL", preflight.redis_version)
        except (RedisError, OSError) as error:
            raise CannotStartError(
                f"The Redis server named by REDIS_URL cannot be used ({describe(error)}). Check"
                " REDIS_URL, or leave it empty to start one with Campaigns."
            ) from None
        if version:
            self._screen.say(f"using the Redis server at REDIS_URL (version {version})")

    def _wait_for(self, name: str, variable: str, use: Callable[[Settings], T]) -> T | None:
        """Wait for a server to answer. None: a stop was requested first."""
        is_waiting = False
        while not self._supervisor.is_stopping():
            try:
                found = use(self._settings)
            except (RedisError, DBAPIError) as error:
                if not is_away(error):
                    raise
                if not is_waiting:
                    self._screen.say(
                        f"{name} does not respond; waiting. Start it, or press"
                        f" Ctrl-C and check {variable}. ({describe(error)})"
                    )
                is_waiting = True
                self._supervisor.tick()
                time.sleep(RETRY_INTERVAL_SECONDS)
            else:
                if is_waiting:
                    self._screen.say(f"{name} is up")
                return found
        return None

    def _add_server(self, program: Program, hint: str | Callable[[], str]) -> None:
        """Start a server that everything else needs; the first attempt must succeed."""
        child = self._supervisor.add(program)
        is_well = self._supervisor.wait_until_well(child, seconds=READY_SECONDS)
        if is_well or self._supervisor.is_stopping():
            return
        words = hint if isinstance(hint, str) else hint()
        raise CannotStartError(f"{program.name} did not start: {words}")

    def _fill(self) -> Sequence[str]:
        """Update the database schema, and fill in the demo's data."""
        try:
            self._wait_for("The database", "DATABASE_URL", migrate.upgrade)
            if self._prepare is None or self._supervisor.is_stopping():
                return ()
            return self._prepare(self._settings)
        except migrate.MigrationError as error:
            raise CannotStartError(str(error)) from None
        except DBAPIError as error:
            raise CannotStartError(migrate.unusable(self._settings, error)) from None

    def _programs(self) -> list[Program]:
        """Return our own processes: web, then those that stop after it, in reverse order."""
        settings = self._settings
        environment = {"DATA_DIR": str(settings.data_dir.resolve())}
        if self._with_postgres:
            environment["DATABASE_URL"] = settings.database_url
        if settings.mailbox_port:
            environment["MAILBOX_PORT"] = str(settings.mailbox_port)
        programs = [
            Program("web", own_command("web"), environment, is_well=self._web_answers),
            Program(
                "worker",
                own_command("worker"),
                environment,
                stop_seconds=DRAIN_SECONDS + 5,
            ),
            Program("clock", own_command("clock"), environment),
            Program("intake", own_command("intake"), environment),
        ]
        if settings.mailbox_port:
            programs.insert(1, Program("mailbox", own_command("mailbox"), environment))
        return programs

    def _web_answers(self) -> bool:
        host = self._settings.host
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104
        connection = http.client.HTTPConnection(
            host, self._settings.port, timeout=HEALTH_TIMEOUT_SECONDS
        )
        try:
            connection.request("GET", "/health")
            return connection.getresponse().status == http.client.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def _ready_block(self, notes: Sequence[str]) -> list[str]:
        settings = self._settings
        lines = [f"Campaigns is ready:  {settings.base_url}", *notes]
        if link := first_account_link(settings):
            lines.append(f"First account:       {link}")
        if settings.is_nameless:
            lines.append(
                "From other machines: set PUBLIC_URL to the address they use, then restart."
            )
        if settings.mailbox_port:
            lines.append(f"Sent emails:         {settings.base_url}/mailbox")
        lines.append(f"For other commands:  DATA_DIR={settings.data_dir}")
        if self._with_postgres:
            lines.append(f"                     DATABASE_URL='{settings.database_url}'")
        lines.append("Stop with Ctrl-C.")
        return lines

    def _write_status(self, supervisor: Supervisor) -> None:
        settings = self._settings
        processes = tuple(
            status.ProcessStatus(child.program.name, child.state, child.pid, child.restarts)
            for child in supervisor.children
        )
        try:
            status.write(
                settings.data_dir,
                status.Status(
                    pid=os.getpid(),
                    started_at=self._started_at,
                    address=settings.base_url,
                    demo=self._demo,
                    mailbox_port=settings.mailbox_port,
                    database_url=settings.database_url if self._with_postgres else "",
                    processes=processes,
                ),
            )
        except OSError as error:
            # A full disk must not end the run; this file is not essential.
            self._screen.say(f"cannot write {status.FILE_NAME}: {error.strerror}")


def _end_of(log: Path, start: int) -> str:
    """Return the last lines that a server has logged since its start."""
    try:
        with log.open("rb") as file:
            file.seek(start)
            lines = file.read().decode("utf-8", "replace").strip().splitlines()
    except OSError:
        lines = []
    return " / ".join(line.strip() for line in lines[-3:]) or f"see {log}"
