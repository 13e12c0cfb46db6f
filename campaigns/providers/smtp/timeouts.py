"""How long a server may take for each step (RFC 5321, section 4.5.3.2)."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Timeouts:
    """In seconds. `block`: while a body is being written and nothing of it is taken."""

    connect: float = 30
    greeting: float = 300
    command: float = 300
    data: float = 120
    block: float = 180
    dot: float = 600
    idle: float = 25
    """So long a connection is kept without work; servers hang up after half a minute or more."""
    quit: float = 5
    first_pause: float = 0.5
    """Before the next try after a connection that was of no use; doubles each time."""
    longest_pause: float = 60


PATIENT = Timeouts()
