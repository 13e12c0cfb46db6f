"""User accounts from the command line."""

from campaigns.accounts import sessions, users
from campaigns.app import create_app
from campaigns.clock import utcnow
from campaigns.config import load_settings
from campaigns.db import transaction
from tests.cli.conftest import Run

PASSWORD = "correct horse battery"


def made(run: Run, address: str = "owner@example.org") -> None:
    result = run("create-admin", "--address", address, "--password-stdin", input=f"{PASSWORD}\n")
    assert result.exit_code == 0, result.output


def test_a_created_account_can_log_in(run_on: Run, command_environment: dict[str, str]) -> None:
    made(run_on)
    with create_app(load_settings(**_settings(command_environment))).app_context():
        assert users.verify("owner@example.org", PASSWORD) is not None


def _settings(command_environment: dict[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in command_environment.items()}


def test_missing_values_are_asked_for(run_on: Run) -> None:
    typed = f"owner@example.org\n{PASSWORD}\n{PASSWORD}\n"
    result = run_on("create-admin", input=typed)
    assert result.exit_code == 0
    assert "Account created: owner@example.org can log in now." in result.output
    assert PASSWORD not in result.output


def test_a_weak_password_and_an_address_in_use_are_refused(run_on: Run) -> None:
    weak = run_on("create-admin", "--address", "a@example.org", "--password-stdin", input="short\n")
    assert weak.exit_code == 1
    assert "at least 10 characters" in weak.output
    made(run_on)
    again = run_on(
        "create-admin", "--address", "OWNER@example.org", "--password-stdin", input=PASSWORD
    )
    assert again.exit_code == 1
    assert "already exists" in again.output


def test_a_new_password_ends_the_sessions(run_on: Run, command_environment: dict[str, str]) -> None:
    made(run_on)
    with create_app(load_settings(**_settings(command_environment))).app_context(), transaction():
        owner = users.find_user("owner@example.org")
        assert owner is not None
        token = sessions.start(owner.id, network="", user_agent="", now=utcnow())
    result = run_on(
        "reset-password", "owner@example.org", "--password-stdin", input="another long phrase\n"
    )
    assert result.exit_code == 0
    with create_app(load_settings(**_settings(command_environment))).app_context():
        assert users.verify("owner@example.org", PASSWORD) is None
        user = users.verify("owner@example.org", "another long phrase")
        assert user is not None
        assert sessions.find(token, now=utcnow()) is None


def test_the_password_of_an_unknown_address_cannot_be_reset(run_on: Run) -> None:
    result = run_on("reset-password", "nobody@example.org", "--password-stdin", input="x\n")
    assert result.exit_code == 1
    assert "There is no account nobody@example.org" in result.output


def test_a_database_without_tables_is_reported(run: Run) -> None:
    result = run("create-admin", "--address", "a@example.org")
    assert result.exit_code == 1
    assert "campaigns migrate" in result.output
