"""No action behind the login can be triggered from another site."""

import re
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.routing import Rule

from campaigns.app import create_app
from tests.conftest import settings_for_tests
from tests.web.visits import visit

CHANGING = {"POST", "PUT", "PATCH", "DELETE"}


@cache
def changing_routes() -> list[tuple[str, str]]:
    """The method and a sample path of every route behind the login."""
    with TemporaryDirectory() as folder:
        app = create_app(settings_for_tests(Path(folder)))
    return sorted(
        (method, _path(rule))
        for rule in app.url_map.iter_rules()
        if not rule.endpoint.startswith("public_")
        for method in (rule.methods or set()) & CHANGING
    )


def _path(rule: Rule) -> str:
    """A path that the rule matches: the first choice, 1 for a number, x for anything else."""
    choice = re.sub(r"<any\((\w+)[^>]*>", r"\1", rule.rule)
    return re.sub(r"<(int[(:])?[^>]+>", lambda found: "1" if found[1] else "x", choice)


@pytest.fixture
def guarded(app: Flask, owner_client: FlaskClient) -> FlaskClient:
    """The owner's browser, with CSRF protection on as outside the tests."""
    app.config["WTF_CSRF_ENABLED"] = True
    return owner_client


def test_there_are_routes_to_check() -> None:
    paths = {path for _, path in changing_routes()}
    assert {"/login", "/logout", "/welcome", "/settings/account/password"} <= paths


def test_a_request_without_the_token_is_refused(guarded: FlaskClient) -> None:
    taken = {
        (method, path)
        for method, path in changing_routes()
        if (answer := visit(guarded, path, method, data={"a": "b"})).status_code != 400
        or "This page was open for too long" not in answer.text
    }
    assert taken == set()


def test_a_lost_login_is_reported_before_a_missing_token(guarded: FlaskClient) -> None:
    guarded.delete_cookie("campaigns")
    script = {"HX-Request": "true", "Accept": "application/json"}
    assert visit(guarded, "/campaigns/x/save", "POST", headers=script).status_code == 401
    assert visit(guarded, "/settings/workspace", "POST").location.startswith("/login")


def test_a_script_gets_the_error_as_json(guarded: FlaskClient) -> None:
    script = {"HX-Request": "true", "Accept": "application/json"}
    answer = visit(guarded, "/campaigns/x/save", "POST", headers=script)
    assert answer.status_code == 400
    assert "open for too long" in answer.get_json()["message"]


def test_a_wrong_token_is_refused(guarded: FlaskClient) -> None:
    form = {"csrf_token": "IjEyMyI.abc.def", "name": "x"}
    assert visit(guarded, "/settings/workspace", "POST", data=form).status_code == 400


def test_the_token_of_the_page_is_accepted(guarded: FlaskClient) -> None:
    page = visit(guarded, "/settings/workspace")
    found = re.search(r'name="csrf_token" value="([^"]+)"', page.text)
    assert found is not None
    form = {"csrf_token": found[1], "name": "Harbour Books", "time_zone": "UTC"}
    form |= {"undo_seconds": "5", "overdue_minutes": "60"}
    assert visit(guarded, "/settings/workspace", "POST", data=form).status_code == 302


def test_the_token_of_another_session_is_refused(app: Flask, guarded: FlaskClient) -> None:
    stranger = app.test_client()
    page = visit(stranger, "/login")
    found = re.search(r'name="csrf_token" value="([^"]+)"', page.text)
    assert found is not None
    form = {"csrf_token": found[1], "time_zone": "UTC", "undo_seconds": "5"}
    assert visit(guarded, "/settings/workspace", "POST", data=form).status_code == 400
