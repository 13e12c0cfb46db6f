"""Settings: from the environment, checked all at once."""

import errno
import os
import stat
import threading
from pathlib import Path

import pytest

from campaigns.config import Settings, SettingsError, load_settings
from tests.conftest import settings_for_tests


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run in a folder without a .env file."""
    monkeypatch.chdir(tmp_path)


def test_every_wrong_variable_is_reported_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = {
        "PORT": "99999",
        "PUBLIC_URL": "news.example.org",
        "DATABASE_URL": "mysql://x",
        "REDIS_URL": "http://x",
        "SECRET_KEY": "short",
        "TRUSTED_PROXIES": "many",
        "WEB_THREADS": "0",
        "LOG_LEVEL": "loud",
        "LOG_FORMAT": "xml",
        "MAILBOX_PORT": "-1",
    }
    for name, value in wrong.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert set(caught.value.problems) == set(wrong)
    for name in wrong:
        assert f"  {name}: " in str(caught.value)


def test_a_secret_is_never_repeated_in_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY", "hunter2")
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert "hunter2" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_secrets_are_hidden_when_settings_are_printed(tmp_path: Path) -> None:
    settings = settings_for_tests(tmp_path, secret_key_fallbacks="older-key-of-good-length-" * 2)
    assert settings.secret_key.get_secret_value() not in repr(settings)
    assert "older-key" not in repr(settings)


def test_the_environment_wins_over_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".env").write_text("PORT=9001\nHOST=news.example.org\nSOMETHING_ELSE=1\n")
    monkeypatch.setenv("PORT", "9002")
    settings = load_settings()
    assert (settings.port, settings.host) == (9002, "news.example.org")


def test_settings_cannot_be_changed(tmp_path: Path) -> None:
    settings = settings_for_tests(tmp_path)
    with pytest.raises(ValueError, match="frozen"):
        settings.port = 1  # type: ignore[misc]


@pytest.mark.parametrize(
    ("given", "used"),
    [
        ("postgres://u:p@h/db", "postgresql+psycopg://u:p@h/db"),
        ("postgresql://h/db", "postgresql+psycopg://h/db"),
        ("postgresql+psycopg://h/db", "postgresql+psycopg://h/db"),
        ("sqlite:////srv/x.sqlite3", "sqlite:////srv/x.sqlite3"),
    ],
)
def test_each_usual_form_of_a_database_url_is_accepted(
    tmp_path: Path, given: str, used: str
) -> None:
    settings = settings_for_tests(tmp_path, database_url=given)
    assert settings.sqlalchemy_url == used
    assert settings.is_sqlite == given.startswith("sqlite")


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///", "sqlite:///:memory:"])
def test_an_in_memory_database_is_refused(tmp_path: Path, url: str) -> None:
    with pytest.raises(ValueError, match="must name a file"):
        settings_for_tests(tmp_path, database_url=url)


def test_the_default_database_is_a_file(tmp_path: Path) -> None:
    settings = settings_for_tests(tmp_path)
    assert settings.sqlalchemy_url == f"sqlite:///{tmp_path / 'campaigns.sqlite3'}"


@pytest.mark.parametrize(
    "url",
    [
        "ftp://news.example.org",
        "https://",
        "https://news.example.org/?a=b",
        "https://news.example.org/#x",
        "https://user:pass@news.example.org",
    ],
)
def test_an_invalid_public_url_is_refused(tmp_path: Path, url: str) -> None:
    with pytest.raises(ValueError, match="public_url"):
        settings_for_tests(tmp_path, public_url=url)


def test_the_public_url_in_emails(tmp_path: Path) -> None:
    with_path = settings_for_tests(tmp_path, public_url="https://example.org/news/")
    assert with_path.base_url == "https://example.org/news"
    bare = settings_for_tests(tmp_path, public_url="", host="::", port=8123)
    assert bare.base_url == "http://127.0.0.1:8123"


def test_a_key_is_created_once_and_kept_private(tmp_path: Path) -> None:
    first = settings_for_tests(tmp_path / "new", secret_key="").keys
    assert settings_for_tests(tmp_path / "new", secret_key="").keys == first
    assert len(first[0]) >= 32
    assert stat.S_IMODE((tmp_path / "new" / "secret.key").stat().st_mode) == 0o600


def test_processes_that_start_together_share_one_key(tmp_path: Path) -> None:
    start = threading.Barrier(8)
    found = set()

    def read() -> None:
        settings = settings_for_tests(tmp_path, secret_key="")
        start.wait()
        found.add(settings.keys[0])

    threads = [threading.Thread(target=read) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 1
    assert "" not in found


def test_older_keys_follow_the_new_one(tmp_path: Path) -> None:
    older = ("a" * 40, "b" * 40)
    settings = settings_for_tests(tmp_path, secret_key_fallbacks=f" {older[0]} ,,{older[1]}")
    assert settings.keys[1:] == older


def test_the_error_names_a_read_only_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError, match="DATA_DIR"):
        settings_for_tests(tmp_path / "file", secret_key="").keys  # noqa: B018


def test_an_empty_key_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("campaigns.config.KEY_TRIES", 2)
    (tmp_path / "secret.key").write_text("\n")
    with pytest.raises(SettingsError, match="is empty"):
        settings_for_tests(tmp_path, secret_key="").keys  # noqa: B018


def test_a_full_disk_leaves_no_empty_key_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(handle: int, mode: str) -> None:
        os.close(handle)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr("campaigns.config.os.fdopen", full)
        with pytest.raises(SettingsError, match="No space left on device"):
            settings_for_tests(tmp_path, secret_key="").keys  # noqa: B018
    assert len(settings_for_tests(tmp_path, secret_key="").keys[0]) >= 32


def test_two_folders_have_two_socket_folders_with_short_names(tmp_path: Path) -> None:
    first = settings_for_tests(tmp_path / ("x" * 150)).runtime_dir
    second = settings_for_tests(tmp_path / "y").runtime_dir
    assert first != second
    assert len(str(first / "kv.sock")) < 100


def test_by_default_only_this_machine_has_access() -> None:
    settings = Settings(_env_file=None)
    assert settings.host == "127.0.0.1", "nobody else can reach it before setup"
    assert settings.trusted_proxies == 0, "headers of strangers are ignored"
