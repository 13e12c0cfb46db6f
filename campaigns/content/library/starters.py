"""Starter designs: block documents to begin an email or a template with."""

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
_ANNOUNCEMENTS = Reason("starters.group_announcements")
_SHOP = Reason("starters.group_shop")
_RELATIONSHIP = Reason("starters.group_relationship")
_STARTERS = (
    _starter(Reason("starters.newsletter"), Reason("starters.newsletter_text"), _NEWS),
    _starter(Reason("starters.digest"), Reason("starters.digest_text"), _NEWS),
    _starter(Reason("starters.story"), Reason("starters.story_text"), _NEWS),
    _starter(Reason("starters.letter"), Reason("starters.letter_text"), _NEWS),
    _starter(Reason("starters.announcement"), Reason("starters.announcement_text"), _ANNOUNCEMENTS),
    _starter(Reason("starters.launch"), Reason("starters.launch_text"), _ANNOUNCEMENTS),
    _starter(Reason("starters.event"), Reason("starters.event_text"), _ANNOUNCEMENTS),
    _starter(Reason("starters.changelog"), Reason("starters.changelog_text"), _ANNOUNCEMENTS),
    _starter(Reason("starters.products"), Reason("starters.products_text"), _SHOP),
    _starter(Reason("starters.sale"), Reason("starters.sale_text"), _SHOP),
    _starter(Reason("starters.receipt"), Reason("starters.receipt_text"), _SHOP),
    _starter(Reason("starters.welcome"), Reason("starters.welcome_text"), _RELATIONSHIP),
    _starter(Reason("starters.survey"), Reason("starters.survey_text"), _RELATIONSHIP),
    _starter(Reason("starters.reengagement"), Reason("starters.reengagement_text"), _RELATIONSHIP),
)
_BY_NAME = {one.name: one for one in _STARTERS}


def all() -> Sequence[StarterDesign]:  # noqa: A001
    """Return every design, those of a group next to each other."""
    return _STARTERS


def find(name: str) -> StarterDesign | None:
    """Return the design with this name."""
    return _BY_NAME.get(name)
