"""What campaigns show, including snippets and saved blocks, and the segments that they name.

Sources are searched instead of compiled: that is quick enough for a list of segments, and finds the
names in content that cannot be compiled now.
"""

import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
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
    included = included_in({row.id for row in rows})
    found: dict[int, set[int]] = {}
    for row in rows:
        texts = included.texts(row.id, f"{row.subject} {row.preheader} {row.source}")
        named = {one[1] or one[2] for text in texts for one in _SEGMENT.finditer(text)}
        if used := {known[one] for one in named if one in known}:
            found.setdefault(row.id, set()).update(used)
    return found


@dataclass(frozen=True, slots=True)
class IncludedParts:
    """What the content of campaigns includes: sources of snippets and saved blocks, by name.

    `frozen`: of campaigns that include what was in the library when they were launched.
    """

    library: Mapping[str, str]
    frozen: Mapping[int, Mapping[str, str]]

    def texts(self, campaign_id: int, source: str) -> list[str]:
        """Return the source of a campaign and everything that it includes, each once."""
        parts = self.frozen.get(campaign_id, self.library)
        found = [source]
        seen: set[str] = set()
        for text in found:  # which the loop extends
            named = mentions_in([text])
            new = (named.snippets | named.saved_blocks) - seen
            seen |= new
            found += [parts[one] for one in sorted(new) if one in parts]
        return found


def included_in(campaign_ids: Collection[int]) -> IncludedParts:
    """Return what these campaigns may include."""
    return IncludedParts(_parts(), _frozen_parts(campaign_ids))


def _parts() -> Mapping[str, str]:
    """Return what content may include: the source of each snippet and saved block, by its name."""
    snippets = db.session.execute(sa.select(Snippet.key, Snippet.source))
    saved = db.session.execute(sa.select(SavedBlock.public_id, SavedBlock.rows))
    found = {key: source for key, source in snippets}  # noqa: C416
    return found | {public_id: json.dumps(rows) for public_id, rows in saved}


def _frozen_parts(campaign_ids: Collection[int]) -> Mapping[int, Mapping[str, str]]:
    """Return the same for launched campaigns: what was in the library at their launch."""
    rows = db.session.execute(
        sa.select(FrozenContent.campaign_id, FrozenContent.context)
        .join(Campaign, Campaign.id == FrozenContent.campaign_id)
        .where(FrozenContent.campaign_id.in_(campaign_ids), Campaign.status != "draft")
    )
    return {row.campaign_id: _parts_in(row.context) for row in rows}


def _parts_in(context: Mapping[str, Any]) -> Mapping[str, str]:
    stored = context.get("saved_blocks", {})
    saved = {public_id: json.dumps(rows) for public_id, rows in stored.items()}
    return {**context.get("snippets", {}), **saved}
