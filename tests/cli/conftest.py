"""How the tests of the command line call it."""

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from campaigns.cli.group import cli

Run = Callable[..., Result]


@pytest.fixture
def surroundings(tmp_path: Path) -> dict[str, str]:
    """The environment of a command: a data directory of its own, and no Redis."""
    return {"DATA_DIR": str(tmp_path / "data"), "REDIS_URL": "redis://127.0.0.1:1/0"}


@pytest.fixture
def run(surroundings: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """Run `campaigns` with these arguments; `input` is typed or piped in."""
    monkeypatch.chdir(tmp_path)  # no .env of a developer is read

    def call(*arguments: str, input: str | None = None) -> Result:  # noqa: A002
        result = CliRunner().invoke(cli, list(arguments), input=input, env=surroundings)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return call


@pytest.fixture
def run_on(
    run: Run, surroundings: dict[str, str], database_url: str, monkeypatch: pytest.MonkeyPatch
) -> Run:
    """The same on a migrated, empty database of every kind."""
    surroundings["DATABASE_URL"] = database_url
    surroundings["SECRET_KEY"] = "a-key-for-tests-only-that-is-long-enough"
    return run
