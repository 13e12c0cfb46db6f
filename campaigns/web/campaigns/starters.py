"""The designs a new campaign can start from: files that are copied, never rendered here."""

from dataclasses import dataclass

from campaigns.paths import resource_root


@dataclass(frozen=True, slots=True)
class Starter:
    """A design to start from."""

    title: str
    text: str
    icon: str


STARTERS = {
    "letter": Starter("Letter", "One story, one button. Calm and personal.", "mail-opened"),
    "digest": Starter("Digest", "A lead story and three short ones.", "template"),
}
"""By the name of their file in templates/newsletter."""


def starter_html(name: str) -> str:
    """The source of a design; `name` is a key of STARTERS."""
    if name not in STARTERS:
        raise KeyError(name)
    path = resource_root() / "templates" / "newsletter" / f"{name}.html"
    return path.read_text(encoding="utf-8")
