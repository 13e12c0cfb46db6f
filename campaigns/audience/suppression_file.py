"""Read an export of the suppression list, to restore it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import BinaryIO

from campaigns import addresses
from campaigns.audience import suppressions
from campaigns.audience.imports.dialect import Dialect
from campaigns.audience.imports.mapping import OWN_SUPPRESSIONS
from campaigns.audience.imports.reader import CsvRow, Reader
from campaigns.audience.imports.rows import RowProblemError, clean
from campaigns.csv_writing import unguard
from campaigns.reason import Reason, ReasonError


class NotSuppressionsError(ReasonError):
    """The file is not an export of the suppression list."""


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that cannot be restored, and why."""

    number: int
    reason: Reason


def read(file: BinaryIO, dialect: Dialect) -> Iterator[suppressions.SuppressionRecord | BadRow]:
    """Yield every row of an export. Raises NotSuppressionsError for other column names."""
    rows = Reader(file, dialect, columns=len(OWN_SUPPRESSIONS))
    titles = next(rows, None)
    if titles is None or tuple(titles.cells) != OWN_SUPPRESSIONS:
        columns = ", ".join(OWN_SUPPRESSIONS)
        raise NotSuppressionsError("import_file.not_suppressions", columns=columns)
    for row in rows:
        try:
            yield _kept(row)
        except (RowProblemError, addresses.InvalidAddressError) as error:
            yield BadRow(row.number, error.reason)


def _kept(row: CsvRow) -> suppressions.SuppressionRecord:
    """Return the suppression of a row. Raises RowProblemError or InvalidAddressError."""
    if row.problem:
        raise RowProblemError(row.problem)
    if len(row.cells) != len(OWN_SUPPRESSIONS):
        counts = {"cells": len(row.cells), "expected": len(OWN_SUPPRESSIONS)}
        raise RowProblemError(Reason("import_row.wrong_number_of_cells", counts))
    address, reason, source, note, since = row.cells
    if reason not in suppressions.REASONS:
        value = {"value": clean(reason)[:60]}
        raise RowProblemError(Reason("import_row.unknown_suppression", value))
    return suppressions.SuppressionRecord(
        addresses.parse(unguard(address)).normal, reason, clean(source), clean(note), _moment(since)
    )


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        value = {"value": clean(text)[:60]}
        raise RowProblemError(Reason("import_row.bad_time", value)) from None
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
