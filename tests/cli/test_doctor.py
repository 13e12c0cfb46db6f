"""`campaigns doctor` finds what is wrong and says what to do."""

import itertools
import os
from datetime import timedelta
from pathlib import Path

import pytest
from redis import Redis
from rq import Queue, SimpleWorker
from rq.serializers import JSONSerializer

from campaigns import migrate
from campaigns.app import create_app
from campaigns.cli import checks
from campaigns.cli.checks import Diagnosis
from campaigns.clock import utcnow
from campaigns.config import Settings
from campaigns.db import db, transaction
from campaigns.jobs import monitor
from campaigns.supervisor import status
from tests.cli.conftest import Run
from tests.conftest import settings_for_tests
from tests.factories import a_provider


def levels(findings: list[Diagnosis]) -> dict[str, str]:
    return {finding.what: finding.level for finding in findings}


def test_every_problem_says_what_to_do(run: Run) -> None:
    result = run("doctor", "--no-smtp")
    assert result.exit_code == 1
    assert "Traceback" not in result.output
    lines = result.output.splitlines()
    for line, following in itertools.pairwise(lines):
        if line.startswith(("warning", "PROBLEM")):
            assert following.startswith(" " * 11), line


@pytest.mark.parametrize(
    ("public_url", "level", "word"),
    [
        ("", "warning", "PUBLIC_URL is not set"),
        ("http://news.example.org", "warning", "not encrypted"),
        ("https://news.example.org", "ok", "https://news.example.org"),
    ],
)
def test_the_public_url(tmp_path: Path, public_url: str, level: str, word: str) -> None:
    found = checks.check_address(settings_for_tests(tmp_path, public_url=public_url))
    assert found.level == level
    assert word in found.text


def test_a_missing_data_directory_is_a_problem(tmp_path: Path) -> None:
    assert checks.check_data_dir(settings_for_tests(tmp_path)).level == "ok"
    assert checks.check_data_dir(settings_for_tests(tmp_path / "no")).level == "problem"


def test_a_full_disk_is_a_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "NO_SPACE_BYTES", 2**70)
    assert checks.check_data_dir(settings_for_tests(tmp_path)).level == "problem"


def test_files_that_others_can_read_are_closed_and_named(tmp_path: Path) -> None:
    settings = settings_for_tests(tmp_path / "data", secret_key="")
    assert settings.keys
    key = settings.data_dir / "secret.key"
    key.chmod(0o644)
    first, again = (
        [found for found in checks.check_permissions(settings) if found.level != "ok"][:1]
        for _ in "12"
    )
    assert first[0].level == "warning"
    assert f"could read {key}" in first[0].text
    assert "replace the secret key" in first[0].advice
    assert key.stat().st_mode & 0o777 == 0o600
    assert not [found for found in again if "could read" in found.text]
    assert checks.check_secret_key(settings).level == "ok"


def test_a_world_writable_parent_folder_is_a_warning(tmp_path: Path) -> None:
    above = tmp_path / "open"
    settings = settings_for_tests(above / "data")
    settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    above.chmod(0o777)
    [*_, found] = checks.check_permissions(settings)
    assert (found.level, str(above) in found.text) == ("warning", True)
    assert "Move the data directory" in found.advice


@pytest.mark.runs_on("sqlite", "postgresql")
def test_a_database_is_checked_for_version_and_migrations(settings: Settings) -> None:
    found = levels(list(checks.check_database(settings)))
    assert found["Database"] == "ok"
    assert found["Migrations"] == "ok"


def test_a_database_without_tables_asks_for_a_migration(tmp_path: Path) -> None:
    settings = settings_for_tests(tmp_path)
    (missing,) = checks.check_database(settings)
    assert missing.level == "problem"
    assert not (tmp_path / "campaigns.sqlite3").exists()
    migrate.upgrade(settings)
    migrate.downgrade(settings, "base")
    found = {finding.what: finding for finding in checks.check_database(settings)}
    assert found["Migrations"].level == "problem"
    assert found["Migrations"].advice == "Run: campaigns migrate"


def test_a_database_that_does_not_answer_is_a_problem(tmp_path: Path) -> None:
    url = "postgresql+psycopg://nobody@127.0.0.1:1/nothing"
    (found,) = checks.check_database(settings_for_tests(tmp_path, database_url=url))
    assert found.level == "problem"
    assert "Check DATABASE_URL" in found.advice


def test_a_redis_that_does_not_answer_is_a_problem(tmp_path: Path) -> None:
    (found,) = checks.check_redis(settings_for_tests(tmp_path))
    assert found.level == "problem"
    assert "Check REDIS_URL" in found.advice


def test_redis_settings_that_may_lose_work_are_found(tmp_path: Path, redis_url: str) -> None:
    settings = settings_for_tests(tmp_path, redis_url=redis_url)
    found = {finding.what: finding for finding in checks.check_redis(settings)}
    assert found["Redis"].level == "ok"
    assert found["Clock of Redis"].level == "ok"
    assert found["Redis settings"].level == "warning"  # the tests' server has no persistence
    redis = Redis.from_url(redis_url)
    redis.config_set("maxmemory-policy", "allkeys-lru")
    try:
        found = {finding.what: finding for finding in checks.check_redis(settings)}
        assert found["Redis settings"].level == "problem"
        assert "may delete waiting jobs" in found["Redis settings"].text
    finally:
        redis.config_set("maxmemory-policy", "noeviction")
        redis.close()


def test_lanes_without_a_worker_and_with_old_work_are_found(tmp_path: Path, redis_url: str) -> None:
    redis = Redis.from_url(redis_url)
    settings = settings_for_tests(tmp_path, redis_url=redis_url)
    queue = Queue("send", connection=redis, serializer=JSONSerializer)
    queue.enqueue("builtins.print", result_ttl=0)
    found = {finding.what: finding for finding in checks.check_redis(settings)}
    assert found["Lane send"].level == "problem"
    assert "no worker; 1 waiting" in found["Lane send"].text

    worker = SimpleWorker([queue], connection=redis, serializer=JSONSerializer)
    worker.register_birth()  # type: ignore[no-untyped-call]
    try:
        later = utcnow() + timedelta(seconds=90)
        (lane,) = [one for one in monitor.lanes(redis, now=later) if one.name == "send"]
        assert (lane.workers, lane.waiting) == (1, 1)
        assert lane.oldest_seconds is not None
        assert 89 < lane.oldest_seconds < 100
        far = utcnow() + timedelta(hours=1)
        assert all(one.workers == 0 for one in monitor.lanes(redis, now=far))
    finally:
        worker.register_death()  # type: ignore[no-untyped-call]
        redis.close()


def test_the_processes_of_up_are_checked(tmp_path: Path) -> None:
    settings = settings_for_tests(tmp_path)
    (found,) = checks.check_processes(settings)
    assert found.level == "ok"

    def write(pid: int, state: str) -> None:
        web = status.ProcessStatus("web", state, 4711, 3)
        when = "2026-01-01T00:00:00+00:00"
        status.write(
            tmp_path, status.Status(pid, when, "http://127.0.0.1:8000", False, 0, "", (web,))
        )

    write(os.getpid(), "running")
    assert [one.level for one in checks.check_processes(settings)] == ["ok"]
    write(os.getpid(), "waiting")
    (found,) = checks.check_processes(settings)
    assert found.level == "problem"
    assert "web is waiting (restarted 3 times)" in found.text
    write(2**22 + 1, "running")
    (found,) = checks.check_processes(settings)
    assert found.level == "warning"


@pytest.mark.runs_on("sqlite", "postgresql")
def test_missing_requirements_for_sending_are_named(settings: Settings) -> None:
    found = levels(list(checks.check_workspace(settings, ask_mail_servers=False)))
    assert found == {"Accounts": "warning", "Postal address": "warning", "Sending": "warning"}


def test_a_mail_server_that_does_not_answer_is_a_problem(settings: Settings) -> None:
    with create_app(settings).app_context():
        with transaction():
            a_provider("Our server", host="127.0.0.1", port=1)
        db.session.remove()
        db.engine.dispose()
    found = {one.what: one for one in checks.check_workspace(settings, ask_mail_servers=True)}
    assert found["Sending through Our server"].level == "problem"
    assert "Port 1 at 127.0.0.1 refused" in found["Sending through Our server"].text
