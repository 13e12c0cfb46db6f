"""The app that jobs run in. A worker process makes it once; each job gets a context of it."""

import functools
from collections.abc import Callable
from typing import ParamSpec

import structlog
from flask import Flask

P = ParamSpec("P")

_app: Flask | None = None


def use(app: Flask) -> None:
    """Let this process's jobs run in this app."""
    global _app
    _app = app


def app() -> Flask:
    if _app is None:
        raise RuntimeError("no app: jobs run in `campaigns worker`, or after runtime.use(app)")
    return _app


def job(name: str) -> Callable[[Callable[P, None]], Callable[P, None]]:
    """Make a function a job: it runs in an app context of its own and may be rung for again."""

    def wrap(function: Callable[P, None]) -> Callable[P, None]:
        @functools.wraps(function)
        def run(*args: P.args, **kwargs: P.kwargs) -> None:
            with app().app_context(), structlog.contextvars.bound_contextvars(job=name, ids=args):
                function(*args, **kwargs)

        return run

    return wrap
