"""The product's command, with a wall clock that a scenario sets:

    python -m tests.chaos.adjustable_clock FILE COMMAND ...

FILE holds the offset of the clock in seconds, as eight bytes; writing it sets the clock of all
processes at once. The monotonic clock (`running_seconds`) is not affected.

SIGUSR1 makes it print a stack trace of each thread.
"""

import faulthandler
import mmap
import signal
import struct
import sys
from datetime import datetime, timedelta
from pathlib import Path

from campaigns import clock

_FORM = struct.Struct("=d")


def set_offset(file: Path, seconds: float) -> None:
    """Set the offset of the clock."""
    with file.open("r+b") as handle:
        handle.write(_FORM.pack(seconds))


def make(file: Path) -> None:
    file.write_bytes(_FORM.pack(0.0))


def follow(file: Path) -> None:
    """Use this clock in this process. Call before importing anything else of the product."""
    with file.open("rb") as handle:
        shared = mmap.mmap(handle.fileno(), _FORM.size, prot=mmap.PROT_READ)
    real_now = clock.utcnow

    def utcnow() -> datetime:
        return real_now() + timedelta(seconds=_FORM.unpack_from(shared)[0])

    clock.utcnow = utcnow


if __name__ == "__main__":
    faulthandler.register(signal.SIGUSR1)
    follow(Path(sys.argv.pop(1)))
    from campaigns.cli import main

    main()
