"""Imports: read a file of addresses into a list, chunk by chunk.

Every row is counted once, as added, updated, unchanged or failed, however often the import is
interrupted: a chunk's people, counts and position are one transaction. People who are unsubscribed,
pending or suppressed in the file are stored as such, and never subscribed.
"""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from campaigns.audience.fields import definitions
from campaigns.audience.imports import mapping
from campaigns.audience.imports.dialect import DELIMITERS, ENCODINGS, Dialect
from campaigns.audience.imports.mapping import Column, MappingError, Notations, Statuses
from campaigns.audience.imports.merge import Merge
from campaigns.audience.imports.preview import below_header
from campaigns.audience.imports.problems import keep_problems
from campaigns.audience.imports.reader import CsvRow, Reader
from campaigns.audience.imports.rows import Person, RowProblemError, RowReader
from campaigns.audience.imports.uploads import Upload
from campaigns.audience.models import (
    AudienceList,
    ImportRun,
)
from campaigns.db import db, rows_changed
from campaigns.reason import Reason

CHUNK_ROWS = 2_000
LEASE = timedelta(seconds=12)
"""Time without a renewal after which another worker may continue an import."""
MAX_CONSENT_SOURCE = 500


class LostLeaseError(RuntimeError):
    """Another worker has taken over this import, so this one must not record anything."""


@dataclass(frozen=True, slots=True)
class Choices:
    """The user's choices before the start."""

    list_id: int
    dialect: Dialect
    has_header: bool
    columns: tuple[Column, ...]
    titles: tuple[str, ...] = ()
    update_existing: bool = True
    consent_source: str = ""
    header_row: int = 0
    """Number of the header row, if other lines are above it."""
    statuses: Statuses = field(default_factory=dict)
    """Meanings of the values of status columns, from status_values.checked_statuses."""
    notations: Notations = field(default_factory=dict)
    leaves_out: bool = False
    """Whether rows are imported without the values that do not fit their field."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Rows that were read but not yet recorded.

    They begin at byte `start`; reading continues at `position` after row `last_row`.
    """

    start: int
    people: Sequence[Person]
    problems: Sequence[tuple[CsvRow, Reason]]
    position: int
    last_row: int

    @property
    def is_empty(self) -> bool:
        """Whether the end of the file was reached."""
        return not self.people and not self.problems


# --- from the upload to the start -------------------------------------------------------------


def create(upload: Upload, file_name: str, *, list_id: int | None, now: datetime) -> ImportRun:
    """Create an import from an upload, and keep the upload. Raises uploads.UploadError."""
    dialect = upload.finish()
    run = ImportRun(
        list_id=list_id,
        file_name=_file_name(file_name),
        path=upload.keep(),
        sha256=upload.sha256,
        size_bytes=upload.size,
        encoding=dialect.encoding,
        delimiter=dialect.delimiter,
        created_at=now,
    )
    db.session.add(run)
    db.session.flush()
    return run


def _file_name(name: str) -> str:
    name = name.replace("\\", "/").rpartition("/")[2]
    return "".join(char for char in name if char.isprintable())[:200] or "file.csv"


def path_of(run: ImportRun, folder: Path) -> Path:
    """Return the path of the uploaded file."""
    return folder / run.path


def check_dialect(dialect: Dialect) -> Dialect:
    """Return the dialect if it is supported. Raises MappingError."""
    if dialect.encoding not in ENCODINGS or dialect.delimiter not in DELIMITERS:
        raise MappingError("import_mapping.no_dialect")
    return dialect


def start(import_id: int, choices: Choices, *, now: datetime) -> bool:
    """Start an import. Returns whether this call did it: False if it had started before.

    Raises MappingError. Ring ("import", id) after the transaction.
    """
    check_dialect(choices.dialect)
    mapping.check(choices.columns)
    entry = db.session.get(AudienceList, choices.list_id)
    if entry is None or entry.archived_at is not None:
        raise MappingError("import_mapping.no_list")
    return _move(
        import_id,
        "mapping",
        status="queued",
        list_id=choices.list_id,
        encoding=choices.dialect.encoding,
        delimiter=choices.dialect.delimiter,
        has_header=choices.has_header,
        mapping=mapping.to_json(
            choices.columns,
            choices.titles,
            choices.statuses,
            choices.header_row,
            notations=choices.notations,
            leaves_out=choices.leaves_out,
        ),
        update_existing=choices.update_existing,
        consent_source=" ".join(choices.consent_source.split())[:MAX_CONSENT_SOURCE],
        started_at=now,
    )


def retry(import_id: int) -> bool:
    """Continue a failed import where it stopped. Ring ("import", id) after the transaction."""
    return _move(import_id, "failed", status="queued", error="", lease_until=None, finished_at=None)


def discard(import_id: int) -> bool:
    """Delete an import that was never started. Delete its file after the transaction."""
    statement = sa.delete(ImportRun).where(ImportRun.id == import_id, ImportRun.status == "mapping")
    return rows_changed(db.session.execute(statement)) == 1


def _move(import_id: int, *before: str, **values: Any) -> bool:
    statement = (
        sa.update(ImportRun)
        .where(ImportRun.id == import_id, ImportRun.status.in_(before))
        .values(**values)
    )
    return rows_changed(db.session.execute(statement)) == 1


# --- reading ----------------------------------------------------------------------------------


def take_lease(import_id: int, *, now: datetime) -> bool:
    """Lease this import to one worker. False if another one has it, or it is over."""
    statement = (
        sa.update(ImportRun)
        .where(
            ImportRun.id == import_id,
            ImportRun.status.in_(("queued", "running")),
            sa.or_(ImportRun.lease_until.is_(None), ImportRun.lease_until < now),
        )
        .values(status="running", lease_until=now + LEASE)
    )
    return rows_changed(db.session.execute(statement)) == 1


def renew_lease(import_id: int, *, now: datetime) -> None:
    """Extend the lease of an import."""
    statement = (
        sa.update(ImportRun)
        .where(
            ImportRun.id == import_id,
            ImportRun.status == "running",
            ImportRun.lease_until.is_not(None),
        )
        .values(lease_until=now + LEASE)
    )
    db.session.execute(statement)


def give_lease_back(import_id: int) -> None:
    """Release the lease after a slice: any worker may continue."""
    _move(import_id, "running", lease_until=None)


def stalled(now: datetime) -> list[int]:
    """Return imports that wait for a worker, or whose worker is gone. Ring for them."""
    return list(
        db.session.scalars(
            sa.select(ImportRun.id)
            .where(
                ImportRun.status.in_(("queued", "running")),
                sa.or_(ImportRun.lease_until.is_(None), ImportRun.lease_until < now),
            )
            .order_by(ImportRun.id)
        )
    )


@dataclass
class FileOfImport:
    """The open file of an import, at the position where reading continues."""

    reader: Reader
    rows: RowReader
    position: int
    """Position up to which rows are recorded, once the last chunk is."""
    source: Iterator[CsvRow]
    """The rows of `reader` below the header."""

    @classmethod
    def open(cls, run: ImportRun, file: Any) -> "FileOfImport":
        """Open the file of an import, ready to read."""
        columns = mapping.from_json(run.mapping)
        rows = RowReader(
            columns,
            run.mapping.get("titles", []),
            mapping.statuses_from_json(run.mapping),
            fields={one.key: one for one in definitions.all_definitions()},
            notations=mapping.notations_from_json(run.mapping),
            leaves_out=run.mapping.get("leaves_out", False),
        )
        reader = Reader(
            file,
            Dialect(run.encoding, run.delimiter),
            start=run.position,
            row_number=run.last_row,
            columns=len(columns),
        )
        source: Iterator[CsvRow] = reader
        if run.has_header and not run.position:
            source = below_header(reader, run.mapping.get("header_row", 0))
        return cls(reader, rows, run.position, source)

    def read_chunk(self) -> Chunk:
        """Return the next rows, each checked; empty at the end. Does not use the database."""
        start = self.position
        people: list[Person] = []
        problems: list[tuple[CsvRow, Reason]] = []
        for row in itertools.islice(self.source, CHUNK_ROWS):
            try:
                people.append(self.rows.person(row))
            except RowProblemError as problem:
                problems.append((row, problem.reason))
        self.position = self.reader.position
        return Chunk(start, people, problems, self.reader.position, self.reader.row_number)


def record(run: ImportRun, chunk: Chunk, *, now: datetime) -> None:
    """Record a chunk: its people, counts and position.

    Raises LostLeaseError if another worker has continued from the same position.
    """
    place = sa.select(ImportRun.id).where(
        ImportRun.id == run.id, ImportRun.status == "running", ImportRun.position == chunk.start
    )
    # Locks the row: another worker waits here, then finds the position changed.
    if db.session.scalar(place.with_for_update()) is None or run.list_id is None:
        raise LostLeaseError
    merge = Merge(run, run.list_id, now)
    merge.take(chunk.people)
    problems = [*chunk.problems, *merge.problems]
    failed = {row.number for row, _ in problems}
    left_out = [
        (person.row, reason)
        for person in chunk.people
        if person.left_out and person.row.number not in failed
        for reason in person.left_out
    ]
    keep_problems(run, sorted([*problems, *left_out], key=lambda one: one[0].number))
    run.rows_read += len(chunk.people) + len(chunk.problems)
    run.rows_added += merge.added
    run.rows_updated += merge.updated
    run.rows_unchanged += merge.unchanged
    run.rows_unsubscribed += merge.unsubscribed
    run.rows_pending += merge.pending
    run.rows_suppressed += merge.suppressed
    run.rows_skipped += merge.skipped
    run.rows_failed += len(problems)
    run.rows_incomplete += len({row.number for row, _ in left_out})
    run.position = chunk.position
    run.last_row = chunk.last_row
    run.lease_until = now + LEASE


def finish(import_id: int, *, now: datetime) -> bool:
    """Mark an import as done. Delete its file after the transaction."""
    return _move(
        import_id, "running", status="done", lease_until=None, finished_at=now, error="", path=""
    )


def fail(import_id: int, reason: Reason, *, now: datetime) -> bool:
    """Stop an import. Returns whether this call did it."""
    error = reason.pack()
    return _move(
        import_id, "running", status="failed", lease_until=None, finished_at=now, error=error
    )
