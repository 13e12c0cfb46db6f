"""The product's command, by a wall clock that a play sets:

    python -m tests.chaos.wall FILE COMMAND ...

FILE holds by how many seconds the clock is off, as eight bytes; whoever writes it sets the clock
of all processes at once. Clocks that nobody sets (`running_seconds`) go on as they do.

At SIGUSR1 it prints where each of its threads stands.
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


def set_by(file: Path, seconds: float) -> None:
    """From now on the clock is off by so much."""
    with file.open("r+b") as handle:
        handle.write(_FORM.pack(seconds))


def make(file: Path) -> None:
    file.write_bytes(_FORM.pack(0.0))


def follow(file: Path) -> None:
    """Let this process go by it. Before anything else of the product is imported."""
    with file.open("rb") as handle:
        shared = mmap.mmap(handle.fileno(), _FORM.size, prot=mmap.PROT_READ)
    right_now = clock.utcnow

    def utcnow() -> datetime:
        return right_now() + timedelta(seconds=_FORM.unpack_from(shared)[0])

    clock.utcnow = utcnow


if __name__ == "__main__":
    faulthandler.register(signal.SIGUSR1)
    follow(Path(sys.argv.pop(1)))
    from campaigns.cli import main

    main()
