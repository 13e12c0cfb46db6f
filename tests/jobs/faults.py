"""Jobs that go wrong."""

from redis.exceptions import ConnectionError as RedisConnectionError


def miss_redis() -> None:
    raise RedisConnectionError("Connection refused")


def fail() -> None:
    raise ValueError("nobody thought of this")
