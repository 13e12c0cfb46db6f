"""The parsed source of the package, for architecture tests."""

import ast
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "campaigns"


@cache
def modules() -> dict[str, ast.Module]:
    """Every module of the package, by its relative path: `web/login.py`."""
    return {
        path.relative_to(PACKAGE).as_posix(): ast.parse(path.read_text("utf-8"))
        for path in sorted(PACKAGE.rglob("*.py"))
    }


@cache
def nodes() -> dict[type[ast.AST], list[tuple[str, Any]]]:
    """The module and node of everything in the package, by the kind of node."""
    found = defaultdict(list)
    for name, tree in modules().items():
        for node in ast.walk(tree):
            found[type(node)].append((name, node))
    return found


@cache
def calls() -> list[tuple[str, int, str]]:
    """The module, line and dotted name of every call: `db.session.commit`, `utcnow`."""
    return [(name, node.lineno, dotted(node.func)) for name, node in nodes()[ast.Call]]


def imports() -> Iterator[tuple[str, str]]:
    """The module and target of every import: `http.client`, `campaigns.db.db`."""
    for name, node in nodes()[ast.Import]:
        yield from ((name, alias.name) for alias in node.names)
    for name, node in nodes()[ast.ImportFrom]:
        if node.module:
            yield from ((name, f"{node.module}.{alias.name}") for alias in node.names)


def dotted(node: ast.expr) -> str:
    """The dotted name of an expression; a star for a part that is neither name nor attribute."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return "*"


def starts_in(module: str, places: tuple[str, ...]) -> bool:
    """Whether a module is in one of these folders (`web/`) or is one of these files."""
    return any(
        module.startswith(place) if place.endswith("/") else module == place for place in places
    )
