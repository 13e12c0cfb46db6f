"""What a bulk action does to a slice of subscribers, and how that is undone.

Every function takes the run and the ids of a slice, and returns the `Slice`: how many had which
outcome, and their previous state, for the undo. Consent follows the rules of `subscriptions`: an
action by a user never resubscribes anyone who left.

Outcomes: changed, already (nothing to do), suppressed, left_themselves, too_many_values; for an
undo also changed_since.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from campaigns.audience import subscriptions, suppressions
from campaigns.audience.bulk.models import BulkRun
from campaigns.audience.consent import ConsentEvidence
from campaigns.audience.fields.models import FieldChange
from campaigns.audience.models import (
    AudienceList,
    Subscriber,
    SubscriberTag,
    Subscription,
    Suppression,
    Tag,
)
from campaigns.audience.subscribers import MAX_ATTRIBUTES
from campaigns.db import Base, UtcDateTime, db, insert_ignoring, rows_given
from campaigns.reason import ReasonError

Before = Mapping[int, Mapping[str, Any]]
"""Previous state, by subscriber id."""


class BulkError(ReasonError):
    """The action cannot be carried out."""


@dataclass(frozen=True, slots=True)
class Slice:
    """The outcome for some subscribers. `before` names those who were changed."""

    outcomes: Counter[str]
    before: Before = field(default_factory=dict)


def _slice(changed: Sequence[int], ids: Sequence[int], other: str = "already") -> Slice:
    """Return the outcome where everyone else had the outcome `other`."""
    outcomes = Counter({"changed": len(changed), other: len(ids) - len(changed)})
    return Slice(outcomes, {one: {} for one in changed})


def _given(ids: Sequence[int]) -> sa.Select[int]:
    """Pass thousands of ids in one parameter."""
    return sa.select(rows_given([{"id": one} for one in ids], {"id": sa.BigInteger()}).c.id)


def _needed(model: type[Base], key: int, code: str) -> None:
    """Raise BulkError if this row was deleted. Locks it, so that it stays until the commit."""
    column = model.__table__.c.id
    if db.session.scalar(sa.select(column).where(column == key).with_for_update(read=True)) is None:
        raise BulkError(code)


# --- tags -----------------------------------------------------------------------------------------


def tag(run: BulkRun, ids: Sequence[int]) -> Slice:
    """Add the tag."""
    tag_id = run.params["tag"]
    _needed(Tag, tag_id, "bulk.tag_gone")
    return _slice(_tagged(tag_id, ids, run.created_at), ids)


def undo_tag(run: BulkRun, undone: BulkRun, before: Before) -> Slice:
    """Remove the tag from those who still have it from the run."""
    removed = _untagged(
        run.params["tag"], list(before), SubscriberTag.tagged_at == undone.created_at
    )
    return _slice(removed, list(before), "changed_since")


def untag(run: BulkRun, ids: Sequence[int]) -> Slice:
    """Remove the tag."""
    return _slice(_untagged(run.params["tag"], ids), ids)


def undo_untag(run: BulkRun, undone: BulkRun, before: Before) -> Slice:
    """Add the tag again."""
    _needed(Tag, run.params["tag"], "bulk.tag_gone")
    added = _tagged(run.params["tag"], list(before), run.created_at)
    return _slice(added, list(before), "changed_since")


def _tagged(tag_id: int, ids: Sequence[int], at: datetime) -> list[int]:
    columns = {
        "tag_id": sa.literal(tag_id),
        "subscriber_id": Subscriber.id,
        "tagged_at": sa.literal(at, UtcDateTime()),
    }
    chosen = sa.select(*columns.values()).where(Subscriber.id.in_(_given(ids)))
    return _ids(
        insert_ignoring(SubscriberTag)
        .from_select(list(columns), chosen)
        .returning(SubscriberTag.subscriber_id)
    )


def _untagged(tag_id: int, ids: Sequence[int], *also: sa.ColumnElement[bool]) -> list[int]:
    return _ids(
        sa.delete(SubscriberTag)
        .where(SubscriberTag.tag_id == tag_id, SubscriberTag.subscriber_id.in_(_given(ids)), *also)
        .returning(SubscriberTag.subscriber_id)
    )


def _ids(statement: Any) -> list[int]:
    """Run a statement that returns ids, without looking for loaded objects."""
    return list(db.session.scalars(statement, execution_options={"synchronize_session": False}))


# --- lists ----------------------------------------------------------------------------------------


def subscribe(run: BulkRun, ids: Sequence[int]) -> Slice:
    """Add to the list, except those who left themselves or are suppressed."""
    list_id = run.params["list"]
    _needed(AudienceList, list_id, "bulk.list_gone")
    places = _places(list_id, ids)
    done = subscriptions.subscribe_many(list_id, ids, _evidence(run))
    outcomes = Counter(
        changed=done.subscribed,
        already=done.already,
        left_themselves=done.left_themselves,
        suppressed=done.suppressed,
    )
    return Slice(outcomes, {one: places.get(one, {}) for one in done.people})


def undo_subscribe(run: BulkRun, undone: BulkRun, before: Before) -> Slice:
    """Restore those still subscribed by the run; whoever has acted since stays as they are."""
    list_id = run.params["list"]
    new = [one for one, place in before.items() if not place]
    removed = _ids(
        sa.delete(Subscription)
        .where(
            Subscription.list_id == list_id,
            Subscription.subscriber_id.in_(_given(new)),
            Subscription.state == "subscribed",
            Subscription.state_at == undone.created_at,
        )
        .returning(Subscription.subscriber_id)
    )
    back = {one: place for one, place in before.items() if place}
    restored = _restore(list_id, back, "subscribed", undone.created_at)
    changed = sorted([*removed, *restored])
    subscriptions.record_many("unsubscribed", list_id, changed, _evidence(run))
    return _slice(changed, list(before), "changed_since")


def unsubscribe(run: BulkRun, ids: Sequence[int]) -> Slice:
    """Remove from the list."""
    list_id = run.params["list"]
    _needed(AudienceList, list_id, "bulk.list_gone")
    places = _places(list_id, ids)
    left = subscriptions.unsubscribe_many(list_id, ids, _evidence(run))
    done = _slice(left, ids)
    return Slice(done.outcomes, {one: places.get(one, {}) for one in left})


def undo_unsubscribe(run: BulkRun, undone: BulkRun, before: Before) -> Slice:
    """Restore who was removed, except those who left themselves or were suppressed since."""
    list_id = run.params["list"]
    left = {one for _, one in subscriptions.unsubscribed_themselves([list_id], list(before))}
    suppressed = subscriptions.suppressed_of(before.keys() - left)
    eligible = {one: place for one, place in before.items() if one not in left | suppressed}
    restored = _restore(list_id, eligible, "unsubscribed", undone.created_at)
    for state, kind in (("subscribed", "subscribed"), ("pending", "requested")):
        people = [one for one in restored if before[one]["state"] == state]
        subscriptions.record_many(kind, list_id, people, _evidence(run))
    outcomes = Counter(
        changed=len(restored),
        changed_since=len(eligible) - len(restored),
        left_themselves=len(left),
        suppressed=len(suppressed),
    )
    return Slice(outcomes)


def _places(list_id: int, ids: Sequence[int]) -> dict[int, dict[str, Any]]:
    """Return the current subscriptions to the list, to be stored."""
    rows = db.session.execute(
        sa.select(
            Subscription.subscriber_id,
            Subscription.state,
            Subscription.state_at,
            Subscription.source,
        ).where(Subscription.list_id == list_id, Subscription.subscriber_id.in_(_given(ids)))
    )
    return {
        row.subscriber_id: {
            "state": row.state,
            "state_at": row.state_at.isoformat(),
            "source": row.source,
        }
        for row in rows
    }


def _restore(list_id: int, places: Before, state: str, state_at: datetime) -> list[int]:
    """Restore subscriptions that have been in this state since this time. Returns whose."""
    rows = [
        {"id": one, **place, "state_at": datetime.fromisoformat(place["state_at"])}
        for one, place in sorted(places.items())
    ]
    columns: dict[str, sa.types.TypeEngine[Any]] = {
        "id": sa.BigInteger(),
        "state": sa.Text(),
        "state_at": Subscription.state_at.type,
        "source": sa.Text(),
    }
    given = rows_given(rows, columns)
    return sorted(
        _ids(
            sa.update(Subscription)
            .where(
                Subscription.list_id == list_id,
                Subscription.subscriber_id == given.c.id,
                Subscription.state == state,
                Subscription.state_at == state_at,
            )
            .values(state=given.c.state, state_at=given.c.state_at, source=given.c.source)
            .returning(Subscription.subscriber_id)
        )
    )


def _evidence(run: BulkRun) -> ConsentEvidence:
    return ConsentEvidence("manual", run.created_at, run.evidence)


# --- suppression ----------------------------------------------------------------------------------


def suppress(run: BulkRun, ids: Sequence[int]) -> Slice:
    """Suppress the addresses."""
    before = subscriptions.suppressed_of(ids)
    new = [one for one in ids if one not in before]
    suppressions.suppress_many(
        db.session.scalars(
            sa.select(Subscriber.address_normal).where(Subscriber.id.in_(_given(new)))
        ),
        reason="manual",
        source=run.source,
        now=run.created_at,
    )
    return _slice(new, ids)


def undo_suppress(run: BulkRun, undone: BulkRun, before: Before) -> Slice:
    """Lift the suppressions that the run added."""
    ids = list(before)
    normals = sa.select(Subscriber.address_normal).where(Subscriber.id.in_(_given(ids)))
    lifted = _ids(
        sa.delete(Suppression)
        .where(
            Suppression.address_normal.in_(normals),
            Suppression.reason == "manual",
            Suppression.created_at == undone.created_at,
            Suppression.source == undone.source,
        )
        .returning(Suppression.id)
    )
    outcomes = Counter(changed=len(lifted), changed_since=len(ids) - len(lifted))
    return Slice(outcomes)


# --- fields ---------------------------------------------------------------------------------------


def set_field(run: BulkRun, ids: Sequence[int]) -> Slice:
    """Set the field to the value; without a value, clear it."""
    key, value = run.params["field"], run.params["value"]
    _check_unchanged(key, run.created_at)
    before: dict[int, dict[str, Any]] = {}
    changes: dict[int, dict[str, Any]] = {}
    outcomes: Counter[str] = Counter()
    for id_, attributes in _attributes(ids).items():
        old = {"value": attributes[key]} if key in attributes else {}
        if old == ({} if value is None else {"value": value}):
            outcomes["already"] += 1
        elif not old and len(attributes) >= MAX_ATTRIBUTES:
            outcomes["too_many_values"] += 1
        else:
            before[id_] = old
            changes[id_] = _with(attributes, key, value)
    _write(changes, run.created_at)
    outcomes["changed"] = len(changes)
    return Slice(outcomes, before)


def _check_unchanged(key: str, since: datetime) -> None:
    """Raise BulkError if the type or key of the field has changed, or it was deleted."""
    change = sa.select(FieldChange.id).where(
        FieldChange.key == key,
        sa.or_(FieldChange.status == "running", FieldChange.created_at >= since),
    )
    if db.session.scalar(change.limit(1)) is not None:
        raise BulkError("bulk.field_changed")


def undo_set_field(run: BulkRun, undone: BulkRun, before: Before) -> Slice:
    """Put the old value back where the new one is still there."""
    key, value = run.params["field"], run.params["value"]
    changes = {
        id_: _with(attributes, key, before[id_].get("value"))
        for id_, attributes in _attributes(list(before)).items()
        if attributes.get(key) == value
    }
    _write(changes, run.created_at)
    return _slice(list(changes), list(before), "changed_since")


def _with(attributes: Mapping[str, Any], key: str, value: object) -> dict[str, Any]:
    rest = {name: one for name, one in attributes.items() if name != key or value is not None}
    return rest if value is None else {**rest, key: value}


def _attributes(ids: Sequence[int]) -> dict[int, dict[str, Any]]:
    """Return the attributes of these subscribers, locked against other changes."""
    rows = db.session.execute(
        sa.select(Subscriber.id, Subscriber.attributes)
        .where(Subscriber.id.in_(_given(ids)))
        .order_by(Subscriber.id)
        .with_for_update(of=Subscriber)
    )
    return {row.id: row.attributes for row in rows}


def _write(changes: Mapping[int, Mapping[str, Any]], now: datetime) -> None:
    table: sa.Table = Subscriber.__table__  # type: ignore[assignment]
    rows = [{"id": one, "attributes": found} for one, found in sorted(changes.items())]
    given = rows_given(rows, {"id": sa.BigInteger(), "attributes": sa.JSON()})
    db.session.execute(
        sa.update(table)
        .where(table.c.id == given.c.id)
        .values(attributes=given.c.attributes, updated_at=now)
    )


ACTIONS: Mapping[str, Callable[[BulkRun, Sequence[int]], Slice]] = {
    "tag": tag,
    "untag": untag,
    "subscribe": subscribe,
    "unsubscribe": unsubscribe,
    "suppress": suppress,
    "set_field": set_field,
}
"""Every action except erasing, which `privacy` carries out."""

UNDO: Mapping[str, Callable[[BulkRun, BulkRun, Before], Slice]] = {
    "tag": undo_tag,
    "untag": undo_untag,
    "subscribe": undo_subscribe,
    "unsubscribe": undo_unsubscribe,
    "suppress": undo_suppress,
    "set_field": undo_set_field,
}
"""The undo of every action except erasing, which cannot be undone."""
