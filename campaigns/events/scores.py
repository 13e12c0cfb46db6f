"""How engaged each subscriber is: a score and a band, computed every night.

The score is out of 100: the share of emails that a person opened, plus five times the share that
they clicked. Recent emails count more: half as much for each 30 days between them and the newest
campaign. Emails that bounced, and campaigns that track neither opens nor clicks, do not count.

Weights are relative to the newest campaign, not to today: a score does not depend on the day it is
computed on, so that a nightly run writes only what changed.

Opens by machines are not told apart yet: email clients that load all images, as Apple's do, count
as opens. That is why a click weighs five times as much.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any, Literal
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from campaigns.audience import erasure_lock
from campaigns.audience.models import Subscriber
from campaigns.campaign.models import Campaign, Delivery
from campaigns.db import db, insert_ignoring, rows_given, upsert
from campaigns.events.models import EngagementRun, EngagementScore

Band = Literal["new", "engaged", "cooling", "inactive"]

HALF_LIFE = timedelta(days=30)
MIN_EMAILS = 3
"""Emails received from which there is a score; with fewer, a person is new."""
CLICK_POINTS = 5
ENGAGED_SCORE = 25
ENGAGED_DAYS = 90
"""Days since the last open or click within which a person can be engaged."""
INACTIVE_DAYS = 180
"""Days without an open or click after which a person is inactive."""
NIGHT = time(3)
"""Local time from which a new run may begin."""
SLICE = 2_000
"""People computed at once."""
_RUN = 1


@dataclass(frozen=True, slots=True)
class Engaged:
    """The engagement of one person."""

    band: Band
    score: int | None
    computed_at: datetime | None


@dataclass(frozen=True, slots=True)
class ScoredSlice:
    """New scores of people up to the id `last`; only those that changed."""

    last: int
    changed: Sequence[Mapping[str, Any]]


def of_person(subscriber_id: int) -> Engaged:
    """Return the engagement of one person, as of the last run."""
    row = db.session.get(EngagementScore, subscriber_id, populate_existing=True)
    if row is None:
        return Engaged("new", None, None)
    return Engaged(row.band, row.score, row.computed_at)  # type: ignore[arg-type]


# --- Runs -----------------------------------------------------------------------------------------


def is_due(*, now: datetime, zone: ZoneInfo) -> bool:
    """Return whether there is work: an unfinished run, or none yet this night."""
    run = db.session.get(EngagementRun, _RUN, populate_existing=True)
    return run is None or run.finished_at is None or _is_next_night(run, now, zone)


def _is_next_night(run: EngagementRun, now: datetime, zone: ZoneInfo) -> bool:
    local = now.astimezone(zone)
    return local.time() >= NIGHT and run.started_at.astimezone(zone).date() < local.date()


def position(*, now: datetime, zone: ZoneInfo) -> int | None:
    """Return the id up to which the current run is done; None if nothing is due."""
    if not is_due(now=now, zone=zone):
        return None
    run = db.session.get(EngagementRun, _RUN)
    return 0 if run is None or run.finished_at is not None else run.position


def compute(after: int, *, now: datetime) -> ScoredSlice | None:
    """Compute the next people after this id. None: there are no more. Only reads.

    The database computes; a slice of rows that changed is all that is kept in memory.
    """
    some = (
        sa.select(Subscriber.id).where(Subscriber.id > after).order_by(Subscriber.id).limit(SLICE)
    )
    last = db.session.scalar(sa.select(sa.func.max(some.subquery().c.id)))
    if last is None:
        return None
    return ScoredSlice(last, _changed(after, last, now))


def store(found: ScoredSlice | None, after: int, *, now: datetime) -> None:
    """Store a slice and the position after it, unless someone else did; None ends the run."""
    # Ignored if it exists: two workers may begin the first run at the same time.
    first = {"id": _RUN, "started_at": now, "position": 0}
    db.session.execute(insert_ignoring(EngagementRun).values(first))
    run = db.session.get_one(EngagementRun, _RUN, with_for_update=True, populate_existing=True)
    if run.finished_at is not None and after == 0:
        run.started_at, run.position, run.finished_at = now, 0, None
    if run.position != after or run.finished_at is not None:
        return
    if found is None:
        run.finished_at = now
        return
    run.position = found.last
    if found.changed:
        _upsert(found.changed, now)


def _upsert(rows: Sequence[Mapping[str, Any]], now: datetime) -> None:
    erasure_lock.prevent_erasures()
    given = rows_given(
        rows, {"subscriber_id": sa.BigInteger(), "score": sa.SmallInteger(), "band": sa.Text()}
    )
    at = sa.literal(now, EngagementScore.computed_at.type)
    # Joined, as people may have been erased since they were read.
    people = sa.select(given.c.subscriber_id, given.c.score, given.c.band, at).join(
        Subscriber, Subscriber.id == given.c.subscriber_id
    )
    statement = upsert(EngagementScore).from_select(
        ["subscriber_id", "score", "band", "computed_at"], people.where(sa.true())
    )
    new = statement.excluded
    db.session.execute(
        statement.on_conflict_do_update(
            index_elements=["subscriber_id"],
            set_={"score": new.score, "band": new.band, "computed_at": new.computed_at},
        )
    )


# --- The computation ------------------------------------------------------------------------------


def _changed(after: int, last: int, now: datetime) -> Sequence[Mapping[str, Any]]:
    """Return (subscriber_id, score, band) of those of a range whose stored row differs."""
    weights = _weights()
    if not weights:
        return []
    figures = _figures(weights, after, last).subquery("figures")
    score = _score(figures)
    scored = sa.select(
        figures.c.subscriber_id, score.label("score"), _band(figures, score, now).label("band")
    ).subquery("scored")
    rows = db.session.execute(
        sa.select(scored)
        .outerjoin(EngagementScore, EngagementScore.subscriber_id == scored.c.subscriber_id)
        .where(
            sa.or_(
                EngagementScore.band.is_distinct_from(scored.c.band),
                EngagementScore.score.is_distinct_from(scored.c.score),
            )
        )
        .order_by(scored.c.subscriber_id)
    )
    return [dict(row) for row in rows.mappings()]


def _weights() -> list[dict[str, Any]]:
    """Return the weight of each campaign that tracks something, by its age."""
    started = db.session.execute(
        sa.select(Campaign.id, Campaign.started_at).where(
            Campaign.started_at.is_not(None), sa.or_(Campaign.track_opens, Campaign.track_clicks)
        )
    ).all()
    newest = max((row.started_at for row in started), default=None)
    return [
        {"id": row.id, "weight": 0.5 ** ((newest - row.started_at) / HALF_LIFE)} for row in started
    ]


def _figures(
    weights: Sequence[Mapping[str, Any]], after: int, last: int
) -> sa.Select[*tuple[Any, ...]]:
    """Select, for each person of a range, the emails received and what they did with them."""
    listed = rows_given(weights, {"id": sa.BigInteger(), "weight": sa.Double()})
    # Materialized and typed, so that SQLite makes an index of it instead of reading the whole
    # document again for every delivery.
    given = (
        sa.select(sa.cast(listed.c.id, sa.BigInteger).label("id"), listed.c.weight)
        .cte("weights")
        .prefix_with("MATERIALIZED")
    )
    counts = sa.and_(given.c.weight.is_not(None), Delivery.bounced_at.is_(None))
    received = sa.case((counts, 1), else_=0)
    weight = sa.case((counts, given.c.weight), else_=0.0)
    points = sa.case((Delivery.first_opened_at.is_not(None), 1), else_=0) + sa.case(
        (Delivery.first_clicked_at.is_not(None), CLICK_POINTS), else_=0
    )
    # A click counts as an open too, so it is the later of the two.
    active_at = sa.func.coalesce(Delivery.first_clicked_at, Delivery.first_opened_at)
    return (
        sa.select(
            Delivery.subscriber_id,
            sa.func.sum(received).label("received"),
            sa.func.sum(weight).label("weight"),
            sa.func.sum(weight * points).label("points"),
            sa.func.max(active_at).label("active_at"),
        )
        # An outer join, so that SQLite begins with the few deliveries, not with whole campaigns.
        .outerjoin(given, given.c.id == Delivery.campaign_id)
        .where(
            Delivery.subscriber_id > after,
            Delivery.subscriber_id <= last,
            Delivery.status == "sent",
        )
        .group_by(Delivery.subscriber_id)
    )


def _score(figures: sa.Subquery) -> sa.ColumnElement[int]:
    column = figures.c
    return sa.case(
        (column.received < MIN_EMAILS, sa.null()),
        (column.points >= column.weight, 100),
        else_=sa.cast(sa.func.round(100 * column.points / column.weight), sa.Integer),
    )


def _band(
    figures: sa.Subquery, score: sa.ColumnElement[int], now: datetime
) -> sa.ColumnElement[str]:
    active_at = figures.c.active_at
    return sa.case(
        (figures.c.received < MIN_EMAILS, "new"),
        (
            sa.and_(score >= ENGAGED_SCORE, active_at >= now - timedelta(days=ENGAGED_DAYS)),
            "engaged",
        ),
        (active_at >= now - timedelta(days=INACTIVE_DAYS), "cooling"),
        else_="inactive",
    )
