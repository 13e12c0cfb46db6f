"""Headers of every page, and what no template may contain."""

import re
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from campaigns.app import create_app
from campaigns.paths import resource_root
from campaigns.web.static_files import asset
from tests.conftest import settings_for_tests
from tests.web.visits import visit

TEMPLATES = resource_root() / "templates"
IN_A_FRAME = {"preview_problem.html", "preview_text.html"}
"""Shown in the frame of the preview, which has a policy of its own: styles, but no scripts."""
PAGES = sorted(
    path
    for path in TEMPLATES.rglob("*.html")
    if path.relative_to(TEMPLATES).parts[0] not in {"mail", "newsletter"}
)


@pytest.fixture(scope="module")
def plain_get_paths(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    app = create_app(settings_for_tests(tmp_path_factory.mktemp("paths")))
    return sorted(
        rule.rule
        for rule in app.url_map.iter_rules()
        if "GET" in (rule.methods or set()) and not rule.arguments
    )


def check_headers(answer_headers: dict[str, str], path: str) -> None:
    policy = answer_headers["Content-Security-Policy"]
    rules = {part.split()[0]: part.split()[1:] for part in policy.split(";") if part.strip()}
    assert rules["default-src"] == ["'none'"], path
    assert "'unsafe-eval'" not in policy, path
    assert "'unsafe-inline'" not in rules.get("script-src", []), path
    assert "frame-ancestors" in rules, path
    assert answer_headers["X-Content-Type-Options"] == "nosniff", path
    assert answer_headers["Referrer-Policy"] in {"same-origin", "no-referrer"}, path


@pytest.mark.runs_on("sqlite", "postgresql")
def test_every_page_has_a_strict_content_policy(
    owner_client: FlaskClient, plain_get_paths: list[str]
) -> None:
    assert {"/", "/settings", "/campaigns", "/lists", "/health"} <= set(plain_get_paths)
    for path in plain_get_paths:
        answer = visit(owner_client, path)
        assert answer.status_code < 500 or path == "/health", path
        check_headers(dict(answer.headers), path)


@pytest.mark.parametrize("path", ["/nowhere", "/u/nonsense", "/login", "/welcome", "/logout"])
def test_strangers_get_the_same_policy(client: FlaskClient, path: str) -> None:
    check_headers(dict(visit(client, path).headers), path)


def test_static_files_are_cached_but_pages_are_not(owner_client: FlaskClient) -> None:
    assert visit(owner_client, "/settings").headers["Cache-Control"] == "no-store"
    assert "no-store" not in visit(owner_client, asset("css/app.css")).headers["Cache-Control"]


def test_https_is_enforced_once_it_was_used(app: Flask, client: FlaskClient) -> None:
    secure = visit(client, "/login", base_url="https://news.example.org")
    assert "max-age" in secure.headers["Strict-Transport-Security"]
    assert "Strict-Transport-Security" not in visit(client, "/login").headers


def test_a_crash_reveals_no_internals(app: Flask, client: FlaskClient) -> None:
    app.testing = False
    app.view_functions["login.login"] = _crash
    answer = visit(client, "/login")
    assert answer.status_code == 500
    assert "secret detail" not in answer.text
    assert "logged as number" in answer.text
    check_headers(dict(answer.headers), "/login")


def _crash() -> str:
    raise RuntimeError("secret detail")


_crash._campaigns_access = "public"  # type: ignore[attr-defined]

FORBIDDEN = {
    "a script in the page": re.compile(
        r"""<script(?![^>]*(?:\bsrc=|\btype="application/json"))""", re.IGNORECASE
    ),
    "a style in the page": re.compile(r"<style\b", re.IGNORECASE),
    "a style attribute": re.compile(r"<[^>]*\sstyle\s*=", re.IGNORECASE),
    "an event handler": re.compile(r"<[^>]*\son[a-z]+\s*=", re.IGNORECASE),
    "a javascript: link": re.compile(r"javascript:", re.IGNORECASE),
    "a page part run as script": re.compile(r"hx-on|hx-vals=.js:|hx-vars", re.IGNORECASE),
    "unescaped output": re.compile(r"\|\s*safe\b|autoescape\s+false"),
}


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(TEMPLATES)))
def test_templates_contain_nothing_that_the_policy_forbids(path: Path) -> None:
    text = re.sub(r"\{#.*?#\}", "", path.read_text("utf-8"), flags=re.DOTALL)
    # Jinja expressions between quotes are not markup.
    markup = re.sub(r"\{%.*?%\}|\{\{.*?\}\}", "", text, flags=re.DOTALL)
    found = [
        name
        for name, pattern in FORBIDDEN.items()
        if not (name == "a style in the page" and path.name in IN_A_FRAME)
        and pattern.search(text if name == "unescaped output" else markup)
    ]
    assert found == []


def test_the_error_page_works_without_the_database(tmp_path: Path) -> None:
    settings = settings_for_tests(
        tmp_path, database_url="postgresql+psycopg://nobody@127.0.0.1:1/none"
    )
    app = create_app(settings)
    client = app.test_client()
    with client.session_transaction() as session:
        session["_user_id"] = "somebody"
    answer = client.get("/")
    assert answer.status_code == 503
    assert answer.headers["Retry-After"]
    assert "Try again in a minute" in answer.text
