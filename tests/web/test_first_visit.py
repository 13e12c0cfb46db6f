"""The first visit creates the owner's account, once."""

import re
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from campaigns.accounts import setup, users
from campaigns.app import create_app
from campaigns.cli.checks import check_workspace
from campaigns.config import Settings
from campaigns.supervisor.first_account import announce_first_account, first_account_link
from campaigns.tokens import Signer
from tests.conftest import SECRET_KEY, settings_for_tests
from tests.web.visits import visit

TOKEN = setup.token(Signer([SECRET_KEY]))
FORM = {
    "token": TOKEN,
    "workspace": "Harbour Coffee",
    "name": "Olga",
    "address": "owner@example.org",
    "password": "correct horse battery",
    "password_again": "correct horse battery",
}


def field_of(page: str, name: str) -> str:
    found = re.search(rf'<input[^>]* name="{name}"[^>]*>', page)
    assert found is not None
    return found[0]


def test_every_page_redirects_to_the_first_visit(client: FlaskClient) -> None:
    assert visit(client, "/").location == "/login?next=/"
    assert visit(client, "/login").location == "/welcome"
    assert visit(client, "/welcome").status_code == 200


def test_the_owner_is_logged_in_afterwards(client: FlaskClient) -> None:
    assert visit(client, "/welcome", "POST", data=FORM).location == "/"
    page = visit(client, "/")
    assert page.status_code == 200
    assert "Harbour Coffee" in page.text


@pytest.mark.runs_on("sqlite", "postgresql")
def test_it_is_closed_once_there_is_an_account(client: FlaskClient) -> None:
    visit(client, "/welcome", "POST", data=FORM)
    visit(client, "/logout", "POST")
    second = {**FORM, "address": "second@example.org"}
    assert visit(client, "/welcome").location == "/login"
    assert visit(client, "/welcome", "POST", data=second).location == "/login"
    assert users.find_user("second@example.org") is None
    assert visit(client, "/").status_code == 302


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"password_again": "other"}, "The two passwords differ."),
        ({"password": "short", "password_again": "short"}, "at least 10 characters"),
        ({"workspace": "  "}, "Enter the name of your organization."),
        ({"address": "nonsense"}, "@"),
        ({"address": "a\x01b@example.org"}, "control character"),
    ],
)
def test_an_error_keeps_the_form_without_passwords(
    client: FlaskClient, change: dict[str, str], words: str
) -> None:
    answer = visit(client, "/welcome", "POST", data={**FORM, **change})
    assert answer.status_code == 422
    assert words in answer.text
    assert 'value="Olga"' in answer.text
    assert FORM["password"] not in answer.text
    assert not users.has_users()


def test_it_is_rate_limited(client: FlaskClient) -> None:
    codes = [visit(client, "/welcome", "POST", data={}).status_code for _ in range(21)]
    assert (codes[0], codes[-1]) == (403, 429)


@pytest.mark.parametrize("typed", ["", "wrong", TOKEN[:-1], TOKEN.swapcase(), "é", "\x01", " " * 3])
def test_without_the_setup_token_no_account_is_created(client: FlaskClient, typed: str) -> None:
    answer = visit(client, "/welcome", "POST", data={**FORM, "token": typed})
    assert answer.status_code == 403
    assert "The setup token is wrong" in answer.text
    assert "autofocus" in field_of(answer.text, "token"), "the token must be typed again"
    assert "autofocus" not in field_of(answer.text, "workspace")
    assert TOKEN not in answer.text
    assert not users.has_users()


def test_the_link_in_the_log_fills_in_the_token_without_leaking_it(client: FlaskClient) -> None:
    page = visit(client, f"/welcome?token={TOKEN}")
    assert f'value="{TOKEN}"' in page.text
    assert "autofocus" in field_of(page.text, "workspace")
    assert 'action="/welcome"' in page.text
    assert page.headers["Referrer-Policy"] == "no-referrer"
    assert not users.has_users()
    assert visit(client, "/welcome", "POST", data=FORM).location == "/"


@pytest.mark.parametrize(
    ("values", "is_needed"),
    [
        ({}, False),
        ({"host": "localhost"}, False),
        ({"host": "::1"}, False),
        ({"host": "127.1.2.3"}, False),
        ({"host": "0.0.0.0"}, True),  # noqa: S104
        ({"host": "::"}, True),
        ({"host": "192.0.2.7"}, True),
        ({"host": "campaigns.internal"}, True),
        ({"public_url": "https://news.example.org"}, True),
        ({"trusted_proxies": 1}, True),
        ({"trusted_hosts": "news.example.org"}, True),
        ({"trusted_hosts": "localhost,[::1]"}, False),
    ],
)
def test_it_is_needed_where_strangers_can_reach_the_page(
    tmp_path: Path, values: dict[str, object], is_needed: bool
) -> None:
    settings = settings_for_tests(tmp_path, **{"public_url": "", **values})
    assert setup.is_token_needed(settings) is is_needed


def test_on_this_machine_no_token_is_required(settings: Settings) -> None:
    app = create_app(settings.model_copy(update={"public_url": ""}))
    app.config["WTF_CSRF_ENABLED"] = False
    client = app.test_client()
    assert "Setup token" not in visit(client, "/welcome").text
    form = {name: value for name, value in FORM.items() if name != "token"}
    for name in ("Forwarded", "Via", "X-Real-IP", "X-Forwarded-For", "X-Forwarded-Host"):
        proxied = visit(client, "/welcome", "POST", data=form, headers={name: "198.51.100.7"})
        assert proxied.status_code == 403, f"{name} shows a proxy that no setting names"
        assert "Setup token" in proxied.text
    assert visit(client, "/welcome", "POST", data=form).location == "/"


def test_the_link_is_logged_until_there_is_an_account(
    app: Flask, client: FlaskClient, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    link = f"https://news.example.org/welcome?token={TOKEN}"
    assert first_account_link(settings) == link
    announce_first_account(settings)
    assert TOKEN in capsys.readouterr().out
    advice = [finding.advice for finding in check_workspace(settings, ask_mail_servers=False)]
    assert any(link in sentence for sentence in advice), "campaigns doctor shows it as well"
    visit(client, "/welcome", "POST", data=FORM)
    assert first_account_link(settings) is None
    announce_first_account(settings)
    assert TOKEN not in capsys.readouterr().out


def test_a_token_of_another_installation_is_invalid() -> None:
    assert not setup.is_right(Signer(["another key that is long enough to be one"]), TOKEN)
    assert setup.is_right(Signer(["a newer key that is long enough for it", SECRET_KEY]), TOKEN)
