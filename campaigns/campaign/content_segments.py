"""The segments that content names: `{% if in_segment["public id"] %}`.

Who is in each of them is frozen with the audience, as the bits of a number (docs/decisions/0023).
Before that, such as in a preview, the database is queried for the people who are shown.
"""

from collections.abc import Collection, Sequence
from datetime import datetime

import sqlalchemy as sa

from campaigns.audience.models import Subscriber
from campaigns.audience.segments import members
from campaigns.audience.segments.leaves import Condition
from campaigns.audience.segments.models import Segment
from campaigns.campaign.audience import AudienceError, condition_of
from campaigns.campaign.models import Campaign
from campaigns.db import db

_NOT_FROZEN = ("draft", "scheduled", "preparing")


def are_frozen(campaign: Campaign) -> bool:
    """Return whether the audience of a campaign is frozen, with its segments."""
    return campaign.status not in _NOT_FROZEN


def known() -> frozenset[str]:
    """Return the public ids of the segments that content may name."""
    return frozenset(db.session.scalars(sa.select(Segment.public_id)))


def conditions(public_ids: Sequence[str], *, now: datetime) -> list[Condition]:
    """Return the condition of each segment. Raises AudienceError for one that cannot be used."""
    if not public_ids:
        return []
    found = {
        row.public_id: row
        for row in db.session.execute(
            sa.select(Segment.public_id, Segment.id, Segment.name).where(
                Segment.public_id.in_(public_ids)
            )
        )
    }
    context = members.context_at(now)
    return [
        condition_of(row.id if row else 0, row.name if row else None, context)
        for row in map(found.get, public_ids)
    ]


def names_of(public_ids: Collection[str]) -> list[str]:
    """Return the names of these segments, sorted."""
    named = sa.select(Segment.name).where(Segment.public_id.in_(public_ids))
    return sorted(db.session.scalars(named))


def bits_of_one(public_ids: Sequence[str], person: Subscriber | None, *, now: datetime) -> int:
    """Return the segments a person is in now, as `Recipient.segments`; None is in none."""
    return bits_of(public_ids, [person.id], now=now)[person.id] if person else 0


def bits_of(
    public_ids: Sequence[str], subscriber_ids: Collection[int], *, now: datetime
) -> dict[int, int]:
    """Return the segments these people are in now, as `Recipient.segments`, by subscriber id.

    All are 0 if one of the segments cannot be used; the preflight says why.
    """
    bits = dict.fromkeys(subscriber_ids, 0)
    try:
        found = conditions(public_ids, now=now)
    except AudienceError:
        return bits
    for position, condition in enumerate(found):
        asked = sa.select(Subscriber.id).where(Subscriber.id.in_(subscriber_ids), condition)
        for number in db.session.scalars(asked):
            bits[number] |= 1 << position
    return bits
