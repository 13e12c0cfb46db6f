"""Reading an export of the suppression list back, so that each suppression is as it was."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import BinaryIO

from campaigns import addresses
from campaigns.audience import suppressions
from campaigns.audience.imports.mapping import OWN_SUPPRESSIONS
from campaigns.audience.imports.reader import Dialect, Reader, Row
from campaigns.audience.imports.rows import clean
from campaigns.csv_writing import unguard


class NotSuppressionsError(ValueError):
    """The file is no export of the suppression list. The message says what to do."""


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that cannot be restored, and why."""

    number: int
    reason: str


def read(file: BinaryIO, dialect: Dialect) -> Iterator[suppressions.Kept | BadRow]:
    """Every row of an export. Raises NotSuppressionsError where the titles are others."""
    rows = Reader(file, dialect, columns=len(OWN_SUPPRESSIONS))
    titles = next(rows, None)
    if titles is None or tuple(titles.cells) != OWN_SUPPRESSIONS:
        raise NotSuppressionsError(
            "This is not an export of the suppression list: its columns are "
            f"{', '.join(OWN_SUPPRESSIONS)}. Use campaigns import for other files."
        )
    for row in rows:
        try:
            yield _kept(row)
        except ValueError as error:
            yield BadRow(row.number, str(error))


def _kept(row: Row) -> suppressions.Kept:
    """Raises ValueError with a sentence."""
    if row.problem:
        raise ValueError(row.problem)
    if len(row.cells) != len(OWN_SUPPRESSIONS):
        raise ValueError(f"The row has {len(row.cells)} cells instead of {len(OWN_SUPPRESSIONS)}.")
    address, reason, source, note, since = row.cells
    if reason not in suppressions.REASONS:
        raise ValueError(f"“{clean(reason)[:60]}” is not a reason for a suppression.")
    return suppressions.Kept(
        addresses.parse(unguard(address)).normal, reason, clean(source), clean(note), _moment(since)
    )


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        raise ValueError(
            f"“{clean(text)[:60]}” is not a time such as 2024-02-01T09:00:00+00:00."
        ) from None
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
