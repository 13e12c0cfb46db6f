"""What uses a field: segments and sign-up forms. For campaigns, see `campaign.usage`."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from campaigns.audience.fields.models import Field, ListField
from campaigns.audience.models import AudienceList
from campaigns.audience.segments import saved, tree
from campaigns.audience.segments.leaves import Use
from campaigns.audience.segments.models import Segment
from campaigns.audience.segments.tree import RulesError
from campaigns.db import db


@dataclass(frozen=True, slots=True)
class FieldUses:
    """Segments and lists that use a field."""

    segments: Sequence[Segment] = ()
    lists: Sequence[AudienceList] = ()


def uses_of_all() -> dict[str, FieldUses]:
    """Return what uses each field, by key, without those that nothing uses."""
    segments: dict[str, list[Segment]] = {}
    for segment in saved.choices():
        for use in _uses(segment):
            if use.what == "field":
                segments.setdefault(str(use.key), []).append(segment)
    lists: dict[str, list[AudienceList]] = {}
    asked = (
        sa.select(Field.key, AudienceList)
        .join(ListField, ListField.field_id == Field.id)
        .join(AudienceList, AudienceList.id == ListField.list_id)
        .order_by(AudienceList.name)
    )
    for key, entry in db.session.execute(asked):
        lists.setdefault(key, []).append(entry)
    return {
        key: FieldUses(segments.get(key, ()), lists.get(key, ()))
        for key in segments.keys() | lists.keys()
    }


def uses_of(key: str) -> FieldUses:
    """Return what uses a field."""
    return uses_of_all().get(key, FieldUses())


def rename_in_segments(before: str, after: str, *, now: datetime) -> None:
    """Let every segment that uses a field use its new key."""
    for segment in uses_of(before).segments:
        db.session.execute(
            sa.update(Segment)
            .where(Segment.id == segment.id)
            .values(
                rules=_with_key(segment.rules, before, after),
                version=Segment.version + 1,
                updated_at=now,
            )
        )


def _uses(segment: Segment) -> set[Use]:
    try:
        return tree.uses(tree.parse(segment.rules))
    except RulesError:  # of a newer version
        return set()


def _with_key(stored: Any, before: str, after: str) -> Any:
    """Return stored rules with another key."""
    if isinstance(stored, list):
        return [_with_key(one, before, after) for one in stored]
    if not isinstance(stored, dict):
        return stored
    if stored.get("kind") == "field" and stored.get("key") == before:
        return {**stored, "key": after}
    return {name: _with_key(one, before, after) for name, one in stored.items()}
