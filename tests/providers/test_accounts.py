"""Provider accounts: what may be saved, and what changing one does."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar

import pytest
from flask import Flask
from pydantic import ValidationError

from campaigns.accounts.workspace import save_workspace
from campaigns.context import services
from campaigns.db import db, transaction
from campaigns.inputs import InvalidInputError
from campaigns.providers import accounts, health
from campaigns.providers.accounts import AccountInput, NotInDemoError
from campaigns.providers.models import ProviderAccount
from campaigns.providers.presets import Preset, presets
from campaigns.providers.registry import kind_of, settings_of
from campaigns.secrets import Vault
from tests.english import in_english, legacy_reason
from tests.factories import a_provider, a_sender

NOW = datetime(2030, 5, 4, 12, 0, tzinfo=UTC)
GOOD = {
    "name": "Relay",
    "host": "smtp.example.org",
    "port": "587",
    "security": "starttls",
    "username": "relay",
    "password": "s3cret pass",
    "per_second": "10",
    "per_day": "5000",
}


def form(form: Mapping[str, Any] = GOOD, /, **changes: Any) -> AccountInput:
    """A form as submitted, with some fields changed."""
    return AccountInput.read({**form, **changes})


def vault() -> Vault:
    return services().vault


def saved(**changes: Any) -> ProviderAccount:
    with transaction():
        return accounts.create(form(**changes), vault(), now=NOW)


def password_of(account: ProviderAccount) -> str:
    return vault().decrypt(account.credentials["password"])


def problems(account: ProviderAccount | None = None, /, **changes: Any) -> dict[str, str]:
    with pytest.raises(InvalidInputError) as caught, transaction():
        if account is None:
            accounts.create(form(**changes), vault(), now=NOW)
        else:
            accounts.change(account, form(**changes), vault())
    return {field: in_english(problem) for field, problem in caught.value.problems.items()}


def test_the_password_is_stored_encrypted(app: Flask) -> None:
    account = saved()
    assert "s3cret" not in str({**account.settings, **account.credentials})
    assert password_of(account) == "s3cret pass"
    assert (account.settings["port"], account.per_second, account.per_day) == (587, 10, 5000)


def test_an_account_without_a_login_needs_no_password(app: Flask) -> None:
    account = saved(username="", password="")
    assert (account.settings["username"], account.credentials) == ("", {})


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", " "),
        ("name", "x" * 101),
        ("host", ""),
        ("host", "https://smtp.example.org"),
        ("host", "smtp.example.org:587"),
        ("host", "smtp example.org"),
        ("host", "smtp.example.org\r\nRSET"),
        ("host", "-smtp.example.org"),
        ("host", "x" * 64 + ".example.org"),
        ("port", "0"),
        ("port", "65536"),
        ("port", "25; rm"),
        ("port", "²"),
        ("per_second", "-1"),
        ("per_second", "1.5"),
        ("per_day", "99999999999"),
        ("username", "re\r\nlay"),
        ("username", "rélay"),
        ("password", "pass\x00word"),
        ("password", "пароль"),
    ],
)
def test_an_invalid_value_is_refused_at_its_field(app: Flask, field: str, value: str) -> None:
    assert set(problems(**{field: value})) == {field}


def test_a_text_that_is_too_long_is_told_so(app: Flask) -> None:
    assert problems(password="x" * 501) == {
        "password": "This is too long. Use at most 500 characters."
    }


def test_every_problem_is_named_at_once(app: Flask) -> None:
    wrong = {"name": "", "host": "", "port": "x", "per_day": "x", "username": "", "password": "p"}
    assert set(problems(**wrong)) == {"name", "host", "port", "per_day", "username"}


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost", "LOCALHOST.", "127.8.8.8"])
def test_a_server_on_this_machine_needs_no_encryption(app: Flask, host: str) -> None:
    account = saved(host=host, security="none", username="", password="")
    assert account.settings["security"] == "none"


def test_another_machine_needs_encryption_or_a_confirmation(app: Flask) -> None:
    plain = {"security": "none", "username": "", "password": ""}
    assert set(problems(**plain)) == {"security"}
    assert saved(**plain, unencrypted_ok="1").settings["security"] == "none"


@pytest.mark.parametrize("host", ["smtp.example.org", "localhost.example.org", "10.0.0.1"])
def test_a_password_never_goes_unencrypted_to_another_machine(app: Flask, host: str) -> None:
    found = problems(host=host, security="none", unencrypted_ok="1")
    assert "others could read the password" in found["security"]


def test_account_names_are_unique(app: Flask) -> None:
    account = saved()
    assert set(problems()) == {"name"}
    with transaction():
        accounts.change(account, form(), vault())  # keeping its own name is allowed


def test_an_empty_password_keeps_the_stored_one(app: Flask) -> None:
    account = saved()
    with transaction():
        accounts.change(account, form(password="", per_day="7"), vault())
    assert password_of(account) == "s3cret pass"
    assert account.per_day == 7


@pytest.mark.parametrize(
    ("field", "value"),
    [("host", "evil.example"), ("username", "other"), ("port", "2525"), ("security", "tls")],
)
def test_the_stored_password_goes_to_no_other_server_port_encryption_or_user(
    app: Flask, field: str, value: str
) -> None:
    account = saved()
    elsewhere = {"password": "", field: value}
    assert set(problems(account, **elsewhere)) == {"password"}
    with pytest.raises(InvalidInputError):
        accounts.connection_test(form(**elsewhere), account, vault())


def test_removing_the_user_name_deletes_the_password(app: Flask) -> None:
    account = saved()
    with transaction():
        accounts.change(account, form(username="", password=""), vault())
    assert account.credentials == {}


def test_a_change_reopens_connections_and_clears_trouble(app: Flask) -> None:
    account = saved()
    before = account.version
    with transaction():
        health.note_trouble(account.id, legacy_reason("It refused the login."), now=NOW)
    with transaction():
        accounts.change(account, form(), vault())
    db.session.expire_all()
    assert account.version == before + 1
    assert (account.trouble, account.trouble_count, account.retry_at) == ("", 0, None)


def test_a_deleted_account_is_not_mistaken_for_a_new_one_with_its_id(app: Flask) -> None:
    first = saved()
    id_and_version = (first.id, first.version)
    with transaction():
        accounts.delete(first)
    second = saved()
    assert (second.id, second.version) != id_and_version


def test_an_account_in_use_cannot_be_deleted(app: Flask) -> None:
    with transaction():
        account = a_provider()
        a_sender("news@example.org", account)
    with pytest.raises(accounts.AccountInUseError, match="news@example.org"), transaction():
        accounts.delete(account)
    assert accounts.find(account.public_id) is not None


def test_a_connection_test_uses_the_stored_password_only_for_its_server(app: Flask) -> None:
    account = saved()
    login = accounts.connection_test(form(name="", password=""), account, vault()).login
    assert (login.host, login.password) == ("smtp.example.org", "s3cret pass")


class TestDemo:
    """The demo sends to its built-in mailbox and nowhere else."""

    @pytest.fixture(autouse=True)
    def demo(self, app: Flask) -> None:
        with transaction():
            save_workspace(demo=True)
            a_provider("Built-in mailbox", port=2525)

    @pytest.fixture
    def mailbox(self, demo: None) -> ProviderAccount:
        return db.session.query(ProviderAccount).one()

    STORED: ClassVar = {
        "name": "Built-in mailbox", "host": "127.0.0.1", "port": "2525", "security": "none",
    }  # fmt: skip

    def test_no_account_can_be_added(self) -> None:
        with pytest.raises(NotInDemoError), transaction():
            accounts.create(form(), vault(), now=NOW)

    def test_its_limits_may_be_changed(self, mailbox: ProviderAccount) -> None:
        with transaction():
            accounts.change(mailbox, form(self.STORED, per_second="50"), vault())
        assert mailbox.per_second == 50

    @pytest.mark.parametrize(
        ("field", "value"), [("host", "localhost"), ("port", "25"), ("security", "tls")]
    )
    def test_the_account_cannot_point_elsewhere(
        self, mailbox: ProviderAccount, field: str, value: str
    ) -> None:
        with pytest.raises(NotInDemoError), transaction():
            accounts.change(mailbox, form(self.STORED, **{field: value}), vault())
        assert (mailbox.settings["host"], mailbox.settings["port"]) == ("127.0.0.1", 2525)

    def test_the_account_cannot_be_deleted(self, mailbox: ProviderAccount) -> None:
        with pytest.raises(accounts.AccountInUseError, match="not_in_demo"), transaction():
            accounts.delete(mailbox)

    def test_no_other_server_is_tested(self, mailbox: ProviderAccount) -> None:
        for account, changed in ((None, form()), (mailbox, form(self.STORED, port="22"))):
            with pytest.raises(NotInDemoError):
                accounts.connection_test(changed, account, vault())
        test = accounts.connection_test(form(self.STORED), mailbox, vault())
        assert test.login.port == 2525


@pytest.mark.parametrize("preset", presets(2525), ids=lambda preset: preset.key)
def test_every_preset_can_be_saved(app: Flask, preset: Preset) -> None:
    needs_login = preset.security != "none"
    host = preset.host or "mail.example.org"
    account = saved(
        name=preset.key,
        host=host,
        port=str(preset.port),
        security=preset.security,
        username=preset.username or ("someone" if needs_login else ""),
        password="secret" if needs_login else "",
        per_second=str(preset.per_second),
        per_day=str(preset.per_day),
    )
    assert account.settings["host"] == host


def test_a_setting_that_another_release_stored_does_not_stop_an_account(app: Flask) -> None:
    with transaction():
        account = a_provider(host="smtp.example.org")
        account.settings = {**account.settings, "pipelining": "later"}
    assert settings_of(account).model_dump()["host"] == "smtp.example.org"
    with pytest.raises(ValidationError):
        kind_of(account).settings.model_validate(account.settings)


def test_the_id_of_a_deleted_account_is_not_used_again(app: Flask) -> None:
    with transaction():
        deleted = a_provider()
        number = deleted.id
        accounts.delete(deleted)
    with transaction():
        assert a_provider().id > number, "its log and counts would become those of another account"
