"""Only the user that runs Campaigns can read its files."""

import os
import sqlite3
from pathlib import Path

import pytest

from campaigns import cli, permissions
from campaigns.permissions import close_to_others
from tests.conftest import settings_for_tests

FILES = (
    "secret.key", "campaigns.sqlite3", "campaigns.sqlite3-wal", "campaigns.sqlite3-shm",
    "mailbox.sqlite3", "journal/abc.journal", "uploads/abc.csv", "exports/all.csv",
    "kv/appendonlydir/appendonly.aof.1.incr.aof", "kv.log", "up.json", "up.lock",
)  # fmt: skip


def made(folder: Path) -> Path:
    """A data directory as earlier versions left it."""
    for name in FILES:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
        path.chmod(0o644)
    for path in (folder, *folder.rglob("*")):
        if path.is_dir():
            path.chmod(0o755)
    return folder


def modes(folder: Path) -> set[tuple[bool, int]]:
    """Whether each entry is a folder, and its mode."""
    return {(path.is_dir(), path.stat().st_mode & 0o777) for path in (folder, *folder.rglob("*"))}


def test_an_existing_data_directory_is_closed_to_others(tmp_path: Path) -> None:
    folder = made(tmp_path / "data")
    found = close_to_others(folder)
    assert modes(folder) == {(True, 0o700), (False, 0o600)}
    assert {str(path.relative_to(folder)) for path in found.closed} >= set(FILES)
    assert "could read" in found.words()
    assert close_to_others(folder) == permissions.Closed(), "the next start finds nothing to do"


def test_targets_of_links_and_files_of_postgresql_keep_their_permissions(tmp_path: Path) -> None:
    folder, elsewhere = made(tmp_path / "data"), tmp_path / "elsewhere"
    elsewhere.write_text("x")
    elsewhere.chmod(0o644)
    (folder / "link").symlink_to(elsewhere)
    inside = folder / "postgres" / "PG_VERSION"
    inside.parent.mkdir(mode=0o755)
    inside.write_text("18")
    inside.chmod(0o640)
    close_to_others(folder)
    assert elsewhere.stat().st_mode & 0o777 == 0o644
    assert inside.stat().st_mode & 0o777 == 0o640
    assert inside.parent.stat().st_mode & 0o777 == 0o700


def test_a_folder_that_holds_other_things_keeps_their_permissions(tmp_path: Path) -> None:
    folder = made(tmp_path / "checkout")
    (folder / ".git").mkdir()
    other = folder / "static.css"
    other.write_text("x")
    other.chmod(0o644)
    close_to_others(folder)
    assert other.stat().st_mode & 0o777 == 0o644
    assert (folder / "secret.key").stat().st_mode & 0o777 == 0o600
    assert (folder / "uploads/abc.csv").stat().st_mode & 0o777 == 0o600


def test_a_database_elsewhere_is_closed_as_well(tmp_path: Path) -> None:
    path = tmp_path / "other" / "db.sqlite3"
    path.parent.mkdir()
    sqlite3.connect(path).close()
    path.chmod(0o644)
    settings = settings_for_tests(tmp_path / "data", database_url=f"sqlite:///{path}")
    close_to_others(settings.data_dir, *settings.database_files)
    assert path.stat().st_mode & 0o777 == 0o600


def test_every_command_creates_private_files(monkeypatch: pytest.MonkeyPatch) -> None:
    before = os.umask(0o022)
    try:
        monkeypatch.setattr(cli, "cli", lambda **_: None)
        cli.main()
        assert os.umask(0o022) == 0o077
    finally:
        os.umask(before)
