"""Bulk runs: start them, carry them out slice by slice, stop and undo them.

A slice is one transaction: its changes, counts and position. The row of the run is locked while it
lasts, so that two workers take turns, and each subscriber is changed once however often the run is
interrupted.
"""

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from campaigns.audience import selection as selections
from campaigns.audience.bulk import actions
from campaigns.audience.bulk.actions import BulkError, Slice
from campaigns.audience.bulk.models import BulkChange, BulkRun
from campaigns.audience.models import Subscriber
from campaigns.audience.segments import members
from campaigns.audience.selection import Selection
from campaigns.db import db, rows_changed, rows_given
from campaigns.reason import Reason

CHUNK = 2_000
"""Number of subscribers processed in one transaction."""
ERASED_AT_ONCE = 200
"""Erasing prevents others from adding people, so its transactions are shorter."""
UNDO_TIME = timedelta(days=30)
"""Time for which a run can be undone. After that, the previous state is deleted."""
FORGOTTEN_AT_ONCE = 10_000
OPEN = ("queued", "running")

Erase = Callable[[Collection[int]], int]


@dataclass(frozen=True, slots=True)
class BulkAction:
    """What to do: a name of `models.ACTIONS`, and its parameters.

    tag and untag: tag, name; subscribe and unsubscribe: list, name; set_field: field, label, value
    (None clears it). Names and labels are for display.
    """

    name: str
    params: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Actor:
    """The user who starts a run. `evidence`: the wording of consent events."""

    user_id: int | None
    address: str
    evidence: str = ""


@dataclass(frozen=True, slots=True)
class BulkPlan:
    """A frozen selection: later subscribers are not included."""

    selection: Selection
    last_id: int
    matched: int


def plan(selection: Selection, *, now: datetime) -> BulkPlan:
    """Freeze and count a selection; writes nothing.

    Raises SelectionError, or RulesError if the rules of its segment cannot be used.
    """
    context = members.context_at(now)
    fixed = selections.frozen(selection, context)
    last_id = selections.highest_id()
    return BulkPlan(fixed, last_id, selections.count(fixed, context, until=last_id))


def start(planned: BulkPlan, action: BulkAction, actor: Actor, *, now: datetime) -> BulkRun:
    """Start an action. Ring ("bulk", id) after the transaction. Raises BulkError if none match."""
    if not planned.matched:
        raise BulkError("bulk.nobody")
    return _added(
        action=action.name,
        params=dict(action.params),
        selection=selections.to_json(planned.selection),
        last_id=planned.last_id,
        matched=planned.matched,
        actor=actor,
        now=now,
    )


def _added(*, actor: Actor, now: datetime, **values: Any) -> BulkRun:
    run = BulkRun(
        **values,
        user_id=actor.user_id,
        source=actor.address,
        evidence=actor.evidence,
        created_at=now,
    )
    db.session.add(run)
    db.session.flush()
    return run


def undo(run_id: int, actor: Actor, *, now: datetime) -> BulkRun:
    """Start the undo of a run, as another run. Ring for it. Raises BulkError if not possible."""
    run = _locked(run_id)
    if run is None or not can_undo(run, now=now):
        raise BulkError("bulk.no_undo")
    return _added(
        action=run.action,
        params=run.params,
        selection=run.selection,
        last_id=run.last_id,
        matched=run.outcomes["changed"],
        undoes_id=run.id,
        actor=actor,
        now=now,
    )


def undo_of(run_id: int) -> BulkRun | None:
    """Return the run that undoes this one."""
    return db.session.scalar(sa.select(BulkRun).where(BulkRun.undoes_id == run_id))


def can_undo(run: BulkRun, *, now: datetime) -> bool:
    """Return whether a run can be undone now."""
    return (
        run.action in actions.UNDO
        and run.undoes_id is None
        and run.finished_at is not None
        and run.finished_at > now - UNDO_TIME
        and run.outcomes.get("changed", 0) > 0
        and undo_of(run.id) is None
    )


def cancel(run_id: int, *, now: datetime) -> bool:
    """Stop a run after its current slice. What it has changed stays, and can be undone."""
    return _end(run_id, "cancelled", now=now)


def fail(run_id: int, reason: Reason, *, now: datetime) -> bool:
    """Stop a run for this reason. Returns whether this call did it."""
    return _end(run_id, "failed", error=reason.pack(), now=now)


def _end(run_id: int, status: str, *, now: datetime, error: str = "") -> bool:
    statement = (
        sa.update(BulkRun)
        .where(BulkRun.id == run_id, BulkRun.status.in_(OPEN))
        .values(status=status, error=error, finished_at=now)
    )
    return rows_changed(db.session.execute(statement)) == 1


def open_ids() -> list[int]:
    """Return the runs that are not complete. Ring for them."""
    return list(
        db.session.scalars(
            sa.select(BulkRun.id).where(BulkRun.status.in_(OPEN)).order_by(BulkRun.id)
        )
    )


def in_progress() -> Sequence[BulkRun]:
    """Return the runs that are not complete, oldest first."""
    return db.session.scalars(
        sa.select(BulkRun)
        .where(BulkRun.status.in_(OPEN))
        .order_by(BulkRun.id)
        .execution_options(populate_existing=True)
    ).all()


def find(run_id: int) -> BulkRun | None:
    """Return the run with this id."""
    return db.session.get(BulkRun, run_id)


def page(*, before: int | None = None, limit: int) -> Sequence[BulkRun]:
    """Return runs, newest first."""
    statement = sa.select(BulkRun).order_by(BulkRun.id.desc()).limit(limit)
    return db.session.scalars(statement.where(BulkRun.id < before) if before else statement).all()


# --- slices ---------------------------------------------------------------------------------------


def advance(run_id: int, *, erase: Erase, now: datetime) -> bool:
    """Carry out the next slice. Returns whether there may be more.

    Raises a ReasonError if something that the run needs was deleted; call `fail` then.
    """
    run = _locked(run_id)
    if run is None or run.status not in OPEN:
        return False
    run.status = "running"
    is_more = _undo_slice(run) if run.undoes_id else _slice(run, erase)
    if not is_more:
        run.status, run.finished_at = "done", now
    return is_more


def _locked(run_id: int) -> BulkRun | None:
    return db.session.get(BulkRun, run_id, with_for_update=True, populate_existing=True)


def _slice(run: BulkRun, erase: Erase) -> bool:
    selection = selections.from_json(run.selection)
    size = ERASED_AT_ONCE if run.action == "erase" else CHUNK
    ids = selections.next_range(selection, after=run.position, until=run.last_id, size=size)
    if ids is None:
        return False
    # Dates relative to today are those of the start.
    context = members.context_at(run.created_at)
    people = list(
        db.session.scalars(
            sa.select(Subscriber.id)
            .where(selections.in_range(selection, context, ids))
            .order_by(Subscriber.id)
        )
    )
    if people:
        if run.action == "erase":
            _record(run, Slice(Counter(changed=erase(people))))
        else:
            _record(run, actions.ACTIONS[run.action](run, people))
    run.position = ids.last
    return ids.last < run.last_id


def _undo_slice(run: BulkRun) -> bool:
    rows = db.session.execute(
        sa.select(BulkChange.subscriber_id, BulkChange.before)
        .where(BulkChange.run_id == run.undoes_id, BulkChange.subscriber_id > run.position)
        .order_by(BulkChange.subscriber_id)
        .limit(CHUNK)
    ).all()
    if not rows:
        return False
    undone = db.session.get_one(BulkRun, run.undoes_id)
    before = {row.subscriber_id: row.before for row in rows}
    found = actions.UNDO[run.action](run, undone, before)
    _record(run, Slice(found.outcomes))
    run.position = rows[-1].subscriber_id
    return len(rows) == CHUNK


def _record(run: BulkRun, found: Slice) -> None:
    total = Counter(run.outcomes) + found.outcomes
    run.outcomes = dict(total)
    if found.before:
        rows = [{"id": one, "before": dict(before)} for one, before in found.before.items()]
        given = rows_given(rows, {"id": sa.BigInteger(), "before": sa.JSON()})
        db.session.execute(
            sa.insert(BulkChange).from_select(
                ["run_id", "subscriber_id", "before"],
                sa.select(sa.literal(run.id), given.c.id, given.c.before),
            )
        )


def forget(*, now: datetime) -> int:
    """Delete some of the previous state kept for expired undos. Returns how many rows."""
    old = sa.select(BulkRun.id).where(BulkRun.finished_at <= now - UNDO_TIME)
    some = (
        sa.select(BulkChange.run_id, BulkChange.subscriber_id)
        .where(BulkChange.run_id.in_(old))
        .limit(FORGOTTEN_AT_ONCE)
    )
    return rows_changed(
        db.session.execute(
            sa.delete(BulkChange)
            .where(sa.tuple_(BulkChange.run_id, BulkChange.subscriber_id).in_(some))
            .execution_options(synchronize_session=False)
        )
    )


def is_any_outdated(*, now: datetime) -> bool:
    """Return whether `forget` has something to delete."""
    old = sa.select(BulkChange.run_id).join(BulkRun, BulkRun.id == BulkChange.run_id)
    return db.session.scalar(old.where(BulkRun.finished_at <= now - UNDO_TIME).limit(1)) is not None
