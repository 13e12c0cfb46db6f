"""Templates: readable lines, and components instead of copies."""

import re
from pathlib import Path

from tests.architecture.source import ROOT

TEMPLATES = ROOT / "templates"
MAX_LINE = 120

# Emails are formatted for email clients, not for readers of their source.
OWN = sorted(
    path
    for folder in ("web", "public", "components")
    for path in (TEMPLATES / folder).rglob("*.html")
)

NOT_YET = {
    "web/dev/components.html",
}
"""Templates with longer lines that are still to be converted. Remove names; add none."""


def has_long_lines(path: Path) -> bool:
    return any(len(line) > MAX_LINE for line in path.read_text("utf-8").splitlines())


def test_lines_of_templates_are_at_most_120_characters_long() -> None:
    found = {str(path.relative_to(TEMPLATES)) for path in OWN if has_long_lines(path)}
    assert found - NOT_YET == set()


def test_converted_templates_are_off_the_list() -> None:
    """The list must become empty."""
    found = {str(path.relative_to(TEMPLATES)) for path in OWN if has_long_lines(path)}
    assert NOT_YET - found == set()


def test_email_addresses_are_typed_as_text() -> None:
    """Browsers refuse letters beyond ASCII before the @ in type="email"; we accept them."""
    pattern = re.compile(r"<input[^>]*type=\"email\"")
    assert [path.name for path in OWN if pattern.search(path.read_text("utf-8"))] == []
