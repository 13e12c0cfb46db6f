"""The checks of `campaigns doctor`. Each yields findings that say what to do."""

import os
import re
import shutil
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import sqlalchemy as sa
from redis import Redis
from redis.exceptions import RedisError, ResponseError
from sqlalchemy.exc import SQLAlchemyError

from campaigns import migrate, permissions
from campaigns.accounts.workspace import load_workspace
from campaigns.clock import utcnow
from campaigns.config import Settings
from campaigns.engine.redis_connection import connect
from campaigns.jobs import monitor
from campaigns.supervisor import status

if TYPE_CHECKING:
    from campaigns.providers.models import ProviderAccount
    from campaigns.secrets import Vault

Level = Literal["ok", "warning", "problem"]

MEGABYTE = 1024 * 1024
LITTLE_SPACE_BYTES = 2048 * MEGABYTE
NO_SPACE_BYTES = 200 * MEGABYTE
SKEW_WARNING_SECONDS = 2.0
SKEW_PROBLEM_SECONDS = 30.0
WAIT_WARNING_SECONDS = 60.0
WAIT_PROBLEM_SECONDS = 600.0
CONNECT_TIMEOUT_SECONDS = 5
OLDEST_REDIS = (6, 2)
OLDEST_POSTGRESQL = 15
OLDEST_SQLITE = (3, 35)


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """A finding: `text` says what was found, `advice` what to do about it, if anything."""

    level: Level
    what: str
    text: str
    advice: str = ""


def check_address(settings: Settings) -> Diagnosis:
    """Check PUBLIC_URL, which is part of every email."""
    what = "Public address"
    if not settings.public_url:
        return Diagnosis(
            "warning",
            what,
            f"PUBLIC_URL is not set: links in emails lead to {settings.base_url}",
            "Set PUBLIC_URL to the address at which recipients reach this installation.",
        )
    if settings.public_url.startswith("http:"):
        return Diagnosis(
            "warning",
            what,
            f"{settings.public_url} is not encrypted; mailbox providers ignore one-click"
            " unsubscribe without https",
            "Put a reverse proxy with a certificate in front, and set PUBLIC_URL to https://...",
        )
    return Diagnosis("ok", what, settings.public_url)


def check_data_dir(settings: Settings) -> Diagnosis:
    """Check that the data directory exists, is private and has free space."""
    what, folder = "Data directory", settings.data_dir.resolve()
    if not folder.is_dir():
        return Diagnosis(
            "problem", what, f"{folder} does not exist", "Run `campaigns up`, or set DATA_DIR."
        )
    if not os.access(folder, os.W_OK | os.X_OK):
        return Diagnosis(
            "problem", what, f"{folder} cannot be written", "Give this user write permission."
        )
    free = shutil.disk_usage(folder).free
    text = f"{folder}, {free / 1024 / MEGABYTE:.1f} GB free"
    if free < NO_SPACE_BYTES:
        return Diagnosis("problem", what, text, "Free some space: nothing can be sent without it.")
    if free < LITTLE_SPACE_BYTES:
        return Diagnosis("warning", what, text, "Free some space soon; imports need the most.")
    return Diagnosis("ok", what, text)


def check_media(settings: Settings) -> Iterator[Diagnosis]:
    """Check that files can be written to the bucket for images, read and deleted, if there is one.

    Without one they are in the data directory.
    """
    if not settings.media_s3_bucket:
        return
    from campaigns.content.library.storage import StorageError, path_of, storage_of

    storage, path = storage_of(settings), path_of("0" * 12, "0" * 64, "image/png")
    what, text = "Images", f"bucket {settings.media_s3_bucket}"
    try:
        storage.put(path, b"written by campaigns doctor")
        is_there = storage.get(path) is not None
        storage.delete([path])
    except StorageError:
        is_there = False
    if is_there:
        yield Diagnosis("ok", what, f"{text} works")
        return
    yield Diagnosis(
        "problem",
        what,
        f"{text} cannot be written and read",
        "Check MEDIA_S3_ENDPOINT, the bucket's name and region, and the rights of the access key;"
        " the log above has the server's answer.",
    )


def check_permissions(settings: Settings) -> Iterator[Diagnosis]:
    """Check whether others on this machine can read the data, and revoke their permission."""
    what, folder = "Permissions", settings.data_dir
    result = permissions.close_to_others(folder, *settings.database_files)
    if result.open:
        yield Diagnosis(
            "problem",
            what,
            result.words(),
            "Run `campaigns doctor` as their owner, or put DATA_DIR on a file system that supports"
            " permissions.",
        )
    elif result.closed:
        advice = "You need not do anything if nobody else uses this machine."
        if any(path.name == "secret.key" for path in result.closed):
            advice += " Otherwise replace the secret key: set SECRET_KEY to a new one."
        yield Diagnosis("warning", what, result.words(), advice)
    else:
        yield Diagnosis("ok", what, "only this user can read the data directory")
    if permissions.is_shared(folder):
        yield Diagnosis(
            "warning",
            what,
            f"{folder.resolve()} contains other files, too",
            "Set DATA_DIR to a folder that nothing else uses.",
        )
    elif parent := permissions.weak_parent(folder):
        yield Diagnosis(
            "warning",
            what,
            f"others can replace the data directory: {parent} belongs to them"
            " or everyone can write to it",
            "Move the data directory into a folder that only root or this user can write to.",
        )


def check_secret_key(settings: Settings) -> Diagnosis:
    """Check that there is a secret key, and only one."""
    what, path = "Secret key", settings.data_dir / "secret.key"
    if settings.secret_key.get_secret_value():
        return Diagnosis("ok", what, "from SECRET_KEY")
    if not path.exists():
        return Diagnosis("ok", what, "will be created at the first start")
    return Diagnosis("ok", what, f"{path}; keep a copy: links in sent emails need it")


def check_processes(settings: Settings) -> Iterator[Diagnosis]:
    """Check the processes that `campaigns up` runs on this data directory."""
    what, found = "Processes", status.read(settings.data_dir)
    if found is None:
        yield Diagnosis("ok", what, "`campaigns up` is not running on this data directory")
        return
    if not found.is_current:
        yield Diagnosis(
            "warning", what, "`campaigns up` was killed", "Start it again: campaigns up"
        )
        return
    restarts = sum(entry.restarts for entry in found.processes)
    unwell = [entry for entry in found.processes if entry.state != "running"]
    for entry in unwell:
        yield Diagnosis(
            "problem",
            what,
            f"{entry.name} is {entry.state} (restarted {entry.restarts} times)",
            "Check the output of `campaigns up`.",
        )
    if not unwell:
        names = ", ".join(entry.name for entry in found.processes)
        yield Diagnosis("ok", what, f"{names} running under pid {found.pid}; {restarts} restarts")


def check_database(settings: Settings) -> Iterator[Diagnosis]:
    """Check that the database is reachable, new enough and migrated, and its clock."""
    if settings.is_sqlite:
        path = settings.sqlalchemy_url.removeprefix("sqlite:///")
        if not os.path.exists(path):  # noqa: PTH110 (connecting would make it)
            yield Diagnosis(
                "problem", "Database", f"{path} does not exist", "Run: campaigns migrate"
            )
            return
    arguments = {} if settings.is_sqlite else {"connect_timeout": CONNECT_TIMEOUT_SECONDS}
    engine = sa.create_engine(settings.sqlalchemy_url, connect_args=arguments)
    try:
        with engine.connect() as connection:
            yield _version(connection)
            yield _revision(connection)
            if not settings.is_sqlite:
                theirs = connection.execute(sa.text("SELECT clock_timestamp()")).scalar_one()
                yield _skew("Clock of the database", theirs.timestamp())
    except SQLAlchemyError as error:
        words = str(getattr(error, "orig", error)).strip().splitlines()[0]
        yield Diagnosis(
            "problem", "Database", words, "Check DATABASE_URL, and that the server is running."
        )
    finally:
        engine.dispose()


def _version(connection: sa.Connection) -> Diagnosis:
    if connection.dialect.name == "sqlite":
        text, is_old = (
            f"SQLite {sqlite3.sqlite_version}",
            sqlite3.sqlite_version_info < OLDEST_SQLITE,
        )
        advice = "Campaigns needs SQLite 3.35 or newer: use a newer Python."
    else:
        number = int(connection.execute(sa.text("SHOW server_version_num")).scalar_one())
        text, is_old = f"PostgreSQL {number // 10000}", number // 10000 < OLDEST_POSTGRESQL
        advice = f"Campaigns needs PostgreSQL {OLDEST_POSTGRESQL} or newer."
    return (
        Diagnosis("problem", "Database", text, advice)
        if is_old
        else Diagnosis("ok", "Database", text)
    )


def _revision(connection: sa.Connection) -> Diagnosis:
    what = "Migrations"
    found, newest = migrate.current_revision(connection), migrate.newest_revision()
    if found == newest:
        return Diagnosis("ok", what, f"up to date ({newest})")
    if found is not None and not migrate.is_known(found):
        return Diagnosis(
            "problem",
            what,
            f"the database is at {found}, which this version does not know",
            "Install the version that you used last, or a newer one.",
        )
    return Diagnosis(
        "problem",
        what,
        f"at {found or 'none'}; this version needs {newest}",
        "Run: campaigns migrate",
    )


def _skew(what: str, theirs: float) -> Diagnosis:
    difference = abs(theirs - utcnow().timestamp())
    text = f"{difference:.1f} s off this machine's clock"
    advice = "Synchronize both machines with NTP: schedules and leases depend on it."
    if difference > SKEW_PROBLEM_SECONDS:
        return Diagnosis("problem", what, text, advice)
    if difference > SKEW_WARNING_SECONDS:
        return Diagnosis("warning", what, text, advice)
    return Diagnosis("ok", what, text)


def check_redis(settings: Settings) -> Iterator[Diagnosis]:
    """Check that Redis is reachable and safe, its clock, and each lane's workers."""
    try:
        with connect(settings.redis_connection_url) as redis:
            yield _redis_version(redis)
            yield _redis_settings(redis)
            seconds, micros = redis.time()
            yield _skew("Clock of Redis", seconds + micros / 1e6)
            for lane in monitor.lanes(redis, now=utcnow()):
                yield _lane(lane)
    except (RedisError, OSError) as error:
        yield Diagnosis(
            "problem",
            "Redis",
            f"cannot be used ({error})",
            "Check REDIS_URL, and that the server is running."
            if settings.redis_url
            else "Run `campaigns up`, which starts it, or set REDIS_URL.",
        )


def _redis_version(redis: Redis) -> Diagnosis:
    server = redis.info("server")
    text = str(server.get("redis_version", "0"))
    numbers = tuple(int(part) for part in re.findall(r"\d+", text)[:2])
    own = server.get("valkey_version")
    words = f"Valkey {own}" if own else f"version {text}"
    if numbers < OLDEST_REDIS:
        return Diagnosis(
            "problem", "Redis", words, "Campaigns needs Redis 6.2 or newer, or Valkey."
        )
    return Diagnosis("ok", "Redis", words)


def _redis_settings(redis: Redis) -> Diagnosis:
    what = "Redis settings"
    try:
        policy = redis.config_get("maxmemory-policy").get("maxmemory-policy")
        appends = redis.config_get("appendonly").get("appendonly")
    except ResponseError:
        return Diagnosis("ok", what, "this server does not show them")
    if policy != "noeviction":
        return Diagnosis(
            "problem",
            what,
            f"maxmemory-policy is {policy}: it may delete waiting jobs",
            "Set maxmemory-policy to noeviction.",
        )
    if appends != "yes":
        return Diagnosis(
            "warning",
            what,
            "appendonly is off: a crash loses recent opens and clicks",
            "Set appendonly to yes.",
        )
    return Diagnosis("ok", what, "noeviction, append-only file")


def _lane(lane: monitor.LaneState) -> Diagnosis:
    what = f"Lane {lane.name}"
    if not lane.workers:
        return Diagnosis(
            "problem",
            what,
            f"no worker; {lane.waiting} waiting",
            "Start one: campaigns worker (or campaigns up).",
        )
    workers = f"{lane.workers} worker{'s' if lane.workers > 1 else ''}"
    if lane.oldest_seconds is None:
        return Diagnosis("ok", what, f"{workers}, nothing waiting")
    text = f"{workers}, {lane.waiting} waiting, the oldest for {lane.oldest_seconds:.0f} s"
    advice = "Check the output of the workers. Start more of them if they are just busy."
    if lane.oldest_seconds > WAIT_PROBLEM_SECONDS:
        return Diagnosis("problem", what, text, advice)
    if lane.oldest_seconds > WAIT_WARNING_SECONDS:
        return Diagnosis("warning", what, text, advice)
    return Diagnosis("ok", what, text)


def check_workspace(settings: Settings, *, ask_mail_servers: bool) -> Iterator[Diagnosis]:
    """Check what sending needs: accounts, a postal address, and reachable mail servers."""
    from campaigns.accounts import users
    from campaigns.context import services
    from campaigns.core import create_core
    from campaigns.db import db
    from campaigns.providers.models import ProviderAccount
    from campaigns.supervisor.first_account import first_account_link

    with create_core(settings).app_context():
        if not users.has_users():
            yield Diagnosis(
                "warning",
                "Accounts",
                "nobody can log in yet",
                f"Open {first_account_link(settings)} in a browser, or run: campaigns create-admin",
            )
        if not load_workspace().postal_address.strip():
            yield Diagnosis(
                "warning",
                "Postal address",
                "missing; the law requires it in every newsletter",
                "Add it in Settings, Workspace.",
            )
        accounts = db.session.scalars(sa.select(ProviderAccount).order_by(ProviderAccount.id)).all()
        vault = services().vault
        db.session.expunge_all()
        db.session.remove()  # no transaction stays open while a server is asked
        db.engine.dispose()
    if not accounts:
        yield Diagnosis(
            "warning",
            "Sending",
            "no account to send through",
            "Add one in Settings, Sending.",
        )
    if ask_mail_servers:
        yield from _mail_servers(accounts, vault)


def _mail_servers(accounts: "Sequence[ProviderAccount]", vault: "Vault") -> Iterator[Diagnosis]:
    from campaigns.providers.registry import check_connection
    from campaigns.wording import Words

    for account in accounts:
        result = check_connection(account, vault)
        what = f"Sending through {account.name}"
        text = " ".join(Words().of(reason) for reason in result.reasons)
        yield Diagnosis("ok" if result.ok else "problem", what, text)


def check_all(settings: Settings, *, ask_mail_servers: bool = True) -> Iterator[Diagnosis]:
    """Run every check, except those that need what another check found missing."""
    yield check_address(settings)
    data_dir = check_data_dir(settings)
    yield data_dir
    if data_dir.level == "problem":
        return
    yield from check_permissions(settings)
    yield check_secret_key(settings)
    yield from check_media(settings)
    yield from check_processes(settings)
    database = list(check_database(settings))
    yield from database
    yield from check_redis(settings)
    if not any(finding.level == "problem" for finding in database):
        yield from check_workspace(settings, ask_mail_servers=ask_mail_servers)
