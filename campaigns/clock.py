"""The only place that asks the time."""

import time
from datetime import UTC, datetime
from functools import cache
from pathlib import Path


def utcnow() -> datetime:
    """The current moment, aware, in UTC."""
    return datetime.now(UTC)


_BOOT_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def running_seconds() -> float:
    """Seconds on a clock that nobody sets, and that goes on while the machine is suspended.

    (Where the system has one: else it stands still meanwhile.)
    """
    return time.clock_gettime(_BOOT_CLOCK)


@cache
def boot_id() -> str:
    """Names this run of the machine: another one after every boot; "" where it has no name."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""
