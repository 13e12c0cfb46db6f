"""The layer table of docs/architecture.md, the packages that exist, and import-linter agree."""

import re
import tomllib

from tests.architecture.source import PACKAGE, ROOT

ALL_LAYERS = {"models"}
"""`campaigns.models` imports every model for the migrations, so it stands outside the layers."""


def table() -> list[set[str]]:
    """The names in the first column, row by row."""
    text = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    (section,) = re.findall(r"^## Layers\n(.*?)^## ", text, re.MULTILINE | re.DOTALL)
    rows = re.findall(r"^\| (`.*?) \|", section, re.MULTILINE)
    return [set(re.findall(r"`(\w+)`", row)) for row in rows]


def contract() -> list[set[str]]:
    """The layers that import-linter checks, from top to bottom."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    contracts = settings["tool"]["importlinter"]["contracts"]
    (layers,) = (found["layers"] for found in contracts if found["id"] == "layers")
    return [set(layer.split(" | ")) for layer in layers]


def parts() -> set[str]:
    """The packages and modules directly in `campaigns`."""
    packages = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    modules = {path.stem for path in PACKAGE.glob("*.py")}
    return packages | modules - {"__init__"} - ALL_LAYERS


def test_every_package_has_a_row_in_the_layer_table_and_every_row_exists() -> None:
    assert sorted(name for row in table() for name in row) == sorted(parts())


def test_the_layer_table_matches_import_linter() -> None:
    assert table() == contract()
