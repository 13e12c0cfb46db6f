"""Requests to stop, such as the time limit of a job, pass through every handler."""

import ast

from tests.architecture.source import dotted, nodes


def test_a_handler_of_everything_raises_again() -> None:
    strays = [
        f"{module}:{handler.lineno}"
        for module, handler in nodes()[ast.ExceptHandler]
        if "BaseException" in _caught(handler)
        and not any(isinstance(one, ast.Raise) and one.exc is None for one in ast.walk(handler))
    ]
    assert strays == []


def test_nothing_suppresses_everything() -> None:
    strays = [
        f"{module}:{call.lineno}"
        for module, call in nodes()[ast.Call]
        if dotted(call.func).endswith("suppress")
        and any(dotted(one) == "BaseException" for one in call.args)
    ]
    assert strays == []


def _caught(handler: ast.ExceptHandler) -> list[str]:
    """The names of the errors; a bare `except` catches everything."""
    if handler.type is None:
        return ["BaseException"]
    kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return [dotted(kind) for kind in kinds]
