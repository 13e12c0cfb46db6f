"""What the segments of a campaign say, for its review."""

from collections.abc import Mapping

import sqlalchemy as sa

from campaigns.audience.segments import tree
from campaigns.audience.segments.models import Segment
from campaigns.audience.segments.tree import RulesError
from campaigns.campaign import drafts
from campaigns.db import db
from campaigns.web.segments import describe, names


def sentences(campaign_id: int) -> Mapping[str, str]:
    """Return the rules of each segment of a campaign as a sentence, by public id.

    A segment whose rules cannot be used is left out; the preflight says why.
    """
    chosen = drafts.chosen_audience(campaign_id)
    found = sa.select(Segment).where(Segment.id.in_(chosen.segments | chosen.excluded_segments))
    roots = {}
    for segment in db.session.scalars(found):
        try:
            roots[segment.public_id] = tree.parse(segment.rules)
        except RulesError:
            continue
    if not roots:
        return {}
    known = names.load({use for root in roots.values() for use in tree.uses(root)})
    return {public_id: describe.people(root, known) for public_id, root in roots.items()}
