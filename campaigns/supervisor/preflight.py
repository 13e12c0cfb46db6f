"""Checks before anything is started. Each error says what to do."""

import contextlib
import errno
import fcntl
import os
import socket
import stat
import time
from collections.abc import Callable
from pathlib import Path

from campaigns.config import Settings
from campaigns.engine.redis_connection import connect

LEFTOVER_SECONDS = 25
"""Time within which guards end the processes of a killed supervisor, in seconds."""
MAX_SOCKET_PATH = 103
"""Longest socket path that every Unix allows, in bytes (macOS allows the least)."""


class CannotStartError(RuntimeError):
    """`campaigns up` cannot start. The message is for the user and says what to do."""


def prepare_data_dir(folder: Path) -> None:
    """Create the data directory and check that it can be written."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        probe = folder / f".written-by-{os.getpid()}"
        try:
            probe.write_bytes(b"x" * 4096)
        finally:
            probe.unlink(missing_ok=True)  # a full disk leaves it there, empty
    except OSError as error:
        raise CannotStartError(
            f"The data directory {folder} cannot be written ({_words(error)})."
            " Fix that, or choose another: DATA_DIR=..."
        ) from None


class DirectoryLock:
    """One `campaigns up` per data directory.

    The lock is held while the file is open anywhere, and every guard keeps it open: it is free only
    when the last process of an earlier run is gone.
    """

    def __init__(self, folder: Path, say: Callable[[str], None]) -> None:
        """Take the lock. Raises CannotStartError if another `campaigns up` runs."""
        self._path = folder / "up.lock"
        self.descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            self._take(say)
        except BaseException:
            os.close(self.descriptor)
            raise
        os.ftruncate(self.descriptor, 0)
        os.pwrite(self.descriptor, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        """Release the directory for other processes."""
        os.close(self.descriptor)

    def _take(self, say: Callable[[str], None]) -> None:
        deadline = time.monotonic() + LEFTOVER_SECONDS
        waiting = False
        while not self._is_taken_now():
            holder = self._holder()
            if holder and _is_alive(holder):
                raise CannotStartError(
                    f"Campaigns is already running (pid {holder}) on this data directory;"
                    f" stop it first (kill {holder}), or choose another: DATA_DIR=..."
                )
            if time.monotonic() > deadline:
                raise CannotStartError(
                    "Processes of an earlier run still use this data directory. Look for them"
                    f" with: fuser {self._path}"
                )
            if not waiting:
                say("an earlier run was killed: waiting for its processes to end")
            waiting = True
            time.sleep(0.1)

    def _is_taken_now(self) -> bool:
        try:
            fcntl.flock(self.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError as error:
            raise CannotStartError(
                f"{self._path} cannot be locked ({_words(error)}). The data directory must be on"
                " a local disk."
            ) from None
        return True

    def _holder(self) -> int:
        text = os.pread(self.descriptor, 32, 0).decode("ascii", "replace").strip()
        return int(text) if text.isdigit() else 0


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def check_port_is_free(host: str, port: int, variable: str) -> None:
    """Raise CannotStartError, which names the variable to change, unless the port is free."""
    problem = _port_problem(host, port)
    if problem is None:
        return
    if problem.errno == errno.EADDRINUSE:
        raise CannotStartError(
            f"Port {port} on {host} is in use by another program. Stop it, or choose another"
            f" port: {variable}={free_port(host, port + 1)}"
        )
    if problem.errno in {errno.EACCES, errno.EPERM}:
        raise CannotStartError(
            f"Port {port} needs root privileges. Choose a port above 1023: {variable}=8000"
        )
    raise CannotStartError(
        f"Cannot listen on {host}, port {port} ({_words(problem)}). Check HOST and {variable}."
    )


def free_port(host: str, near: int) -> int:
    """Return a free port from `near` up, else 0, which means any."""
    for port in range(near, min(near + 200, 65536)):
        if _port_problem(host, port) is None:
            return port
    return 0


def _port_problem(host: str, port: int) -> OSError | None:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        with socket.socket(found[0][0], socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(found[0][4])
            probe.listen(1)
    except OSError as error:
        return error
    return None


def prepare_runtime_dir(folder: Path, *socket_names: str) -> None:
    """Create a private folder for sockets, with a path that is short enough."""
    longest = max(len(os.fsencode(folder / name)) for name in socket_names)
    if longest > MAX_SOCKET_PATH:
        raise CannotStartError(
            f"{folder} is too long a path for a socket. Set TMPDIR to a shorter one."
        )
    try:
        with contextlib.suppress(FileExistsError):
            folder.mkdir(mode=0o700, parents=True)
        found = folder.lstat()
    except OSError as error:
        raise CannotStartError(
            f"{folder} cannot be created ({_words(error)}). Set TMPDIR to another folder."
        ) from None
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        # Another user's folder in /tmp could contain a socket of theirs.
        raise CannotStartError(
            f"{folder} belongs to another user. Remove it, or set TMPDIR to another folder."
        )
    if stat.S_IMODE(found.st_mode) != 0o700:
        folder.chmod(0o700)


def redis_version(settings: Settings) -> str:
    """Return the version of the server at REDIS_URL. Raises RedisError, OSError."""
    with connect(settings.redis_connection_url) as redis:
        return str(redis.info("server").get("redis_version", "?"))


def _words(error: OSError) -> str:
    return (error.strerror or str(error)).lower()
