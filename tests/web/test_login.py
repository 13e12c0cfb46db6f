"""Logging in and out, and what must not be possible."""

from pathlib import Path
from urllib.parse import quote

import pytest
from flask import Flask
from flask.testing import FlaskClient

from campaigns.accounts import users
from campaigns.app import create_app
from campaigns.clock import utcnow
from campaigns.config import Settings
from campaigns.db import db, transaction
from tests.conftest import settings_for_tests
from tests.web.visits import visit

PASSWORD = "correct horse battery"
GOOD = {"address": "owner@example.org", "password": PASSWORD}
BAD = {"address": "owner@example.org", "password": "wrong"}


@pytest.fixture
def owner(app: Flask) -> None:
    with transaction():
        users.create_user("owner@example.org", PASSWORD, now=utcnow())


@pytest.mark.usefixtures("owner")
def test_the_right_password_logs_in(client: FlaskClient) -> None:
    answer = visit(client, "/login", "POST", data=GOOD)
    assert (answer.status_code, answer.location) == (302, "/")
    assert visit(client, "/").status_code == 200


@pytest.mark.usefixtures("owner")
@pytest.mark.parametrize(
    "form",
    [
        BAD,
        {},
        {"address": "nobody@example.org", "password": PASSWORD},
        {"address": "' OR 1=1 --", "password": "x"},
        {"address": "a\x01b", "password": "\x01"},
        {"address": "owner@example.org", "password": "x" * 60_000},
    ],
)
def test_every_failure_has_the_same_message(client: FlaskClient, form: dict[str, str]) -> None:
    answer = visit(client, "/login", "POST", data=form)
    assert answer.status_code == 422
    assert "The email address or password is wrong." in answer.text
    assert visit(client, "/").location == "/login?next=/"


@pytest.mark.usefixtures("owner")
def test_a_session_from_before_the_login_does_not_survive_it(client: FlaskClient) -> None:
    visit(client, "/login")
    with client.session_transaction() as before:
        before["planted"] = "by somebody else"
    visit(client, "/login", "POST", data=GOOD)
    with client.session_transaction() as after:
        assert "planted" not in after
        assert after["_user_id"]


@pytest.mark.usefixtures("owner")
@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example/",
        "//evil.example",
        "///evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "/\t/evil.example",
        "/\n/evil.example",
        "\t//evil.example",
        "https:evil.example",
        "javascript:alert(1)",
        "data:text/html,x",
        "//[",
        "http://[::1",
        "evil.example",
        "",
        "/a\r\nSet-Cookie: x=y",
        "/\u2028/evil.example",
    ],
)
def test_a_login_never_leads_to_another_site(client: FlaskClient, target: str) -> None:
    answer = visit(client, f"/login?next={quote(target)}", "POST", data=GOOD)
    assert (answer.status_code, answer.location) == (302, "/")
    assert "x" not in {cookie.partition("=")[0] for cookie in answer.headers.getlist("Set-Cookie")}


@pytest.mark.usefixtures("owner")
def test_a_login_returns_to_the_requested_page(client: FlaskClient) -> None:
    asked = visit(client, "/subscribers?q=a%20b&state=pending")
    assert asked.status_code == 302
    answer = visit(client, asked.location, "POST", data=GOOD)
    assert answer.location == "/subscribers?q=a%20b&state=pending"


@pytest.mark.usefixtures("owner")
def test_a_partial_request_sends_the_whole_page_to_the_login(client: FlaskClient) -> None:
    answer = visit(client, "/campaigns", headers={"HX-Request": "true"})
    assert (answer.status_code, answer.headers["HX-Redirect"]) == (401, "/login")


@pytest.mark.usefixtures("owner")
def test_logging_out_is_a_post(client: FlaskClient) -> None:
    visit(client, "/login", "POST", data=GOOD)
    assert visit(client, "/logout").location == "/"
    assert visit(client, "/").status_code == 200
    assert visit(client, "/logout", "POST").location == "/login"
    assert visit(client, "/").status_code == 302


@pytest.mark.usefixtures("owner")
def test_a_password_reset_ends_the_session(client: FlaskClient) -> None:
    visit(client, "/login", "POST", data=GOOD)
    with transaction():
        user = users.find_user("owner@example.org")
        assert user is not None
        users.set_password(user, "another good password")
    assert visit(client, "/").status_code == 302


@pytest.mark.runs_on("sqlite", "postgresql")
@pytest.mark.usefixtures("owner")
def test_a_session_of_a_deleted_account_is_invalid(client: FlaskClient) -> None:
    visit(client, "/login", "POST", data=GOOD)
    with transaction():
        db.session.delete(users.find_user("owner@example.org"))
        users.create_user("second@example.org", PASSWORD, now=utcnow())
    assert "second@example.org" not in visit(client, "/").text


@pytest.mark.usefixtures("owner")
@pytest.mark.parametrize("planted", ["", "1", "1.1", "x.y", "²." + "0", "999999999999.0", "-1.0"])
def test_a_malformed_session_is_ignored(client: FlaskClient, planted: str) -> None:
    with client.session_transaction() as session:
        session["_user_id"] = planted
    assert visit(client, "/").status_code == 302


@pytest.mark.usefixtures("owner")
def test_the_session_cookie_is_protected_from_scripts_and_other_sites(
    client: FlaskClient,
) -> None:
    cookies = visit(client, "/login", "POST", data=GOOD).headers.getlist("Set-Cookie")
    assert {cookie.partition("=")[0] for cookie in cookies} == {"campaigns", "campaigns_device"}
    for cookie in cookies:
        parts = {part.strip() for part in cookie.split(";")}
        assert {"HttpOnly", "SameSite=Lax", "Secure"} <= parts  # PUBLIC_URL is https here


@pytest.mark.usefixtures("owner")
@pytest.mark.parametrize("scheme", ["https", "http"])
def test_cookies_are_secure_if_a_proxy_says_https(
    app: Flask, settings: Settings, tmp_path: Path, scheme: str
) -> None:
    """Even if PUBLIC_URL is not set."""
    values = {"public_url": "", "trusted_proxies": 1, "database_url": settings.database_url}
    proxied = create_app(settings_for_tests(tmp_path, **values))
    proxied.config["WTF_CSRF_ENABLED"] = False
    headers = {"X-Forwarded-Proto": scheme, "X-Forwarded-For": "198.51.100.7"}
    answer = visit(proxied.test_client(), "/login", "POST", data=GOOD, headers=headers)
    assert answer.status_code == 302
    for cookie in answer.headers.getlist("Set-Cookie"):
        assert ("Secure" in cookie) is (scheme == "https")


def test_without_https_the_cookie_works_as_well(tmp_path: Path) -> None:
    app = create_app(settings_for_tests(tmp_path, public_url="http://news.example.org"))
    assert app.config["SESSION_COOKIE_SECURE"] is False
    assert app.config["SESSION_COOKIE_HTTPONLY"] is True
