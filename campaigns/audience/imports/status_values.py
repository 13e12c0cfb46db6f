"""Count the values of status columns and check their chosen meanings."""

import itertools
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import BinaryIO

from campaigns.audience.imports import statuses as import_status
from campaigns.audience.imports.dialect import Dialect
from campaigns.audience.imports.mapping import Column, MappingError, Statuses
from campaigns.audience.imports.preview import below_header
from campaigns.audience.imports.reader import Reader
from campaigns.csv_writing import unguard

STATUS_ROWS = 200_000
MAX_STATUS_VALUES = 60
MAX_STATUS_CELLS = 100_000
"""Largest number of distinct cells of a status column; all dates count as one value."""


@dataclass(frozen=True, slots=True)
class StatusValue:
    """A value of a status column, its number of rows, and its meaning.

    `key` is the form in which values are compared; `meaning` is a key of
    statuses.MEANINGS, or empty if the user must choose.
    """

    key: str
    text: str
    count: int
    meaning: str


def status_values(
    file: BinaryIO,
    dialect: Dialect,
    columns: Sequence[Column],
    titles: Sequence[str],
    *,
    header_row: int,
    chosen: Statuses,
) -> dict[int, list[StatusValue]]:
    """Return the values of each status column, most frequent first, within the rows read.

    Reads at most STATUS_ROWS rows; rows with an unknown value that appears only below them fail.
    Raises MappingError for a column with too many values to map.
    """
    places = [index for index, column in enumerate(columns) if column.role == "status"]
    if not places:
        return {}
    file.seek(0)
    reader = Reader(file, dialect, columns=len(columns))
    rows = itertools.islice(reader, STATUS_ROWS)
    body = below_header(rows, header_row) if header_row else rows
    counts: dict[int, Counter[str]] = {index: Counter() for index in places}
    for cells in (row.cells for row in body if not row.problem):
        for index in places:
            counts[index][cells[index] if index < len(cells) else ""] += 1
            if len(counts[index]) > MAX_STATUS_CELLS:
                raise _too_many(titles[index])
    return {
        index: _values(titles[index], found, chosen.get(index, {}))
        for index, found in counts.items()
    }


def _values(title: str, cells: Counter[str], chosen: Mapping[str, str]) -> list[StatusValue]:
    texts: dict[str, list[str]] = {}
    counts: Counter[str] = Counter()
    for cell, count in cells.most_common():
        text = unguard(cell)
        value = import_status.value_key(title, text)
        texts.setdefault(value, []).append(" ".join(text.split()))
        counts[value] += count
    if len(counts) > MAX_STATUS_VALUES:
        raise _too_many(title)
    return [
        StatusValue(
            value,
            _shown(value, texts[value]),
            count,
            chosen.get(value) or import_status.default(title, value),
        )
        for value, count in counts.most_common()
    ]


def _shown(value: str, texts: Sequence[str]) -> str:
    """Return the value to show; if it stands for many cells, a description with an example."""
    if value == import_status.ANY_DATE:
        return value
    if len(texts) > 1 and value in {import_status.ANY_NUMBER, import_status.ANY_TEXT}:
        return f"{value}, such as {texts[0]}"
    return texts[0]


def _too_many(title: str) -> MappingError:
    return MappingError("import_mapping.too_many_status_values", title=title)


def checked_statuses(
    values: Mapping[int, Sequence[StatusValue]], titles: Sequence[str]
) -> dict[int, dict[str, str]]:
    """Return the meaning of every value. Raises MappingError for values without one."""
    for index, found in values.items():
        unclear = [one.text for one in found if one.meaning not in import_status.MEANINGS]
        if unclear:
            raise _unclear(titles[index], unclear)
    return {index: {one.key: one.meaning for one in found} for index, found in values.items()}


def _unclear(title: str, texts: Sequence[str]) -> MappingError:
    named = [f"“{text[:40]}”" for text in texts if text]
    shown = ", ".join(named[:10]) + (", …" if len(named) > 10 else "")
    if not named:
        return MappingError("import_mapping.unclear_empty_cells", title=title)
    if len(named) < len(texts):
        code = "import_mapping.unclear_values_and_empty_cells"
        return MappingError(code, title=title, values=shown)
    return MappingError("import_mapping.unclear_values", title=title, values=shown)
