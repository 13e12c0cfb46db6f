"""The segments that campaigns name in their content, also through snippets and saved blocks.

Sources are searched instead of compiled: that is quick enough for a list of segments, and finds the
names in content that cannot be compiled at the moment.
"""

import json
import re
from collections.abc import Collection, Mapping
from typing import Any

import sqlalchemy as sa

from campaigns.audience.segments.models import Segment
from campaigns.campaign.models import Campaign, CampaignVariant, FrozenContent
from campaigns.content.library.mentions import mentions_in
from campaigns.content.library.models import SavedBlock, Snippet
from campaigns.db import db

_SEGMENT = re.compile(
    r"""in_segment\s*(?:\[\s*\\?["']|\.\s*)([\w-]{1,12})"""  # in templates
    r"""|"segment"\s*:\s*"([\w-]{1,12})\""""  # in block documents
)
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
    library, frozen = _parts(), _frozen_parts({row.id for row in rows})
    found: dict[int, set[int]] = {}
    for row in rows:
        parts = frozen.get(row.id, library)
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


def _frozen_parts(campaign_ids: Collection[int]) -> Mapping[int, Mapping[str, str]]:
    """Return the same of launched campaigns, which include what was in the library then."""
    rows = db.session.execute(
        sa.select(FrozenContent.campaign_id, FrozenContent.context)
        .join(Campaign, Campaign.id == FrozenContent.campaign_id)
        .where(FrozenContent.campaign_id.in_(campaign_ids), Campaign.status != "draft")
    )
    return {row.campaign_id: _parts_in(row.context) for row in rows}


def _parts_in(context: Mapping[str, Any]) -> Mapping[str, str]:
    saved = {public_id: json.dumps(rows) for public_id, rows in context["saved_blocks"].items()}
    return {**context["snippets"], **saved}


def _named_in(source: str, parts: Mapping[str, str]) -> set[str]:
    """Return the public ids of the segments that a source leads to."""
    found: set[str] = set()
    seen: set[str] = set()
    waiting = [source]
    while waiting:
        text = waiting.pop()
        found.update(one[1] or one[2] for one in _SEGMENT.finditer(text))
        named = mentions_in([text])
        for part in (named.snippets | named.saved_blocks) - seen:
            seen.add(part)
            waiting.append(parts.get(part, ""))
    return found
