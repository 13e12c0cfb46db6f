"""The segments that campaigns name in their content, also through snippets and saved blocks.

Sources are searched instead of compiled: that is quick enough for a list of segments, and finds the
names in content that cannot be compiled at the moment.
"""

import json
import re
from collections.abc import Mapping

import sqlalchemy as sa

from campaigns.audience.segments.models import Segment
from campaigns.campaign.models import Campaign, CampaignVariant
from campaigns.content.library.models import SavedBlock, Snippet
from campaigns.db import db

_SEGMENT = re.compile(
    r"""in_segment\s*(?:\[\s*\\?["']|\.\s*)([\w-]{1,12})"""  # in templates
    r"""|"segment"\s*:\s*"([\w-]{1,12})\""""  # in block documents
)
_PART = re.compile(r"""snippet\s*\.\s*(\w+)|"saved"\s*:\s*"([\w-]{1,12})\"""")
_MAY_NAME = ("in_segment", '"segment"', "snippet", '"saved"')
"""Every source that leads to a segment contains one of these."""


def segments_named(is_wanted: sa.ColumnElement[bool]) -> dict[int, set[int]]:
    """Return the ids of the segments that the content of campaigns names, by campaign id."""
    columns = (Campaign.subject, Campaign.preheader, Campaign.source)
    may_name = (column.contains(mark) for column in columns for mark in _MAY_NAME)
    own = db.session.execute(
        sa.select(Campaign.id, *columns).where(is_wanted, sa.or_(*may_name))
    ).all()
    variant_columns = (CampaignVariant.subject, CampaignVariant.preheader, CampaignVariant.source)
    variants = db.session.execute(
        sa.select(Campaign.id, *variant_columns)
        .join(CampaignVariant, CampaignVariant.campaign_id == Campaign.id)
        .where(is_wanted)
    ).all()
    rows = [*own, *variants]
    if not rows:
        return {}
    segments = db.session.execute(sa.select(Segment.public_id, Segment.id))
    known = {public_id: segment_id for public_id, segment_id in segments}  # noqa: C416
    parts = _parts()
    found: dict[int, set[int]] = {}
    for row in rows:
        named = _named_in(f"{row.subject} {row.preheader} {row.source}", parts)
        if used := {known[one] for one in named if one in known}:
            found.setdefault(row.id, set()).update(used)
    return found


def _parts() -> Mapping[str, str]:
    """Return what content may include: the source of each snippet and saved block, by its name."""
    snippets = db.session.execute(sa.select(Snippet.key, Snippet.source))
    saved = db.session.execute(sa.select(SavedBlock.public_id, SavedBlock.rows))
    found = {key: source for key, source in snippets}  # noqa: C416
    return found | {public_id: json.dumps(rows) for public_id, rows in saved}


def _named_in(source: str, parts: Mapping[str, str]) -> set[str]:
    """Return the public ids of the segments that a source leads to."""
    found: set[str] = set()
    seen: set[str] = set()
    waiting = [source]
    while waiting:
        text = waiting.pop()
        found.update(one[1] or one[2] for one in _SEGMENT.finditer(text))
        for part in {one[1] or one[2] for one in _PART.finditer(text)} - seen:
            seen.add(part)
            waiting.append(parts.get(part, ""))
    return found
