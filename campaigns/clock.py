"""The only module that reads the date and time."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path


def utcnow() -> datetime:
    """Return the current time, aware, in UTC."""
    return datetime.now(UTC)


_BOOT_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def running_seconds() -> float:
    """Return seconds on a monotonic clock that keeps running while the machine is suspended.

    On systems without such a clock, it stops during suspension.
    """
    return time.clock_gettime(_BOOT_CLOCK)


@dataclass(frozen=True, slots=True)
class Clock:
    """The clocks of the engine. Tests pass one that they advance."""

    now: Callable[[], datetime] = utcnow
    monotonic: Callable[[], float] = time.monotonic
    running_seconds: Callable[[], float] = running_seconds


SYSTEM_CLOCK = Clock()


@cache
def boot_id() -> str:
    """Return an id that changes at every boot; "" on systems that have none."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""
