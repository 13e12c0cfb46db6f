"""`campaigns import`."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from campaigns.app import create_app
from campaigns.audience import suppressions
from campaigns.audience.models import AudienceList, ImportRun, Subscriber, Subscription, Suppression
from campaigns.config import load_settings
from campaigns.csv_writing import BOM, csv_text
from campaigns.db import db, transaction
from tests.cli.conftest import Run

CSV = "Email,Vorname,City\nann@example.org,Ann,Rome\nbo@example.org,Bo,Oslo\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "people.csv"
    path.write_text(CSV)
    return path


@contextmanager
def looking(command_environment: dict[str, str]) -> Iterator[None]:
    values = {name.lower(): value for name, value in command_environment.items()}
    with create_app(load_settings(**values)).app_context():
        yield
        db.session.remove()
        db.engine.dispose()


@pytest.mark.runs_on("sqlite", "postgresql")
def test_subscribers_are_added_to_a_new_list(
    run_on: Run, command_environment: dict[str, str], file: Path
) -> None:
    result = run_on(
        "import", str(file), "--list", "News", "--create-list", "--map", "City=town",
        "--consent", "Trade fair",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert "Vorname -> first_name" in result.output
    assert "City -> attribute town" in result.output
    assert "2 rows: 2 added" in result.output
    with looking(command_environment):
        people = db.session.scalars(sa.select(Subscriber).order_by(Subscriber.id)).all()
        assert [(one.address, one.name) for one in people] == [
            ("ann@example.org", "Ann"),
            ("bo@example.org", "Bo"),
        ]
        assert people[0].attributes["town"] == "Rome"
        assert db.session.scalar(sa.select(AudienceList.name)) == "News"
        assert db.session.scalars(sa.select(Subscription.state)).all() == ["subscribed"] * 2
        run = db.session.scalars(sa.select(ImportRun)).one()
        assert (run.status, run.consent_source, run.file_name) == (
            "done", "Trade fair", "people.csv",
        )  # fmt: skip
    assert list((Path(command_environment["DATA_DIR"]) / "uploads").iterdir()) == []
    assert file.exists()


def test_failed_rows_are_named_and_the_status_is_1(run_on: Run, tmp_path: Path) -> None:
    path = tmp_path / "some.csv"
    path.write_text("ann@example.org\nnot an address\n")
    result = run_on("import", str(path), "--list", "News", "--create-list", "--no-header")
    assert result.exit_code == 1
    assert "2 rows: 1 added, 0 updated, 0 unchanged, 1 failed." in result.output
    assert "row 2:" in result.output


def test_a_dry_run_changes_nothing(
    run_on: Run, command_environment: dict[str, str], file: Path
) -> None:
    result = run_on("import", str(file), "--list", "News", "--create-list", "--dry-run")
    assert result.exit_code == 0
    assert "Email -> address" in result.output
    with looking(command_environment):
        assert db.session.scalar(sa.select(sa.func.count(AudienceList.id))) == 0


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ([], "There is no list “News”. Add --create-list"),
        (["--create-list", "--map", "City"], "“City” is not COLUMN=FIELD."),
        (["--create-list", "--map", "Town=name"], "The file has: Email, Vorname, City."),
        (["--create-list", "--map", "Email=ignore"], "exactly one column"),
        (["--create-list", "--encoding", "klingon"], "--encoding: choose one of utf-8"),
    ],
)
def test_invalid_options_are_reported_before_anything_is_read(
    run: Run, file: Path, options: list[str], sentence: str
) -> None:
    assert run("migrate").exit_code == 0
    result = run("import", str(file), "--list", "News", *options)
    assert result.exit_code in {1, 2}
    assert sentence in result.output


def test_a_file_that_is_no_csv_is_refused(run: Run, tmp_path: Path) -> None:
    assert run("migrate").exit_code == 0
    path = tmp_path / "people.xlsx"
    path.write_bytes(b"PK\x03\x04" + b"\0" * 40 + b"xl/workbook.xml")
    result = run("import", str(path), "--list", "News", "--create-list")
    assert result.exit_code == 1
    assert "Excel file" in result.output


def test_a_status_column_is_applied_and_an_unknown_value_needs_an_option(
    run_on: Run, command_environment: dict[str, str], tmp_path: Path
) -> None:
    path = tmp_path / "people.csv"
    path.write_text(
        "Email,Status\nann@example.org,active\nbo@example.org,cleaned\ncy@example.org,Level 7\n"
    )
    command = ("import", str(path), "--list", "News", "--create-list")
    stopped = run_on(*command)
    assert stopped.exit_code == 1
    assert "“Level 7”" in stopped.output
    assert "--status VALUE=MEANING" in stopped.output
    refused = run_on(*command, "--status", "Level 7=gone")
    assert refused.exit_code == 2
    result = run_on(*command, "--status", "Level 7=unsubscribed")
    assert result.exit_code == 0, result.output
    assert "Status -> status" in result.output
    assert "cleaned -> bounced   1 row" in result.output
    assert "3 rows: 1 added" in result.output
    assert "By their status: 1 unsubscribed, 1 suppressed." in result.output
    with looking(command_environment):
        states = db.session.scalars(
            sa.select(Subscription.state).order_by(Subscription.subscriber_id)
        ).all()
        assert sorted(states) == ["subscribed", "unsubscribed", "unsubscribed"]


def test_a_pipe_is_read_like_a_file(
    run_on: Run, command_environment: dict[str, str], tmp_path: Path
) -> None:
    """As in `campaigns import <(zcat people.csv.gz)`: readable once, without rewinding."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    many = "".join(f"p{number}@example.org,P,Rome\n" for number in range(5_000))
    writer = threading.Thread(target=lambda: pipe.write_text(CSV + many), daemon=True)
    writer.start()
    result = run_on("import", str(pipe), "--list", "News", "--create-list")
    writer.join(10)
    assert result.exit_code == 0, result.output
    assert "5,002 rows: 5,002 added" in result.output
    with looking(command_environment):
        assert db.session.scalar(sa.select(ImportRun.file_name)) == "stdin.csv"
    assert list((Path(command_environment["DATA_DIR"]) / "uploads").iterdir()) == []


def test_the_standard_input_is_read_and_a_dry_run_of_it_leaves_nothing(
    run_on: Run, run: Run, command_environment: dict[str, str]
) -> None:
    uploads = Path(command_environment["DATA_DIR"]) / "uploads"
    command = ("import", "-", "--list", "News", "--create-list")
    assert run_on("migrate").exit_code == 0
    shown = run(*command, "--dry-run", input=CSV)
    assert (shown.exit_code, list(uploads.iterdir())) == (0, [])
    done = run(*command, input=CSV)
    assert done.exit_code == 0, done.output
    assert "2 rows: 2 added" in done.output
    empty = run(*command, input="")
    assert empty.exit_code == 1
    assert "The file is empty." in empty.output
    assert list(uploads.iterdir()) == []


def test_an_answer_applies_to_the_column_that_asked(
    run_on: Run, command_environment: dict[str, str], tmp_path: Path
) -> None:
    """A 1 in a bounce count says nothing about a 1 in "blacklisted"."""
    path = tmp_path / "people.csv"
    path.write_text(
        "email,blacklisted,bouncecount\nann@example.org,0,1\nbo@example.org,1,0\n"
        "cy@example.org,0,2\n"
    )
    command = ("import", str(path), "--list", "News", "--create-list")
    stopped = run_on(*command)
    assert stopped.exit_code == 1
    assert "“any number, such as 1”" in stopped.output
    result = run_on(*command, "--status", "1=subscribed")
    assert result.exit_code == 0, result.output
    assert "3 rows: 2 added" in result.output
    assert "By their status: 1 suppressed." in result.output


@pytest.mark.runs_on("sqlite", "postgresql")
def test_an_exported_suppression_list_is_restored_unchanged(
    run_on: Run, run: Run, command_environment: dict[str, str], tmp_path: Path
) -> None:
    since = datetime(2024, 2, 1, 9, 30, tzinfo=UTC)
    kept = [
        suppressions.SuppressionRecord(
            "ann@example.org", "complaint", "feedback loop", "=1+1", since
        ),
        suppressions.SuppressionRecord("bo@example.org", "erased", "", "", since),
        suppressions.SuppressionRecord(
            "cy@example.org", "hard_bounce", "bounce", '550 "no", sir', since
        ),
    ]
    assert run_on("migrate").exit_code == 0
    with looking(command_environment), transaction():
        suppressions.restore(kept)
    with looking(command_environment):
        exported = list(suppressions.export_rows())
        with transaction():
            db.session.execute(sa.delete(Suppression))
            suppressions.restore(
                [suppressions.SuppressionRecord("cy@example.org", "manual", "me", "", since)]
            )
    rows = [(*texts, at.isoformat(timespec="seconds")) for *texts, at in exported]
    path = tmp_path / "suppressed.csv"
    titles = ("address", "reason", "source", "note", "since")
    path.write_text(BOM + csv_text([titles, *rows, ("nobody", "manual", "", "", rows[0][4])]))
    result = run("restore-suppressions", str(path))
    assert result.exit_code == 1
    assert "2 restored, 1 already suppressed, 1 not restored." in result.output
    assert "row 5:" in result.output
    with looking(command_environment):
        assert {row[0]: row for row in suppressions.export_rows()} == {
            **{row[0]: row for row in exported},
            "cy@example.org": ("cy@example.org", "manual", "me", "", since),
        }
        assert db.session.scalar(sa.select(sa.func.count(Subscriber.id))) == 0


def test_another_file_is_not_taken_for_a_suppression_list(run_on: Run, file: Path) -> None:
    assert run_on("migrate").exit_code == 0
    result = run_on("restore-suppressions", str(file))
    assert result.exit_code == 1
    assert "not an export of the suppression list" in result.output
