"""Starter designs for new campaigns: files that are copied, never rendered here."""

from dataclasses import dataclass

from flask_babel import LazyString, lazy_gettext

from campaigns.paths import resource_root


@dataclass(frozen=True, slots=True)
class Starter:
    """A design to start from."""

    title: LazyString
    text: LazyString
    icon: str


STARTERS = {
    "letter": Starter(
        lazy_gettext("Letter"), lazy_gettext("One story, one button."), "mail-opened"
    ),
    "digest": Starter(
        lazy_gettext("Digest"), lazy_gettext("A lead story and three short ones."), "template"
    ),
}
"""Starters by file name in templates/newsletter."""


def starter_html(name: str) -> str:
    """Return the source of a design; `name` is a key of STARTERS."""
    if name not in STARTERS:
        raise KeyError(name)
    path = resource_root() / "templates" / "newsletter" / f"{name}.html"
    return path.read_text(encoding="utf-8")
