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


class _Run(threading.local):
    """What the rendering under way in this thread may still use."""

    until: float = 0.0
    iterations: int = 0
    track: Callable[[int, str], str] | None = None


_run = _Run()


class bounded:  # noqa: N801 - read as a word: `with bounded():`
    """Start the clock and the counts of one rendering in this thread.

    The clock is the thread's own: a machine that is busy, or was asleep, takes no time from
    the template.

    `track` makes the tracked address of a link from its number and target.
    """

    __slots__ = ("_before", "_seconds", "_track")

    def __init__(
        self, seconds: float = SECONDS, track: Callable[[int, str], str] | None = None
    ) -> None:
        self._seconds, self._track = seconds, track

    def __enter__(self) -> None:
        self._before = (_run.until, _run.iterations, _run.track)
        _run.until, _run.iterations = thread_time() + self._seconds, 0
        _run.track = self._track

    def __exit__(self, *exception: object) -> None:
        _run.until, _run.iterations, _run.track = self._before


def tracked(number: int, url: str) -> str:
    """The tracked address of a link; the address itself for who is not tracked."""
    return _run.track(number, url) if _run.track is not None else url


def tick() -> None:
    """Raise LimitError when the time of this rendering is used up."""
    if thread_time() > _run.until > 0:
        raise LimitError("The template takes too long. Make its loops smaller.")


def count_iteration() -> None:
    _run.iterations += 1
    if _run.iterations > MAX_ITERATIONS:
        raise LimitError(
            f"The loops go round more than {MAX_ITERATIONS:,} times. Use shorter lists."
        )
    tick()


def checked_text(text: str) -> str:
    """The text, when it is not too long. Raises LimitError."""
    if len(text) > MAX_VALUE:
        raise LimitError("A value grows longer than 64 KB. Put long text straight in the template.")
    return text
