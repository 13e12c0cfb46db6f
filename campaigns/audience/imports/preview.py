"""Preview the first rows of a file, and guess its columns."""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO

from campaigns.audience.fields.definitions import Definition
from campaigns.audience.fields.notation import UNKNOWN, Detected, detect
from campaigns.audience.imports.dialect import Dialect
from campaigns.audience.imports.guesses import guess, is_header, role_of, with_fields
from campaigns.audience.imports.mapping import Column
from campaigns.audience.imports.reader import LOOKS_LIKE_ADDRESS, CsvRow, Reader, unwrap
from campaigns.csv_writing import unguard

MAX_COLUMNS = 200
PREVIEW_ROWS = 8
GUESS_ROWS = 5_000
GUESS_CHARS = 2_000_000
"""Rows and characters at the start of a file from which its columns are guessed."""
MAX_HEADER_ROW = 20
"""Rows searched for the header: some programs write a title or a date above it."""


@dataclass(frozen=True, slots=True)
class SeenColumn:
    """A column of the preview: its title, some cells, and its guessed role."""

    title: str
    samples: tuple[str, ...]
    guess: Column
    dates: Detected
    numbers: Detected

    def detected(self, type_: str) -> Detected:
        """Return how the column is written, if it fills a field of this type."""
        return {"date": self.dates, "number": self.numbers}.get(type_, Detected(UNKNOWN))


@dataclass(frozen=True, slots=True)
class Preview:
    """The preview of a file. `header_row` is the number of the header row; 0 without one."""

    header_row: int
    columns: tuple[SeenColumn, ...]
    rows: tuple[CsvRow, ...]

    @property
    def has_header(self) -> bool:
        """Whether the file has a row of column names."""
        return self.header_row > 0

    @property
    def titles(self) -> tuple[str, ...]:
        """Column names, by position."""
        return tuple(column.title for column in self.columns)


def preview(
    file: BinaryIO,
    dialect: Dialect,
    has_header: bool | None = None,
    fields: Sequence[Definition] = (),
) -> Preview:
    """Return the first rows and guessed columns. `has_header` None: guess that too.

    `fields` are the custom fields that columns can fill.
    """
    _, titles, body = _table(file, dialect, has_header, 0)
    width = _width(titles, body, dialect.delimiter)
    # Read again with the number of columns, as the import will.
    header_row, titles, body = _table(file, dialect, has_header, width)
    columns = []
    for index in range(width):
        cells = [
            row.cells[index].strip()
            for row in body
            if index < len(row.cells) and row.cells[index].strip()
        ]
        title = unguard(titles[index]).strip() if index < len(titles) else ""
        columns.append((title, cells))
    guesses = with_fields(guess(columns), [title for title, _ in columns], fields)
    return Preview(
        header_row,
        tuple(
            SeenColumn(
                title, tuple(cells[:3]), guess, detect("date", cells), detect("number", cells)
            )
            for (title, cells), guess in zip(columns, guesses, strict=True)
        ),
        tuple(body[:PREVIEW_ROWS]),
    )


def _table(
    file: BinaryIO, dialect: Dialect, has_header: bool | None, columns: int
) -> tuple[int, list[str], list[CsvRow]]:
    """Return the number of the header's row, its titles, and the rows below it."""
    file.seek(0)
    rows = list(_first(Reader(file, dialect, columns=columns)))
    whole = [row for row in rows if not row.problem]
    header = _header(whole) if has_header is not False else None
    if has_header and header is None and whole:
        header = whole[0]
    if header is None:
        return 0, [], rows
    return header.number, header.cells, list(below_header(iter(rows), header.number))


def _first(rows: Iterable[CsvRow]) -> Iterator[CsvRow]:
    chars = 0
    for row in itertools.islice(rows, GUESS_ROWS + 1):
        yield row
        chars += len(row.raw)
        if chars > GUESS_CHARS:
            return


def below_header(rows: Iterator[CsvRow], header_row: int = 0) -> Iterator[CsvRow]:
    """Yield the data rows: those below the header.

    Without `header_row` the header is the first row that can be read.
    """
    for row in rows:
        if row.problem:
            yield row
        elif row.number >= header_row:
            break
    yield from rows


def _header(rows: Sequence[CsvRow]) -> CsvRow | None:
    """Return the header row; None if the file starts with data."""
    top = rows[:MAX_HEADER_ROW]
    for index, row in enumerate(top):
        if _titles_addresses(row, rows[index + 1 :]) and all(
            _filled(above) < _filled(row) or not _has_address(above) for above in top[:index]
        ):
            return row
    data = next((index for index, row in enumerate(rows) if _has_address(row)), None)
    if data is None:
        return top[0] if top and is_header(top[0].cells) else None
    width = len(rows[data].cells)
    above = [row for row in top[:data] if len(row.cells) == width and is_header(row.cells)]
    # A title in a single cell is not a header of several columns.
    return max(above, key=_filled, default=None)


def _titles_addresses(row: CsvRow, below: Sequence[CsvRow]) -> bool:
    """Return whether a row has an address title, with an address in a row below it."""
    if _has_address(row):
        return False
    places = [at for at, cell in enumerate(row.cells) if role_of(cell) == "address"]
    return any(
        at < len(other.cells) and LOOKS_LIKE_ADDRESS.fullmatch(other.cells[at])
        for at in places
        for other in below
    )


def _has_address(row: CsvRow) -> bool:
    return any("@" in cell and LOOKS_LIKE_ADDRESS.fullmatch(cell) for cell in row.cells)


def _filled(row: CsvRow) -> int:
    return sum(1 for cell in row.cells if cell.strip())


def _width(titles: Sequence[str], rows: Sequence[CsvRow], delimiter: str) -> int:
    """Return how many columns a file has."""
    width = max(len(titles), _usual_width(rows))
    if width == 1:
        whole = [titles] if titles else []
        whole.extend(row.cells for row in rows if not row.problem)
        inner = [unwrap(cells[0], delimiter) for cells in whole]
        inner = list(itertools.dropwhile(lambda cells: len(cells) == 1, inner))  # a title line
        is_quoted = len(inner) > 1 and all(row.raw[:1] == '"' for row in rows)
        has_address = any(LOOKS_LIKE_ADDRESS.fullmatch(cell) for cells in inner for cell in cells)
        # Each line is one quoted cell: a program has quoted the CSV file twice.
        if is_quoted and has_address and len({*map(len, inner)}) == 1:
            width = len(inner[0])
    return min(MAX_COLUMNS, width)


def _usual_width(rows: Sequence[CsvRow]) -> int:
    widths = [len(row.cells) for row in rows if not row.problem]
    return max(set(widths), key=widths.count, default=0)
