"""`campaigns import`: the same import as in the browser, for files on the server."""

import contextlib
import dataclasses
import io
import itertools
import os
import stat
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import click

from campaigns.reason import Reason
from campaigns.wording import Words

if TYPE_CHECKING:
    from campaigns.audience.fields.notation import Notation
    from campaigns.audience.imports.dialect import Dialect
    from campaigns.audience.imports.mapping import Column
    from campaigns.audience.imports.preview import Preview
    from campaigns.audience.imports.runs import Choices
    from campaigns.audience.imports.uploads import Upload
    from campaigns.audience.models import ImportRun

DELIMITER_NAMES = {
    "comma": ",",
    "semicolon": ";",
    "tab": "\t",
    "pipe": "|",
    "tilde": "~",
    "caret": "^",
    "colon": ":",
}
SHOWN_PROBLEMS = 10


@click.command("import")
@click.argument("file", type=click.File("rb"))
@click.option("--list", "list_name", required=True, help="Name of the list to add them to.")
@click.option("--create-list", is_flag=True, help="Create the list if it does not exist.")
@click.option(
    "--map",
    "mappings",
    multiple=True,
    metavar="COLUMN=FIELD",
    help="Maps a column: COLUMN is its name, or its number from 1; FIELD is address,"
    " name, first_name, last_name, status, ignore, or the name of an attribute. Columns not named"
    " are guessed.",
)
@click.option(
    "--status",
    "meanings",
    multiple=True,
    metavar="VALUE=MEANING",
    help="What a value of a status column means: subscribed, pending, unsubscribed, blocked,"
    " bounced, complained or skip. Use =MEANING for empty cells.",
)
@click.option(
    "--consent",
    default="",
    help="How these people opted in; stored as proof with each subscription.",
)
@click.option(
    "--keep-existing", is_flag=True, help="Do not change the data of existing subscribers."
)
@click.option("--encoding", help="Encoding of the file, such as cp1252; detected if missing.")
@click.option(
    "--delimiter",
    type=click.Choice(list(DELIMITER_NAMES)),
    help="Delimiter of the file; detected if missing.",
)
@click.option(
    "--header/--no-header", default=None, help="Whether the first row contains column names."
)
@click.option("--dry-run", is_flag=True, help="Show what would be imported, and stop.")
def import_command(
    file: BinaryIO,
    list_name: str,
    create_list: bool,
    mappings: tuple[str, ...],
    meanings: tuple[str, ...],
    consent: str,
    keep_existing: bool,
    encoding: str | None,
    delimiter: str | None,
    header: bool | None,
    dry_run: bool,
) -> None:
    """Import subscribers from the CSV file FILE into a list; "-" is standard input.

    An import never brings back anyone who unsubscribed or is suppressed. Status columns are
    recognized: people marked as unsubscribed, pending or bounced in the file are not subscribed. An
    interrupted import continues automatically where it stopped if a worker is running. The exit
    status is 1 if rows could not be imported.
    """
    from campaigns.audience import lists
    from campaigns.audience.fields import definitions
    from campaigns.audience.imports import mapping as import_mapping
    from campaigns.audience.imports import preview as import_preview
    from campaigns.audience.imports import runs, uploads
    from campaigns.cli.app_context import ready_app
    from campaigns.context import services

    with ready_app():
        try:
            list_id = _list_id(list_name)
            if list_id is None and not create_list:
                raise click.ClickException(
                    f"There is no list “{list_name}”. Add --create-list to create it."
                )
            size, name = _size_and_name(file)
            folder = services().settings.uploads_dir
            # A pipe can be read only once, and a file may change: read a copy.
            with contextlib.closing(uploads.take_in(file, folder, size_bytes=size)) as upload:
                dialect = _dialect(upload, encoding, DELIMITER_NAMES.get(delimiter or ""))
                with upload.path.open("rb") as source:
                    fields = definitions.all_definitions()
                    preview = import_preview.preview(source, dialect, header, fields)
                columns = _columns(preview, mappings)
                import_mapping.check(columns)
                _show_columns(preview, columns)
                statuses = _statuses(upload.path, dialect, preview, columns, meanings)
                if dry_run:
                    return
                run_id = _begin(
                    upload,
                    name,
                    list_id,
                    list_name,
                    runs.Choices(
                        list_id=list_id or 0,
                        dialect=dialect,
                        has_header=preview.has_header,
                        columns=tuple(columns),
                        titles=preview.titles,
                        header_row=preview.header_row,
                        statuses=statuses,
                        notations=_notations(preview, columns),
                        update_existing=not keep_existing,
                        consent_source=consent,
                    ),
                )
        except (import_mapping.MappingError, uploads.UploadError, lists.ListError) as error:
            raise click.ClickException(Words().of(error.reason)) from None
        run = _read_with_progress(run_id, upload.size)
        _report(run)
    sys.exit(1 if run.status != "done" or run.rows_failed else 0)


@click.command("restore-suppressions")
@click.argument("file", type=click.File("rb"))
def restore_suppressions_command(file: BinaryIO) -> None:
    """Restore FILE, an export of the suppression list; "-" is standard input.

    Reasons, notes and dates are restored too. Nobody is added to a list, and addresses that are
    already suppressed stay as they are. The exit status is 1 if rows could not be restored.
    """
    from campaigns.audience import suppression_file, suppressions
    from campaigns.audience.imports import uploads
    from campaigns.cli.app_context import ready_app
    from campaigns.context import services
    from campaigns.db import transaction

    added, known, bad = 0, 0, []
    with ready_app():
        folder = services().settings.uploads_dir
        try:
            with (
                contextlib.closing(
                    uploads.take_in(file, folder, size_bytes=_size_and_name(file)[0])
                ) as upload,
                upload.path.open("rb") as source,
            ):
                rows = suppression_file.read(source, upload.finish())
                while chunk := list(itertools.islice(rows, suppressions.CHUNK)):
                    kept = [row for row in chunk if isinstance(row, suppressions.SuppressionRecord)]
                    bad += [row for row in chunk if isinstance(row, suppression_file.BadRow)]
                    with transaction():
                        new = suppressions.restore(kept)
                    added, known = added + new, known + len(kept) - new
        except (uploads.UploadError, suppression_file.NotSuppressionsError) as error:
            raise click.ClickException(Words().of(error.reason)) from None
    click.echo(f"{added:,} restored, {known:,} already suppressed, {len(bad):,} not restored.")
    for row in bad[:SHOWN_PROBLEMS]:
        click.echo(f"  row {row.number}: {Words().of(row.reason)}", err=True)
    sys.exit(1 if bad else 0)


def _list_id(name: str) -> int | None:
    from campaigns.audience import lists

    wanted = name.strip().casefold()
    return next((entry.id for entry in lists.choices() if entry.name.casefold() == wanted), None)


def _size_and_name(file: BinaryIO) -> tuple[int, str]:
    """Return the size of a file (0 if unknown) and the name to store."""
    try:
        status = os.fstat(file.fileno())
    except io.UnsupportedOperation:
        return 0, "stdin.csv"
    is_pipe = not stat.S_ISREG(status.st_mode)
    return (0, "stdin.csv") if is_pipe else (status.st_size, Path(file.name).name)


def _dialect(upload: "Upload", encoding: str | None, delimiter: str | None) -> "Dialect":
    """Return the dialect of the file: as given, else detected from the whole file."""
    from campaigns.audience.imports import runs
    from campaigns.audience.imports.dialect import ENCODINGS, Dialect

    guess = upload.finish()
    if encoding is not None and encoding not in ENCODINGS:
        raise click.ClickException(f"--encoding: choose one of {', '.join(ENCODINGS)}.")
    return runs.check_dialect(Dialect(encoding or guess.encoding, delimiter or guess.delimiter))


def _columns(preview: "Preview", mappings: Sequence[str]) -> "list[Column]":
    """Return the detected columns, overridden by --map."""
    from campaigns.audience.imports.mapping import ROLES, Column, attribute_name

    columns = [column.guess for column in preview.columns]
    for mapping in mappings:
        name, equals, field = mapping.rpartition("=")
        if not equals or not name or not field:
            raise click.BadParameter(f"“{mapping}” is not COLUMN=FIELD.", param_hint="--map")
        index = _column_index(preview, name)
        is_role = field in ROLES and field not in {"attribute", "field"}
        columns[index] = Column(field) if is_role else Column("attribute", attribute_name(field))
        if is_role and field != "ignore":
            # A mapping by the user replaces a detected one for another column.
            for other, column in enumerate(columns):
                if other != index and column.role == field:
                    columns[other] = Column("ignore")
    return columns


def _notations(preview: "Preview", columns: "Sequence[Column]") -> "dict[int, Notation]":
    """Return how field columns are written, as detected. Values with two readings fail."""
    from campaigns.audience.fields import definitions

    types = {one.key: one.type for one in definitions.all_fields()}
    return {
        index: seen.detected(types.get(column.attribute, "")).notation
        for index, (column, seen) in enumerate(zip(columns, preview.columns, strict=True))
        if column.role == "field"
    }


def _column_index(preview: "Preview", name: str) -> int:
    titles = [column.title.strip().casefold() for column in preview.columns]
    if preview.has_header and name.strip().casefold() in titles:
        return titles.index(name.strip().casefold())
    if name.isdigit() and 1 <= int(name) <= len(titles):
        return int(name) - 1
    known = ", ".join(column.title for column in preview.columns if column.title)
    raise click.BadParameter(
        f"There is no column “{name}”. The file has: {known or f'{len(titles)} columns'}.",
        param_hint="--map",
    )


def _show_columns(preview: "Preview", columns: "Sequence[Column]") -> None:
    if preview.header_row > 1:
        click.echo(f"  Row {preview.header_row} holds the titles; what stands above is left out.")
    for number, (seen, column) in enumerate(zip(preview.columns, columns, strict=True), start=1):
        meaning = f"{column.role} {column.attribute}".rstrip()
        sample = " ".join(next(iter(seen.samples), "").split())
        click.echo(f"  {seen.title or f'column {number}'} -> {meaning}   {sample[:40]}".rstrip())


def _statuses(
    file: Path,
    dialect: "Dialect",
    preview: "Preview",
    columns: "Sequence[Column]",
    meanings: Sequence[str],
) -> dict[int, dict[str, str]]:
    """Return and print what the values of status columns mean: as given, else as known."""
    from campaigns.audience.imports import mapping as import_mapping
    from campaigns.audience.imports import status_values
    from campaigns.audience.imports import statuses as import_status

    told = [_meaning(one) for one in meanings]
    titles = preview.titles
    places = [index for index, column in enumerate(columns) if column.role == "status"]
    chosen = _answers(told, {index: titles[index] for index in places})
    if told and not chosen:
        raise click.BadParameter(
            "No column is a status. Name it with --map COLUMN=status.", param_hint="--status"
        )
    with file.open("rb") as source:
        values = status_values.status_values(
            source, dialect, columns, titles, header_row=preview.header_row, chosen=chosen
        )
    for index, found in values.items():
        click.echo(f"  Values of {titles[index] or f'column {index + 1}'}:")
        for one in found:
            meaning = one.meaning or "unknown"
            rows = "row" if one.count == 1 else "rows"
            click.echo(f"    {one.text[:40] or '(empty)'} -> {meaning}   {one.count:,} {rows}")
    try:
        return status_values.checked_statuses(values, titles)
    except import_mapping.MappingError as error:
        raise click.ClickException(
            f"{Words().of(error.reason)} Add --status VALUE=MEANING for each; MEANING is one of"
            f" {', '.join(import_status.MEANINGS)}."
        ) from None


def _answers(told: Sequence[tuple[str, str]], titles: dict[int, str]) -> dict[int, dict[str, str]]:
    """Return the meanings given for values, by column.

    A meaning is for the columns where the value is not known; if it is known in all, for all: an
    answer about the 1 of one column must not change what 1 means in another.
    """
    from campaigns.audience.imports import statuses as import_status

    chosen: dict[int, dict[str, str]] = {index: {} for index in titles}
    for text, meaning in told:
        keys = {index: import_status.value_key(title, text) for index, title in titles.items()}
        unknown = [
            index for index, key in keys.items() if not import_status.default(titles[index], key)
        ]
        for index in unknown or keys:
            chosen[index][keys[index]] = meaning
    return chosen


def _meaning(option: str) -> tuple[str, str]:
    """Return (value, meaning) of one --status."""
    from campaigns.audience.imports import statuses as import_status

    value, equals, meaning = option.rpartition("=")
    if not equals or meaning not in import_status.MEANINGS:
        raise click.BadParameter(
            f"“{option}” is not VALUE=MEANING, where MEANING is one of"
            f" {', '.join(import_status.MEANINGS)}.",
            param_hint="--status",
        )
    return value, meaning


def _begin(
    upload: "Upload", name: str, list_id: int | None, list_name: str, choices: "Choices"
) -> int:
    """Store the upload, create the list if needed, and start the import."""
    from campaigns.audience import lists
    from campaigns.audience.imports import runs
    from campaigns.clock import utcnow
    from campaigns.db import transaction

    now = utcnow()
    try:
        with transaction():
            if list_id is None:
                list_id = lists.create(list_name, now=now).id
            run = runs.create(upload, name, list_id=list_id, now=now)
            runs.start(run.id, dataclasses.replace(choices, list_id=list_id), now=now)
            return run.id
    except BaseException:
        upload.path.unlink(missing_ok=True)
        raise


def _read_with_progress(run_id: int, size: int) -> "ImportRun":
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    from campaigns.jobs.imports import run_to_end

    console = Console(stderr=True)
    with Progress(
        TextColumn("{task.fields[rows]:>11,} rows"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as progress:
        task = progress.add_task("", total=max(size, 1), rows=0)

        def show(run: "ImportRun") -> None:
            progress.update(task, completed=run.position, rows=run.rows_read)

        return run_to_end(run_id, show)


def _report(run: "ImportRun") -> None:
    import sqlalchemy as sa

    from campaigns.audience.models import ImportProblem
    from campaigns.db import db

    click.echo(
        f"{run.rows_read:,} rows: {run.rows_added:,} added, {run.rows_updated:,} updated,"
        f" {run.rows_unchanged:,} unchanged, {run.rows_failed:,} failed."
    )
    held_back = {
        "unsubscribed": run.rows_unsubscribed,
        "pending": run.rows_pending,
        "suppressed": run.rows_suppressed,
        "skipped": run.rows_skipped,
    }
    if any(held_back.values()):
        counted = ", ".join(f"{count:,} {name}" for name, count in held_back.items() if count)
        click.echo(f"By their status: {counted}.")
    if run.status != "done":
        click.echo(_said(run.error) or f"The import is {run.status}.", err=True)
    problems = db.session.execute(
        sa.select(ImportProblem.row_number, ImportProblem.reason)
        .where(ImportProblem.import_id == run.id)
        .order_by(ImportProblem.row_number)
        .limit(SHOWN_PROBLEMS)
    ).all()
    for number, reason in problems:
        click.echo(f"  row {number}: {_said(reason)}", err=True)
    if run.rows_failed > len(problems):
        click.echo(
            f"  and {run.rows_failed - len(problems):,} more: see the import's page in the browser",
            err=True,
        )


def _said(stored: str) -> str:
    reason = Reason.unpack(stored)
    return Words().of(reason) if reason else ""
