"""Only campaigns/formatting.py formats numbers and dates for users."""

import ast
import re

import pytest

from tests.architecture.source import PACKAGE, ROOT, imports

EDGES = ("web", "public", "wording")
WRITTEN = re.compile(r",|%[bBaAp]|:%d")
"""Format specifications for people: separators of thousands, names of months and days."""
IN_TEMPLATES = re.compile(r"strftime\([^)]*%[bBaAp]|filesizeformat|\|\s*format\b[^}]*%")


def specifications(tree: ast.AST) -> list[str]:
    """The format specifications of f-strings and strftime."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.FormattedValue) and node.format_spec is not None:
            found.append(ast.unparse(node.format_spec))
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("strftime"):
            found += [ast.unparse(argument) for argument in node.args]
    return found


@pytest.mark.parametrize("package", EDGES)
def test_no_edge_module_formats_numbers_or_dates_itself(package: str) -> None:
    found = {}
    for path in (PACKAGE / package).rglob("*.py"):
        told = [
            one for one in specifications(ast.parse(path.read_text("utf-8"))) if WRITTEN.search(one)
        ]
        if told:
            found[path.relative_to(PACKAGE).as_posix()] = told
    assert found == {}


def test_no_template_formats_dates_or_sizes_itself() -> None:
    texts = {path: path.read_text("utf-8") for path in (ROOT / "templates" / "web").rglob("*.html")}
    found = {path.name for path, text in texts.items() if IN_TEMPLATES.search(text)}
    assert found == set()


def test_babel_formatting_is_used_in_one_place() -> None:
    asked = {
        module
        for module, name in imports()
        if name.startswith(("babel.numbers", "babel.units", "babel.dates.format"))
    }
    assert asked == {"formatting.py"}


@pytest.mark.parametrize("code", ['f"{count:,}"', 'at.strftime("%d %b")', 'f"{day:%A}"'])
def test_a_custom_format_is_found(code: str) -> None:
    assert any(WRITTEN.search(one) for one in specifications(ast.parse(code)))


@pytest.mark.parametrize("code", ['f"{day:%Y-%m-%d}"', 'f"{at:%H:%M}"', 'f"{share:.1f}"'])
def test_values_of_form_fields_may_be_formatted_anywhere(code: str) -> None:
    assert not any(WRITTEN.search(one) for one in specifications(ast.parse(code)))
