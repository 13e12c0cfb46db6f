"""Jobs that fail."""

import time
from contextlib import suppress

import sqlalchemy as sa
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ResponseError


def miss_redis() -> None:
    raise RedisConnectionError("Connection refused")


def miss_disk_of_redis() -> None:
    raise ResponseError("MISCONF Valkey is configured to save RDB snapshots")


def miss_database() -> None:
    raise sa.exc.OperationalError("SELECT", {}, Exception("unable to open database file"))


def fail() -> None:
    raise ValueError("an unexpected error")


def never_end() -> None:
    """Run for ever, and let no error pass."""
    while True:
        with suppress(Exception):
            time.sleep(0.01)
