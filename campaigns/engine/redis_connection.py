"""Connections to Redis."""

import socket
from typing import Any

from redis import Redis

_KEEPALIVE: dict[str, Any] = {
    "socket_keepalive": True,
    "socket_keepalive_options": {
        getattr(socket, name): seconds
        for name, seconds in (("TCP_KEEPIDLE", 3), ("TCP_KEEPINTVL", 1), ("TCP_KEEPCNT", 5))
        if hasattr(socket, name)
    },
}
"""Detects within seconds that the server's machine is gone. Otherwise a worker that waits for a
ring would not notice, even after the server is back."""


def connect(url: str, *, blocking: bool = False) -> Redis:
    """Connect to Redis. Calls time out, so that web requests do not hang; workers may block."""
    timeout = None if blocking else 2.0
    keepalive = {} if url.startswith("unix:") else _KEEPALIVE
    return Redis.from_url(url, socket_timeout=timeout, socket_connect_timeout=2.0, **keepalive)
