"""Failed rows of an import: store, list and export them."""

import io
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import sqlalchemy as sa

from campaigns.audience.imports.dialect import Dialect
from campaigns.audience.imports.lines import SHOWN_CHARS
from campaigns.audience.imports.reader import CsvRow, Reader
from campaigns.audience.models import ImportProblem, ImportRun
from campaigns.csv_writing import BOM, csv_text, unguard
from campaigns.db import db
from campaigns.reason import Reason

MAX_PROBLEMS = 100_000
"""Number of problems kept for the report. All failed rows are counted."""
PAGE = 1_000


def keep_problems(run: ImportRun, problems: Sequence[tuple[CsvRow, Reason]]) -> None:
    """Store why rows were not imported, up to MAX_PROBLEMS for an import."""
    room = max(0, MAX_PROBLEMS - run.rows_failed - run.rows_incomplete)
    values = [
        {
            "import_id": run.id,
            "row_number": row.number,
            "reason": reason.pack(),
            "raw": row.raw[:SHOWN_CHARS].replace("\0", "\u2400"),
        }
        for row, reason in problems[:room]
    ]
    if values:
        db.session.execute(sa.insert(ImportProblem), values)


def failed_rows(run: ImportRun, say: Callable[[str], str]) -> Iterator[str]:
    """Yield CSV of the failed rows: their cells, row number and reason.

    `say` turns a stored reason into a sentence. Once corrected, the file can be imported.
    """
    titles = list(run.mapping.get("titles", []))
    width = len(run.mapping.get("columns", [])) or 1
    titles = [*titles, *("" for _ in range(width - len(titles)))]
    yield BOM + csv_text([[*titles, "row", "problem"]])
    dialect = Dialect("utf-8", run.delimiter)
    after = (0, 0)
    while True:
        page = db.session.scalars(problems_of(run.id, after=after, limit=PAGE)).all()
        if not page:
            return
        yield csv_text(
            [[*_cells(one, dialect, width), one.row_number, say(one.reason)] for one in page]
        )
        after = (page[-1].row_number, page[-1].id)


def problems_of(import_id: int, *, after: tuple[int, int], limit: int) -> sa.Select[Any]:
    """Select an import's problems by row; `after`: (row number, id) of the last one shown."""
    return (
        sa.select(ImportProblem)
        .where(
            ImportProblem.import_id == import_id,
            sa.tuple_(ImportProblem.row_number, ImportProblem.id)
            > sa.tuple_(*map(sa.literal, after)),
        )
        .order_by(ImportProblem.row_number, ImportProblem.id)
        .limit(limit)
    )


def _cells(problem: ImportProblem, dialect: Dialect, width: int) -> list[str]:
    """Return the cells of a row; if it cannot be split, all of it in the first cell."""
    row = next(Reader(io.BytesIO(problem.raw.encode()), dialect), None)
    if row is None or row.problem or len(row.cells) > width:
        return [problem.raw, *("" for _ in range(width - 1))]
    # Cells that our export had escaped are escaped again.
    return [*map(unguard, row.cells), *("" for _ in range(width - len(row.cells)))]
