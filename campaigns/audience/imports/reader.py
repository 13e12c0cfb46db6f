"""Read real-world CSV, with broken quotes and rows of any length.

The position after each row is known, so reading can continue there later. A broken quote affects
its own row, never the rest of the file.
"""

import re
from collections import deque
from collections.abc import Sequence
from functools import lru_cache
from typing import BinaryIO, NamedTuple

from campaigns.audience.imports.dialect import Dialect
from campaigns.audience.imports.lines import LONG_PROBLEM, SHOWN_CHARS, Line, lines
from campaigns.reason import Reason

MAX_ROW_CHARS = 1_000_000
"""Longest row over all its lines, in characters: limits the cost of an unclosed quote."""
MAX_CELLS = 200
MAX_BROKEN_LINES = 20
"""Lines searched for the end of a cell whose quotes are broken."""
OPEN_PROBLEM = Reason("import_row.open_quote")
BROKEN_PROBLEM = Reason("import_row.broken_quote")
SEPARATOR_LINE = re.compile(r'"?sep=([,;|\t~^:])"?[,;|\t~^:]*', re.IGNORECASE)
"""Excel's delimiter hint in the first line."""


class CsvRow(NamedTuple):
    """One row. `number` counts like a spreadsheet: from 1, with headers and blank rows.

    `problem`: why it could not be split into cells; `raw`: its original text.
    """

    number: int
    cells: list[str]
    raw: str
    problem: Reason | None = None


LOOKS_LIKE_ADDRESS = re.compile(r'\s*"?[^\s@",;|]+@[^\s@".]+\.[^\s@",;|]+"?\s*')


class _Patterns(NamedTuple):
    quoted: re.Pattern[str]
    """A quoted cell: its text, and its closing quote unless the line ends first."""
    inside: re.Pattern[str]
    """The rest of a quoted cell that was opened on an earlier line."""
    after: re.Pattern[str]
    """What must follow a closing quote."""
    plain: re.Pattern[str]
    closing: re.Pattern[str]
    """A line whose first cell has only a closing quote."""


@lru_cache(maxsize=32)
def _patterns(delimiter: str, has_escapes: bool = False) -> _Patterns:
    mark = re.escape(delimiter)
    text = r'([^"]*+(?:""[^"]*+)*+)("?)'
    if has_escapes:
        text = r'([^"\\]*+(?:(?:""|\\(?:.|\Z))[^"\\]*+)*+)("?)'
    return _Patterns(
        quoted=re.compile(rf'[ ]*+"{text}'),
        inside=re.compile(text),
        after=re.compile(rf"[ ]*+({mark}|\Z)"),
        plain=re.compile(rf"([^{mark}]*+)({mark}|\Z)"),
        closing=re.compile(rf'[^"{mark}]+"[ ]*+({mark}|\Z)'),
    )


_ESCAPES = re.compile(r'\\(["\\])|"(")')


class _BrokenQuoteError(ValueError):
    pass


class _Record:
    """Parses the cells of a row with quotation marks, line by line and in one pass.

    Strict, so that broken rows are detected. With `has_escapes`, a backslash may escape a quotation
    mark inside a cell.
    """

    __slots__ = ("_has_escapes", "_open", "_patterns", "cells")

    def __init__(self, delimiter: str, *, has_escapes: bool = False) -> None:
        self.cells: list[str] = []
        self._open: list[str] = []
        self._patterns = _patterns(delimiter, has_escapes)
        self._has_escapes = has_escapes

    def take(self, line: str) -> bool:
        """Add the next line, with its line ending. Returns whether the row is complete."""
        body = line.rstrip("\r\n")
        end = line[len(body) :]
        quoted, inside, after, plain, _ = self._patterns
        cells, opened = self.cells, self._open
        at = 0
        while True:
            found = (inside if opened else quoted).match(body, at)
            if found:
                text, quote = found.groups()
                if not quote:
                    opened += (text, end)
                    return False
                if opened:
                    text = "".join((*opened, text))
                    opened.clear()
                cells.append(self._unescaped(text))
                found = after.match(body, found.end())
                if not found:
                    raise _BrokenQuoteError
                delimiter = found[1]
            else:
                found = plain.match(body, at)
                if not found:
                    raise _BrokenQuoteError
                text, delimiter = found.groups()
                cells.append(text)
            if not delimiter:
                return True
            at = found.end()

    def _unescaped(self, text: str) -> str:
        if self._has_escapes and "\\" in text:
            return _ESCAPES.sub(lambda found: found[1] or found[2], text)
        return text.replace('""', '"')


class Reader:
    """Iterates over the rows of a file, from `start` on, without blank rows.

    After each row, `position` is the byte after it and `row_number` its number; reading from there
    with the same `columns` gives the same rows. `columns` is the usual number of cells; 0 if
    unknown. Multi-line cells are accepted in a row with that many cells; otherwise only if none of
    its lines could be a row itself.
    """

    def __init__(
        self,
        file: BinaryIO,
        dialect: Dialect,
        *,
        start: int = 0,
        row_number: int = 0,
        columns: int = 0,
    ) -> None:
        self.position = start
        self.row_number = row_number
        self._delimiter = dialect.delimiter
        self._lines = lines(file, dialect.encoding, start)
        self._ahead: deque[Line] = deque()
        self._columns = columns

    def __iter__(self) -> "Reader":
        return self

    def __next__(self) -> CsvRow:
        while True:
            line = self._ahead.popleft() if self._ahead else next(self._lines)
            self.position += line.size
            self.row_number += 1
            if self.row_number == 1 and SEPARATOR_LINE.fullmatch(line.text.rstrip("\r\n")):
                continue
            row = self._quoted_row(line) if '"' in line.text else self._plain_row(line)
            if row is not None:
                return row

    def _plain_row(self, line: Line) -> CsvRow | None:
        text = line.text.rstrip("\r\n")
        if line.problem:
            return self._bad(text, line.problem)
        return self._row(text.split(self._delimiter), text)

    def _quoted_row(self, line: Line) -> CsvRow | None:
        """Return a row with quotation marks, whose cells may span several lines."""
        record = _Record(self._delimiter)
        more: list[Line] = []
        length = len(line.text)
        could_be_rows = False
        try:
            is_whole = record.take(line.text)
            while not is_whole:
                following = self._peek(len(more))
                if following is None or following.problem == LONG_PROBLEM:
                    return self._escaped(line) or self._broken(line, OPEN_PROBLEM)
                length += len(following.text)
                if length > MAX_ROW_CHARS or len(record.cells) > (self._columns or MAX_CELLS) + 50:
                    return self._escaped(line) or self._broken(line, OPEN_PROBLEM)
                could_be_rows = could_be_rows or self._looks_like_row(following.text)
                more.append(following)
                is_whole = record.take(following.text)
        except _BrokenQuoteError:
            problem = OPEN_PROBLEM if more else BROKEN_PROBLEM
            return self._escaped(line) or self._broken(line, problem)
        if self._columns and len(record.cells) != self._columns:
            escaped = self._escaped(line)
            if escaped is not None:
                return escaped
            if could_be_rows:
                return self._broken(line, OPEN_PROBLEM)
        return self._whole_row(line, more, self._unwrapped(record.cells))

    def _escaped(self, line: Line) -> CsvRow | None:
        """Return the row read with backslash escapes; None if that does not help.

        Tried only if the usual reading fails or gives an unusual number of cells.
        """
        record = _Record(self._delimiter, has_escapes=True)
        more: list[Line] = []
        has_escape = '\\"' in line.text
        try:
            is_whole = record.take(line.text)
            while not is_whole:
                following = self._peek(len(more))
                if following is None or following.problem or len(more) == MAX_BROKEN_LINES:
                    return None
                has_escape = has_escape or '\\"' in following.text
                more.append(following)
                is_whole = record.take(following.text)
        except _BrokenQuoteError:
            return None
        if not has_escape or len(record.cells) != (self._columns or len(record.cells)):
            return None
        return self._whole_row(line, more, record.cells)

    def _whole_row(self, line: Line, more: Sequence[Line], cells: list[str]) -> CsvRow | None:
        text, problem = line.text, line.problem
        if more:
            self._pass_over(len(more))
            text += "".join(one.text for one in more)
            problem = problem or next((one.problem for one in more if one.problem), None)
        text = text.rstrip("\r\n")
        if problem:
            return self._bad(text, problem)
        return self._row(cells, text)

    def _row(self, cells: list[str], text: str) -> CsvRow | None:
        if not cells[0].strip() and not any(map(str.strip, cells)):
            return None
        return CsvRow(self.row_number, cells, text)

    def _unwrapped(self, cells: list[str]) -> list[str]:
        """Return the cells of a row that is contained in one quoted cell."""
        if len(cells) != 1 or self._columns < 2 or "\n" in cells[0]:
            return cells
        inner = unwrap(cells[0], self._delimiter)
        return inner if len(inner) == self._columns else cells

    def _broken(self, line: Line, problem: Reason) -> CsvRow:
        """Return a row with a broken quote: this line, and those that certainly belong to it."""
        rest = self._rest_of_broken() if line.text.count('"') % 2 else 0
        text = line.text + "".join(self._ahead[index].text for index in range(rest))
        self._pass_over(rest)
        return self._bad(text.rstrip("\r\n"), line.problem or problem)

    def _rest_of_broken(self) -> int:
        """Count the next lines that belong to an open cell, including the closing one."""
        closing = _patterns(self._delimiter).closing
        for index in range(MAX_BROKEN_LINES):
            following = self._peek(index)
            if following is None:
                return 0
            if closing.match(following.text.rstrip("\r\n")):
                return index + 1
            if '"' in following.text or self._looks_like_row(following.text):
                return 0
        return 0

    def _peek(self, index: int) -> Line | None:
        while len(self._ahead) <= index:
            line = next(self._lines, None)
            if line is None:
                return None
            self._ahead.append(line)
        return self._ahead[index]

    def _pass_over(self, count: int) -> None:
        for _ in range(count):
            self.position += self._ahead.popleft().size

    def _looks_like_row(self, text: str) -> bool:
        """Return whether a line could be a row, which means that a closing quote is missing."""
        if "@" not in text:
            return False
        cells = text.split(self._delimiter)
        if self._columns and len(cells) != self._columns:
            return False
        return any(LOOKS_LIKE_ADDRESS.fullmatch(cell) for cell in cells)

    def _bad(self, text: str, problem: Reason) -> CsvRow:
        return CsvRow(self.row_number, [], text[:SHOWN_CHARS], problem)


def unwrap(cell: str, delimiter: str) -> list[str]:
    """Return the cells of a row contained in one cell; the cell itself if it is not a row."""
    record = _Record(delimiter)
    try:
        return record.cells if record.take(cell) else [cell]
    except _BrokenQuoteError:
        return [cell]
