"""Access control. Every route declares who may see it; without a declaration it is refused."""

from collections.abc import Callable
from typing import Literal, TypeVar
from urllib.parse import quote

from flask import Flask, Response, abort, current_app, redirect, request
from flask_login import current_user

Level = Literal["public", "user"]
View = TypeVar("View", bound=Callable[..., object])

_LEVEL = "_campaigns_access"


def access(level: Level) -> Callable[[View], View]:
    """Declare the access of a route: `public` for anyone, `user` for logged-in users."""

    def mark(view: View) -> View:
        setattr(view, _LEVEL, level)
        return view

    return mark


def declared_access(view: Callable[..., object]) -> Level | None:
    """Return what the route declared; None if it declared nothing."""
    level: Level | None = getattr(view, _LEVEL, None)
    return level


def enforce(app: Flask) -> None:
    """Check each request against what its route declared."""
    app.before_request(_check)


def _check() -> Response | None:
    if request.endpoint is None:  # no such page: anyone may see the 404
        return None
    level = declared_access(current_app.view_functions[request.endpoint])
    if level == "public":
        return None
    if level is None:
        abort(403)
    if current_user.is_authenticated:
        return None
    return ask_for_login()


def ask_for_login() -> Response:
    """Redirect to the login page, which leads back; htmx must leave the whole page."""
    if request.headers.get("HX-Request"):
        return Response(status=401, headers={"HX-Redirect": "/login"})
    wanted = request.path if request.method == "POST" else request.full_path.rstrip("?")
    answer = redirect(f"/login?next={quote(wanted, safe='/')}")
    return Response(answer.get_data(), status=302, headers={"Location": answer.location})
