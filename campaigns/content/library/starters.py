"""StarterDesign designs: block documents to begin an email or a template with."""

from collections.abc import Sequence
from dataclasses import dataclass

from campaigns.paths import resource_root
from campaigns.reason import Reason


@dataclass(frozen=True, slots=True)
class StarterDesign:
    """A design to start from. `document` is the JSON of a block document."""

    name: str
    title: Reason
    text: Reason
    """What it is good for."""
    group: Reason
    document: str


def _starter(title: Reason, text: Reason, group: Reason) -> StarterDesign:
    """Return the design whose file has the name in the code of its title."""
    name = title.code.partition(".")[2]
    path = resource_root() / "templates" / "newsletter" / f"{name}.json"
    return StarterDesign(name, title, text, group, path.read_text("utf-8"))


_NEWS = Reason("starters.group_news")
_STARTERS = (
    _starter(Reason("starters.letter"), Reason("starters.letter_text"), _NEWS),
    _starter(Reason("starters.digest"), Reason("starters.digest_text"), _NEWS),
)
_BY_NAME = {one.name: one for one in _STARTERS}


def all() -> Sequence[StarterDesign]:  # noqa: A001
    """Return every design, those of a group next to each other."""
    return _STARTERS


def find(name: str) -> StarterDesign | None:
    """Return the design with this name."""
    return _BY_NAME.get(name)
