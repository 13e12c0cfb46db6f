"""The filters in the address of the table of subscribers, as a selection."""

from dataclasses import dataclass
from typing import Any

from flask import abort, request

from campaigns.audience import lists, tags
from campaigns.audience.models import SUBSCRIPTION_STATES, AudienceList, Tag
from campaigns.audience.search import Search
from campaigns.audience.segments import saved
from campaigns.audience.segments.models import Segment
from campaigns.audience.selection import Selection

NAMES = ("q", "list", "state", "tag", "segment")
MAX_TEXT = 254


@dataclass(frozen=True, slots=True)
class Filters:
    """The filters of a request, and what they refer to."""

    selection: Selection
    entry: AudienceList | None
    tag: Tag | None
    segment: Segment | None

    @property
    def search(self) -> Search:
        """The filters without the segment."""
        return self.selection.search

    @property
    def is_empty(self) -> bool:
        """Whether everyone is shown."""
        return not (self.search.text or self.entry or self.tag or self.segment)


def filters() -> Filters:
    """Return the filters in the URL. Aborts with 404 if one refers to something deleted."""
    args = request.args
    entry = (lists.find(args["list"]) or abort(404)) if args.get("list") else None
    tag = (tags.find(args["tag"]) or abort(404)) if args.get("tag") else None
    segment = (saved.find(args["segment"]) or abort(404)) if args.get("segment") else None
    state = args.get("state")
    search = Search(
        text=args.get("q", "").strip()[:MAX_TEXT],
        list_id=entry.id if entry else None,
        state=state if entry and state in SUBSCRIPTION_STATES else None,
        tag_id=tag.id if tag else None,
    )
    segment_id = segment.id if segment else None
    return Filters(Selection(search=search, segment_id=segment_id), entry, tag, segment)


def filter_values(*names: str) -> dict[str, Any]:
    """Return the filters for links, and further values of the URL with these names."""
    return {name: request.args[name] for name in (*NAMES, *names) if request.args.get(name)}
