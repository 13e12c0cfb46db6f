"""Every route declares its access, public POSTs are limited, and GET changes nothing."""

import ast
import re

import pytest
from flask import Flask
from flask_limiter.util import get_qualified_name
from werkzeug.routing import Rule

from campaigns.access import declared_access
from campaigns.app import create_app
from campaigns.public import BLUEPRINTS
from campaigns.web_limits import limiter
from tests.architecture.source import ROOT, dotted, modules
from tests.conftest import settings_for_tests

WITHOUT_LIMIT = {
    "public_subscribe.confirm": "works only with a token that was signed and mailed by us",
    "login.login": "counts failures, not requests: see web.attempts",
}
"""Public routes that take a POST without a rate limit, and why."""


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Flask:
    return create_app(settings_for_tests(tmp_path_factory.mktemp("app")))


def rules(app: Flask) -> list[Rule]:
    return list(app.url_map.iter_rules())


def test_every_route_declares_its_access(app: Flask) -> None:
    silent = [
        rule.endpoint
        for rule in rules(app)
        if declared_access(app.view_functions[rule.endpoint]) is None
    ]
    assert silent == []


def test_only_pages_meant_for_strangers_are_public(app: Flask) -> None:
    names = {blueprint.name for blueprint in BLUEPRINTS}
    public = {
        rule.endpoint
        for rule in rules(app)
        if declared_access(app.view_functions[rule.endpoint]) == "public"
        and rule.endpoint.partition(".")[0] not in names
    }
    assert public == {
        "static",
        "login.login",
        "login.first_visit",
        "forgotten.forgot",
        "forgotten.check_your_email",
        "forgotten.reset",
    }
    assert all(name.startswith("public_") for name in names), "app.py distinguishes them by name"


def test_public_posts_have_a_rate_limit(app: Flask) -> None:
    unlimited = set()
    for rule in rules(app):
        view = app.view_functions[rule.endpoint]
        if declared_access(view) != "public" or "POST" not in (rule.methods or set()):
            continue
        name = get_qualified_name(view)
        if not limiter.limit_manager.decorated_limits(name):
            unlimited.add(rule.endpoint)
    assert unlimited == set(WITHOUT_LIMIT)


def test_each_route_has_one_list_of_methods(app: Flask) -> None:
    odd = {
        rule.endpoint: rule.methods
        for rule in rules(app)
        if (rule.methods or set()) - {"GET", "HEAD", "OPTIONS", "POST"}
    }
    assert odd == {}, "forms and links use GET and POST only"


def test_routes_that_only_accept_forms_redirect_to_a_page(app: Flask) -> None:
    pages = {rule.rule for rule in rules(app) if "GET" in (rule.methods or set())}
    lonely = {rule.rule for rule in rules(app)} - pages
    assert "/campaigns/<public_id>/pause" in lonely
    client = app.test_client()
    leads = {path: client.get(re.sub("<.*?>", "x", path)).location for path in lonely}
    of_home = {"/logout", "/restored/campaigns", "/restored/scheduled", "/restored/emails"}
    assert {path for path, page in leads.items() if page == "/"} == of_home
    assert leads["/campaigns/<public_id>/pause"] == "/campaigns/x"
    assert leads["/suppressions/<public_id>/lift"] == "/suppressions"


def test_other_methods_are_not_redirected(app: Flask) -> None:
    assert app.test_client().delete("/suppressions").status_code == 405


def _get_only_views() -> list[tuple[str, ast.FunctionDef]]:
    return [
        (f"{name}:{node.name}", node)
        for name, tree in modules().items()
        if name.startswith(("web/", "public/"))
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef) and any(map(_is_get, node.decorator_list))
    ]


def _is_get(mark: ast.expr) -> bool:
    return isinstance(mark, ast.Call) and dotted(mark.func) == "bp.get"


def test_a_page_that_is_only_viewed_opens_no_transaction() -> None:
    views = _get_only_views()
    assert len(views) > 10
    writing = [
        name
        for name, view in views
        for node in ast.walk(view)
        if isinstance(node, ast.Call) and dotted(node.func) in {"transaction", "saving"}
    ]
    assert writing == []


SENT_BY_SCRIPT = {"campaign-form", "content-form"}
"""Forms that a script saves, with the page's token as a header."""


def test_every_post_form_contains_the_csrf_token() -> None:
    whole = re.compile(r"<form\b[^>]*method=\"post\"[^>]*>.*?</form>", re.DOTALL)
    missing = [
        f"{path.name}: {form[:80]}"
        for path in sorted((ROOT / "templates" / "web").rglob("*.html"))
        for form in whole.findall(path.read_text("utf-8"))
        if "csrf()" not in form and not any(f'id="{name}"' in form for name in SENT_BY_SCRIPT)
    ]
    assert missing == []


def test_views_compare_the_method_with_post_only() -> None:
    """`if request.method == "GET"` would treat HEAD as a submitted form."""
    asked = {
        f"{name}:{node.lineno}"
        for name, tree in modules().items()
        if name.startswith(("web/", "public/"))
        for node in ast.walk(tree)
        if isinstance(node, ast.Compare | ast.Match)
        and any(dotted(part) == "request.method" for part in _expressions(node))
        and {part.value for part in ast.walk(node) if isinstance(part, ast.Constant)} != {"POST"}
    }
    assert asked == set()


def _expressions(node: ast.AST) -> list[ast.expr]:
    return [part for part in ast.walk(node) if isinstance(part, ast.expr)]
