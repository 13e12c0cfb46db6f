"""Run commands as tests of the command line do."""

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from campaigns.cli.group import cli

Run = Callable[..., Result]


@pytest.fixture
def command_environment(tmp_path: Path) -> dict[str, str]:
    """The environment of a command: its own data directory, and no Redis."""
    return {"DATA_DIR": str(tmp_path / "data"), "REDIS_URL": "redis://127.0.0.1:1/0"}


@pytest.fixture
def run(
    command_environment: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Run:
    """Run `campaigns` with these arguments; `input` is its standard input."""
    monkeypatch.chdir(tmp_path)  # no .env file of the developer is read

    def call(*arguments: str, input: str | None = None) -> Result:  # noqa: A002
        result = CliRunner().invoke(cli, list(arguments), input=input, env=command_environment)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return call


@pytest.fixture
def run_on(
    run: Run,
    command_environment: dict[str, str],
    database_url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> Run:
    """Run `campaigns` on a migrated, empty database of each kind."""
    command_environment["DATABASE_URL"] = database_url
    command_environment["SECRET_KEY"] = "a-key-for-tests-only-that-is-long-enough"
    return run
