"""The parsed source of the package, for architecture tests."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "campaigns"


@cache
def modules() -> dict[str, ast.Module]:
    """Every module of the package, by its relative path: `web/login.py`."""
    return {
        path.relative_to(PACKAGE).as_posix(): ast.parse(path.read_text("utf-8"))
        for path in sorted(PACKAGE.rglob("*.py"))
    }


def calls() -> Iterator[tuple[str, int, str]]:
    """The module, line and dotted name of every call: `db.session.commit`, `utcnow`."""
    for name, tree in modules().items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                yield name, node.lineno, dotted(node.func)


def imports() -> Iterator[tuple[str, str]]:
    """The module and target of every import: `http.client`, `campaigns.db.db`."""
    for name, tree in modules().items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                yield from ((name, alias.name) for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module:
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
