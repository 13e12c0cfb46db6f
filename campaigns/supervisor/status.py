"""The status file, which describes a running `campaigns up` to other commands."""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

FILE_NAME = "up.json"


@dataclass(frozen=True)
class ProcessStatus:
    """`pid` is the guard's, which leads the process group; None while nothing runs."""

    name: str
    state: str
    pid: int | None
    restarts: int


@dataclass(frozen=True)
class Status:
    """`started_at` is in ISO 8601. `mailbox_port` and `database_url` are what `up` chose."""

    pid: int
    started_at: str
    address: str
    demo: bool
    mailbox_port: int
    database_url: str
    processes: tuple[ProcessStatus, ...]

    @property
    def is_current(self) -> bool:
        """Return whether the supervisor that wrote this still runs."""
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            return True
        return True


def write(data_dir: Path, status: Status) -> None:
    """Replace the file atomically."""
    path = data_dir / FILE_NAME
    new = path.with_suffix(".new")
    new.write_text(json.dumps(asdict(status), indent=1) + "\n")
    new.replace(path)


def read(data_dir: Path) -> Status | None:
    """Return the status last written; None if there is none or it cannot be read."""
    try:
        values = json.loads((data_dir / FILE_NAME).read_text())
        processes = tuple(ProcessStatus(**entry) for entry in values.pop("processes"))
        return Status(**values, processes=processes)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def remove(data_dir: Path) -> None:
    """Delete the status file."""
    (data_dir / FILE_NAME).unlink(missing_ok=True)
