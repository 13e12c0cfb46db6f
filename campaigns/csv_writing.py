"""Write CSV that is harmless in spreadsheets.

Spreadsheets run a cell that begins with `=`, `+`, `-` or `@` as a formula. Such a cell gets a
leading apostrophe, which spreadsheets take as "this is text" and our import removes, so that an
export can be imported unchanged.
"""

import csv
import io
import re
from collections.abc import Iterable

BOM = "\ufeff"
"""First character of a file, by which Excel detects UTF-8."""

# Spreadsheets skip spaces, and another delimiter or quote inside a cell starts a new one.
# The apostrophe is skipped too, so that every escaped cell has exactly one more than its text.
_FORMULA = re.compile(
    "[\\s,;|\"'\\x00-\\x20\\x7f-\\xa0\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]*"
    "[=+\\-@\uff1d\uff0b\uff0d\uff20]"
)


def guard(value: object) -> str:
    """Escape a value so that no spreadsheet takes it for a formula. None: an empty cell."""
    text = "" if value is None else str(value)
    return f"'{text}" if _FORMULA.match(text) else text


def unguard(cell: str) -> str:
    """Return the original text of a cell from `guard`."""
    return cell[1:] if cell[:1] == "'" and _FORMULA.match(cell, 1) else cell


def csv_text(rows: Iterable[Iterable[object]]) -> str:
    """Return these rows as lines of a CSV file, with every cell escaped."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerows(
        [[guard(cell) for cell in row] for row in rows]
    )
    return out.getvalue()
