"""Time limits for each step (RFC 5321, section 4.5.3.2)."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Timeouts in seconds. `block`: while the server accepts none of a body."""

    connect: float = 30
    greeting: float = 300
    command: float = 300
    data: float = 120
    block: float = 180
    dot: float = 600
    idle: float = 25
    """Time for which an idle connection stays open; servers hang up after half a minute or more."""
    quit: float = 5
    first_pause: float = 0.5
    """Pause after a useless connection; doubles each time."""
    longest_pause: float = 60


PATIENT = Timeouts()
