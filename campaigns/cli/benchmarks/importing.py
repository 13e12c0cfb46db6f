"""Measure importing a CSV file, from the upload to the last row.

The reference inserts the same rows into a table with a primary key and a unique address, with the
same driver and chunk size.
"""

import contextlib
import csv
import time
from collections.abc import Iterator
from itertools import chain, islice
from pathlib import Path
from statistics import median

import sqlalchemy as sa

from campaigns.audience import lists
from campaigns.audience.imports import preview, runs, uploads
from campaigns.cli.benchmarks.environment import Environment
from campaigns.cli.benchmarks.sending import Figures, Say
from campaigns.clock import utcnow
from campaigns.csv_writing import csv_text
from campaigns.db import BigKey, db, transaction
from campaigns.jobs.imports import run_to_end

CHUNK = 2_000
TITLES = ("Email", "Name", "City", "Plan", "Visits")
CITIES = ("Hamburg", "Lyon", "Łódź", "Porto", "Turku")

_plain = sa.Table(
    "bench_plain_import",
    sa.MetaData(),
    sa.Column("id", BigKey, primary_key=True),
    sa.Column("address", sa.Text, unique=True),
    sa.Column("name", sa.Text),
    sa.Column("attributes", sa.JSON),
)


def measure(place: Environment, say: Say, *, rows: int, runs_wanted: int) -> Figures:
    """Import a new file in each run; return speeds in rows per second, and their ratio."""
    speeds, references, costs = [], [], []
    for number in range(1, runs_wanted + 1):
        path = _write_file(place.settings.data_dir / "bench.csv", rows, number)
        references.append(rows / _insert_plainly(path))
        begun, used = time.monotonic(), time.process_time()
        _import(path, place.settings.uploads_dir, f"Bench {number}", rows)
        costs.append((time.process_time() - used) / rows * 1e6)
        speeds.append(rows / (time.monotonic() - begun))
        path.unlink()
        say(f"run {number}: {speeds[-1]:,.0f} rows per second, plain inserts {references[-1]:,.0f}")
    pairs = zip(speeds, references, strict=True)
    return {
        "rows_per_second": round(median(speeds), 1),
        "reference_rows_per_second": round(median(references), 1),
        "ratio": round(median(ours / plain for ours, plain in pairs), 2),
        "cpu_us_per_row": round(median(costs), 1),
        "database": place.database,
        "rows": rows,
        "rows_per_second_runs": [round(value, 1) for value in speeds],
        "reference_rows_per_second_runs": [round(value, 1) for value in references],
    }


def _write_file(path: Path, rows: int, number: int) -> Path:
    people = (
        (
            f"person.{row}@run{number}.example.org",
            f"Person {row}",
            CITIES[row % len(CITIES)],
            "basic",
            row % 97,
        )
        for row in range(rows)
    )
    path.write_text(csv_text(chain([TITLES], people)), encoding="utf-8", newline="")
    return path


def _import(path: Path, folder: Path, list_name: str, rows: int) -> None:
    with (
        path.open("rb") as source,
        contextlib.closing(
            uploads.take_in(source, folder, size_bytes=path.stat().st_size)
        ) as upload,
    ):
        dialect = upload.finish()
        with upload.path.open("rb") as file:
            seen = preview.preview(file, dialect)
        with transaction():
            list_id = lists.create(list_name, now=utcnow()).id
            run = runs.create(upload, path.name, list_id=list_id, now=utcnow())
            choices = runs.Choices(
                list_id=list_id,
                dialect=dialect,
                has_header=seen.has_header,
                columns=tuple(column.guess for column in seen.columns),
                titles=seen.titles,
                header_row=seen.header_row,
                consent_source="Benchmark",
            )
            runs.start(run.id, choices, now=utcnow())
            run_id = run.id
    done = run_to_end(run_id, lambda run: None)
    if done.rows_added != rows:
        raise RuntimeError(f"{done.rows_added} of {rows} rows were added")


def _insert_plainly(path: Path) -> float:
    """Return the seconds that the reference takes."""
    with transaction() as session:
        _plain.create(session.connection())
    begun = time.monotonic()
    for chunk in _chunks(path):
        with transaction() as session:
            session.execute(sa.insert(_plain), chunk)
    seconds = time.monotonic() - begun
    db.session.rollback()
    with transaction() as session:
        _plain.drop(session.connection())
    return seconds


def _chunks(path: Path) -> Iterator[list[dict[str, object]]]:
    with path.open(encoding="utf-8", newline="") as file:
        records = csv.DictReader(file)
        while chunk := list(islice(records, CHUNK)):
            yield [
                {"address": row.pop("Email"), "name": row.pop("Name"), "attributes": row}
                for row in chunk
            ]
