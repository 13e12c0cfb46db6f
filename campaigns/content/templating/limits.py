"""Limits for templates: sizes, iterations, time. Exceeding one ends the rendering.

Jinja's sandbox hides Python from templates but limits nothing, so everything that can grow or
repeat is counted here.
"""

import threading
from collections.abc import Callable
from time import thread_time

from campaigns import formatting
from campaigns.reason import Parameter, Reason

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
    """The template exceeded a limit, or used something forbidden."""

    def __init__(self, code: str, **params: Parameter) -> None:
        super().__init__(code)
        self.reason = Reason(code, params)


class bounded:  # noqa: N801 - read as a word: `with bounded():`
    """Apply a budget to one rendering in this thread.

    Time is the thread's CPU time, so that a busy machine does not matter. It starts at the first
    filter or loop: reading the clock is a system call, and templates without either are fast.
    `track` returns the tracked URL of a link by number and target; `locale` is the language that
    dates and numbers are written in.
    """

    _before: "bounded"

    def __init__(
        self,
        seconds: float = SECONDS,
        track: Callable[[int, str], str] | None = None,
        locale: str = formatting.DEFAULT_LOCALE,
    ) -> None:
        self.seconds, self.iterations, self.track = seconds, 0, track
        self.locale = locale
        self.until: float | None = None

    def __enter__(self) -> None:
        self._before = _thread.now
        _thread.now = self

    def __exit__(self, *exception: object) -> None:
        _thread.now = self._before


class _Thread(threading.local):
    """The rendering in progress. Without one, nothing is limited."""

    now: bounded = bounded(float("inf"))


_thread = _Thread()


def tracked(number: int, url: str) -> str:
    """Return the tracked URL of a link, or the URL itself for an untracked recipient."""
    track = _thread.now.track
    return track(number, url) if track is not None else url


def locale() -> str:
    """Return the language of the rendering in progress."""
    return _thread.now.locale


def tick() -> None:
    """Raise LimitError if this rendering has used up its time."""
    now, moment = _thread.now, thread_time()
    if now.until is None:
        now.until = moment + now.seconds
    elif moment > now.until:
        raise LimitError("template.too_slow")


def count_iteration() -> None:
    """Count one iteration of a loop. Raises LimitError."""
    now = _thread.now
    now.iterations += 1
    if now.iterations > MAX_ITERATIONS:
        raise LimitError("template.too_many_iterations", most=MAX_ITERATIONS)
    tick()


def checked_text(text: str) -> str:
    """Return the text. Raises LimitError if it is too long."""
    if len(text) > MAX_VALUE:
        raise LimitError("template.value_too_long", kilobytes=MAX_VALUE // 1024)
    return text
