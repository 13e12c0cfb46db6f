"""The state of a worker process between jobs: the app, and the engine with its connections."""

import functools
from collections.abc import Callable
from typing import ParamSpec

import structlog
from flask import Flask

from campaigns.engine import serve
from campaigns.engine.engine import Engine

P = ParamSpec("P")

_app: Flask | None = None
_engine: Engine | None = None


def use(app: Flask) -> None:
    """Run this process's jobs in this app."""
    global _app
    _app = app


def app() -> Flask:
    """Return the app of this process. Raises RuntimeError before `use`."""
    if _app is None:
        raise RuntimeError("no app: jobs run in `campaigns worker`, or after runtime.use(app)")
    return _app


def engine() -> Engine:
    """Return the engine of this process, started on first use."""
    global _engine
    if _engine is None:
        _engine = Engine(app()).start()
    return _engine


def close_engine(*, drain_seconds: float = 0.0) -> None:
    """Close the engine and empty its caches, at the end of a worker and between tests."""
    global _engine
    if _engine is not None:
        _engine.close(drain_seconds=drain_seconds)
    _engine = None
    serve.forget()


def job(name: str) -> Callable[[Callable[P, None]], Callable[P, None]]:
    """Make a function a job, which runs in its own app context."""

    def wrap(function: Callable[P, None]) -> Callable[P, None]:
        @functools.wraps(function)
        def run(*args: P.args, **kwargs: P.kwargs) -> None:
            with app().app_context(), structlog.contextvars.bound_contextvars(job=name, ids=args):
                function(*args, **kwargs)

        return run

    return wrap
