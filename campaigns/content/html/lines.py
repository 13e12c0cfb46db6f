"""Find the line of a position in guarded text, in the text as its author wrote it."""

import re
from bisect import bisect_right
from itertools import accumulate

from campaigns.content.html.tokens import MARK, Guarded

_STOP = re.compile(f"\n|{MARK.pattern}")


class Lines:
    """The lines of guarded text; merge tags may contain line breaks."""

    def __init__(self, guarded: Guarded) -> None:
        stops = list(_STOP.finditer(guarded.text))
        self._ends = [stop.end() for stop in stops]
        breaks = (
            1 if stop[0] == "\n" else guarded.token(stop).source.count("\n") for stop in stops
        )
        self._lines = list(accumulate(breaks, initial=1))

    def at(self, position: int) -> int:
        """Return the line of a position in the guarded text, from 1."""
        return self._lines[bisect_right(self._ends, position)]


class Composed:
    """Text that is put together from pieces, and the line that each line of it comes from."""

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self.lines = [1]

    def add(self, text: str, line: int, *, spans_lines: bool = True) -> None:
        """Add text that begins in this line; without `spans_lines`, all of it is from there."""
        if not text:
            return
        if not self._pieces or self._pieces[-1].endswith("\n"):
            self.lines[-1] = line
        self._pieces.append(text)
        count = text.count("\n")
        if count:
            self.lines += range(line + 1, line + 1 + count) if spans_lines else [line] * count

    @property
    def text(self) -> str:
        """What was put together."""
        return "".join(self._pieces)
