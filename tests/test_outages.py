"""Outages of servers are recognized, and logged once when they begin and once when they end."""

import errno
from typing import Any

import pytest
import sqlalchemy as sa
from redis.exceptions import (
    AuthenticationError,
    BusyLoadingError,
    OutOfMemoryError,
    ReadOnlyError,
    ResponseError,
)
from redis.exceptions import ConnectionError as RedisConnectionError
from structlog.testing import capture_logs

from campaigns.outages import SETTLE_SECONDS, Outages, describe, is_away, is_outage, redis_trouble
from tests.manual_clock import ManualSeconds

AWAY = RedisConnectionError("Connection refused")
GONE = sa.exc.OperationalError("SELECT secret", {}, Exception("server closed\n\tunexpectedly"))


def a_database_error(words: str) -> sa.exc.OperationalError:
    return sa.exc.OperationalError("SELECT", {}, Exception(words))


def events(logs: list[Any]) -> list[str]:
    return [line["event"] for line in logs]


def test_an_outage_is_logged_once_when_it_begins_and_once_when_it_ends() -> None:
    outages = Outages()
    with capture_logs() as logs:
        for _ in range(3):
            outages.began("worker", AWAY)
            outages.began("doorbell", AWAY)
        outages.over("worker")
        outages.over("doorbell")
        outages.over("doorbell")
    assert events(logs) == [
        "Redis is unavailable. Work continues automatically when it is back.",
        "Redis is back",
    ]


def test_a_failure_reported_late_is_no_new_outage() -> None:
    clock = ManualSeconds()
    outages = Outages(clock)
    with capture_logs() as logs:
        outages.began("worker", AWAY)
        outages.over("worker")
        outages.began("doorbell", AWAY)  # its request failed before the worker's succeeded
        outages.over("doorbell")
        assert [line["log_level"] for line in logs] == ["error", "info"]
        clock.seconds += SETTLE_SECONDS
        outages.began("doorbell", AWAY)
        outages.over("doorbell")
    assert [line["log_level"] for line in logs] == ["error", "info"] * 2


def test_a_late_failure_of_one_server_does_not_hide_an_outage_of_another() -> None:
    outages = Outages(ManualSeconds())
    with capture_logs() as logs:
        outages.began("worker", AWAY)
        outages.over("worker")
        outages.began("worker", GONE)
    assert len(logs) == 3


def test_outages_of_the_database_and_redis_are_separate() -> None:
    outages = Outages()
    with capture_logs() as logs:
        outages.began("clock", AWAY)
        outages.began("clock", GONE)
        outages.over("clock")
    assert len(logs) == 4
    assert "\n" not in logs[1]["error"]
    assert "secret" not in logs[1]["error"]


def test_a_part_that_stops_trying_does_not_hide_the_next_outage() -> None:
    clock = ManualSeconds()
    outages = Outages(clock)
    with capture_logs() as logs:
        outages.began("doorbell", AWAY)
        clock.seconds = 3600
        outages.began("worker", AWAY)
    assert len(logs) == 2


@pytest.mark.parametrize(
    ("error", "trouble", "words"),
    [
        (ResponseError("MISCONF Valkey is configured to save RDB"), "disk", "write to its disk"),
        (ResponseError("Error running script: -MISCONF Errors"), "disk", "write to its disk"),
        (OutOfMemoryError("command not allowed when used memory"), "memory", "memory limit"),
        (ReadOnlyError("You can't write against a replica."), "replica", "read-only replica"),
        (BusyLoadingError("Valkey is loading the dataset in memory"), "loading", "loading"),
        (RedisConnectionError("Connection refused"), "", "unavailable"),
    ],
)
def test_the_trouble_of_a_responding_redis_is_logged(
    error: Exception, trouble: str, words: str
) -> None:
    assert redis_trouble(error) == trouble
    assert is_outage(error)
    with capture_logs() as logs:
        Outages().began("worker", error)
    assert words in events(logs)[0]


@pytest.mark.parametrize(
    "words",
    ["unable to open database file", "disk I/O error", "attempt to write a readonly database",
     "database is locked", "connection refused", "terminating connection"],
)  # fmt: skip
def test_an_unavailable_database_is_an_outage(words: str) -> None:
    assert is_outage(sa.exc.OperationalError("SELECT", {}, Exception(words)))


def test_a_full_disk_is_one_outage_for_journals_and_a_sqlite_database() -> None:
    outages = Outages()
    with capture_logs() as logs:
        outages.began("journal", OSError(errno.ENOSPC, "No space left on device"))
        outages.began("recorder", sa.exc.OperationalError("", {}, Exception("disk is full")))
        outages.over("journal")
        outages.over("recorder")
    assert events(logs) == [
        "The disk of the data directory is full. Free some space; sending continues automatically.",
        "The disk of the data directory has room again",
    ]


def test_a_full_disk_of_another_server_is_a_separate_outage() -> None:
    outages = Outages()
    words = Exception('could not extend file "base/1": No space left on device')
    with capture_logs() as logs:
        outages.began("journal", OSError(errno.ENOSPC, "No space left on device"))
        outages.began("recorder", sa.exc.OperationalError("INSERT", {}, words))
    assert "The database cannot write, because its disk is full." in events(logs)[1]


def test_a_missing_data_directory_is_logged() -> None:
    outages = Outages()
    with capture_logs() as logs:
        outages.began("journal", OSError(errno.EACCES, "Permission denied"))
        outages.over("journal")
    assert "cannot be written: Permission denied" in events(logs)[0]
    assert events(logs)[1] == "The data directory works again"


def test_a_bug_is_not_an_outage() -> None:
    assert not is_outage(sa.exc.OperationalError("SELECT", {}, Exception("no such table: x")))
    assert not is_outage(ResponseError("WRONGTYPE Operation against a key"))
    assert not is_outage(ValueError("nobody thought of this"))
    assert describe(ValueError()) == "ValueError"


@pytest.mark.parametrize(
    ("error", "is_waited_for"),
    [
        (AWAY, True),
        (BusyLoadingError("Valkey is loading the dataset in memory"), True),
        (RedisConnectionError("Error -2 connecting to kv:6379. Name or service not known."), False),
        (AuthenticationError("invalid username-password pair"), False),
        (a_database_error("connection refused"), True),
        (a_database_error("connection timeout expired"), True),
        (a_database_error("FATAL: the database system is starting up"), True),
        (a_database_error('FATAL: password authentication failed for user "x"'), False),
        (a_database_error('FATAL: database "campaigns" does not exist'), False),
        (a_database_error("unable to open database file"), False),
        (a_database_error("canceling statement due to lock timeout"), False),
        (a_database_error('certificate "/x.pem": No such file or directory'), False),
    ],
)
def test_only_a_server_that_may_come_up_is_waited_for(
    error: Exception, is_waited_for: bool
) -> None:
    assert is_away(error) is is_waited_for
