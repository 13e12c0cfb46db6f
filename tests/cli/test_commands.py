"""Every command has help, and invalid settings are reported without a traceback."""

import re
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine
from sqlalchemy.engine.interfaces import DBAPIConnection

from campaigns import migrate
from campaigns.cli.group import COMMANDS
from campaigns.config import Settings
from campaigns.jobs.queues import LANES
from campaigns.paths import resource_root
from campaigns.supervisor.workers import worker_lanes
from tests.cli.conftest import Run


def test_the_overview_names_every_command(run: Run) -> None:
    text = run("-h").output
    for name, (_, sentence) in COMMANDS.items():
        assert re.search(rf"^  {name} .*{re.escape(sentence[:20])}", text, re.MULTILINE)


@pytest.mark.parametrize("name", list(COMMANDS))
def test_every_command_has_help(run: Run, name: str) -> None:
    result = run(name, "-h")
    assert result.exit_code == 0
    assert result.output.startswith(f"Usage: cli {name}")
    assert len(result.output.splitlines()) > 4


@pytest.mark.parametrize("name", ["migrate", "doctor", "web", "worker", "clock"])
def test_all_invalid_settings_are_reported_together_with_status_2(
    run: Run, command_environment: dict[str, str], name: str
) -> None:
    command_environment.update(PORT="a lot", SECRET_KEY="short")
    result = run(name)
    assert result.exit_code == 2
    assert "PORT:" in result.output
    assert "SECRET_KEY: must be at least 32 random characters" in result.output


def test_migrate_creates_the_database_and_may_run_again(
    run: Run, command_environment: dict[str, str]
) -> None:
    for _ in range(2):
        result = run("migrate")
        assert result.exit_code == 0
        assert f"up to date (revision {migrate.newest_revision()})" in result.output
    assert (Path(command_environment["DATA_DIR"]) / "campaigns.sqlite3").exists()


def test_migrate_says_when_the_database_does_not_answer(
    run: Run, command_environment: dict[str, str]
) -> None:
    command_environment["DATABASE_URL"] = "postgresql://nobody@127.0.0.1:1/nothing"
    result = run("migrate")
    assert result.exit_code == 1
    assert "Check DATABASE_URL" in result.output


def test_migrate_says_that_the_disk_is_full_and_where(
    run: Run, command_environment: dict[str, str]
) -> None:
    def keep_small(connection: DBAPIConnection, record: object) -> None:
        connection.cursor().execute("PRAGMA max_page_count=10")

    sa.event.listen(Engine, "connect", keep_small)
    try:
        result = run("migrate")
    finally:
        sa.event.remove(Engine, "connect", keep_small)
    assert result.exit_code == 1
    path = Path(command_environment["DATA_DIR"]) / "campaigns.sqlite3"
    assert f"The disk that holds {path} is full." in result.output
    assert "DATABASE_URL" not in result.output
    assert run("migrate").exit_code == 0, "no partial database is left"


def test_the_mailbox_needs_a_port(run: Run) -> None:
    result = run("mailbox")
    assert result.exit_code == 2
    assert "Set MAILBOX_PORT" in result.output


def test_the_workers_of_the_procfile_serve_every_lane() -> None:
    procfile = (resource_root() / "Procfile").read_text()
    assert "worker: campaigns worker\n" in procfile
    assert {
        lane for lanes in worker_lanes(Settings(_env_file=None)).values() for lane in lanes
    } == set(LANES)
    for line in procfile.splitlines():
        command = line.partition(": campaigns ")[2].split()[0]
        assert command in COMMANDS
