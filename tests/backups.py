"""Back up a database and restore it, as docs/operations.md says."""

import shutil
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import psycopg
import sqlalchemy as sa

from campaigns.models import metadata
from tests.servers import system_postgresql_bin

Restore = Callable[[], None]


def back_up(url: str, folder: Path) -> Restore:
    """Back up a database in use; return a function that restores it when it is no longer in use."""
    backup = folder / "backup"
    if url.startswith("sqlite"):
        return _back_up_sqlite(Path(sa.make_url(url).database or ""), backup)
    programs = system_postgresql_bin()
    if programs is not None and _version(programs) == _server_version(url):
        return _dump(url, programs, backup)
    return _copy_tables(url)


def _back_up_sqlite(path: Path, backup: Path) -> Restore:
    with closing(sqlite3.connect(path, timeout=30)) as connection:
        connection.execute(f"VACUUM INTO '{backup}'")

    def restore() -> None:
        for end in ("", "-wal", "-shm"):  # a new file: whoever has the old one open does no harm
            path.with_name(path.name + end).unlink(missing_ok=True)
        shutil.copyfile(backup, path)

    return restore


def _dump(url: str, programs: Path, backup: Path) -> Restore:
    def run(program: str, *arguments: str | Path) -> None:
        subprocess.run([programs / program, f"--dbname={url}", *arguments], check=True, timeout=60)

    def restore() -> None:
        run("psql", "--quiet", "-c", "DROP SCHEMA public CASCADE", "-c", "CREATE SCHEMA public")
        run("pg_restore", backup)

    run("pg_dump", "--format=custom", f"--file={backup}")
    return restore


def _version(programs: Path) -> int:
    output = subprocess.run(
        [programs / "pg_dump", "--version"], capture_output=True, text=True, check=True
    ).stdout
    return int(output.split()[2].split(".")[0])


def _server_version(url: str) -> int:
    with psycopg.connect(url) as connection:
        return connection.info.server_version // 10000


def _copy_tables(url: str) -> Restore:
    """Copy every table in one snapshot, like pg_dump, which the embedded PostgreSQL lacks."""
    tables = [table.name for table in metadata.sorted_tables]
    dump: dict[str, bytes] = {}
    with psycopg.connect(url) as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        for table in tables:
            with connection.cursor().copy(f'COPY "{table}" TO STDOUT') as out:
                dump[table] = b"".join(bytes(part) for part in out)

    def restore() -> None:
        with psycopg.connect(url) as connection:
            connection.execute("SET session_replication_role = replica")
            for table in tables:
                connection.execute(f'DELETE FROM "{table}"')
                with connection.cursor().copy(f'COPY "{table}" FROM STDIN') as into:
                    into.write(dump[table])

    return restore
