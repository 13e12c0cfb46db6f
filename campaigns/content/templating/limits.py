"""How much a template may do: sizes, repetitions, time. Broken limits end the rendering.

The sandbox of the template language hides Python from a template but bounds nothing, so
everything that can grow or repeat asks here.
"""

import threading
from collections.abc import Callable
from time import thread_time

MAX_SOURCE = 512 * 1024
MAX_TAGS = 1_500
MAX_TAG = 4_000
MAX_TAG_TOTAL = 200_000
MAX_DEPTH = 60
MAX_NODES = 5_000
MAX_LOOP_NESTING = 4
MAX_VALUE = 64 * 1024
MAX_ITEMS = 1_000
MAX_NUMBER = 10**15
MAX_ITERATIONS = 10_000
SECONDS = 0.5


class LimitError(Exception):
    """The template asked for too much, or for something it may not have. Says so in words."""


class RenderError(ValueError):
    """The content cannot be made for this person. The text is a sentence for the user."""


class bounded:  # noqa: N801 - read as a word: `with bounded():`
    """What one rendering in this thread may use: counted from here on.

    The clock is the thread's own: a machine that is busy, or was asleep, takes no time from
    the template. It starts at the first filter or loop, since asking for it is a call of the
    system, and what has neither is over in no time.

    `track` makes the tracked address of a link from its number and target.
    """

    _before: "bounded"

    def __init__(
        self, seconds: float = SECONDS, track: Callable[[int, str], str] | None = None
    ) -> None:
        self.seconds, self.iterations, self.track = seconds, 0, track
        self.until: float | None = None

    def __enter__(self) -> None:
        self._before = _thread.now
        _thread.now = self

    def __exit__(self, *exception: object) -> None:
        _thread.now = self._before


class _Thread(threading.local):
    """The rendering under way; none: nothing is bounded."""

    now: bounded = bounded(float("inf"))


_thread = _Thread()


def tracked(number: int, url: str) -> str:
    """The tracked address of a link; the address itself for who is not tracked."""
    track = _thread.now.track
    return track(number, url) if track is not None else url


def tick() -> None:
    """Raise LimitError when the time of this rendering is used up."""
    now, moment = _thread.now, thread_time()
    if now.until is None:
        now.until = moment + now.seconds
    elif moment > now.until:
        raise LimitError("The template takes too long. Make its loops smaller.")


def count_iteration() -> None:
    now = _thread.now
    now.iterations += 1
    if now.iterations > MAX_ITERATIONS:
        raise LimitError(
            f"The loops go round more than {MAX_ITERATIONS:,} times. Use shorter lists."
        )
    tick()


def checked_text(text: str) -> str:
    """The text, when it is not too long. Raises LimitError."""
    if len(text) > MAX_VALUE:
        raise LimitError("A value grows longer than 64 KB. Put long text straight in the template.")
    return text
