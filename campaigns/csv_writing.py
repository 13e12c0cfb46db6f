"""The one way in which the product writes CSV: quoted as usual, and harmless in spreadsheets.

A spreadsheet runs a cell that begins with `=`, `+`, `-` or `@` as a formula. Such a cell gets
an apostrophe in front, which spreadsheets take for "this is text" and our own import takes off
again, so that an export comes back equal.
"""

import csv
import io
import re
from collections.abc import Iterable

BOM = "\ufeff"
"""First character of a file: Excel takes it as the mark of UTF-8."""

# Spreadsheets skip blanks, and another delimiter or quote inside a cell starts a new one.
# The apostrophe belongs to what is skipped, so that every cell with one in front has exactly one
# more than the text it stands for.
_FORMULA = re.compile(
    "[\\s,;|\"'\\x00-\\x20\\x7f-\\xa0\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]*"
    "[=+\\-@\uff1d\uff0b\uff0d\uff20]"
)


def guard(value: object) -> str:
    """Write a value as a cell that no spreadsheet takes for a formula. None: an empty cell."""
    text = "" if value is None else str(value)
    return f"'{text}" if _FORMULA.match(text) else text


def unguard(cell: str) -> str:
    """Return the text of a cell that `guard` made, exactly as it was."""
    return cell[1:] if cell[:1] == "'" and _FORMULA.match(cell, 1) else cell


def csv_text(rows: Iterable[Iterable[object]]) -> str:
    """These rows as lines of a CSV file, every cell guarded."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerows(
        [[guard(cell) for cell in row] for row in rows]
    )
    return out.getvalue()
