"""The schedule of a campaign, and what happens if it misses its time.

The plan is stored at the launch. A campaign that missed its time by too much, because nothing ran
or the machine's clock was wrong, is not sent silently: it stays `scheduled` and waits for a
decision (`asked_at`).
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

import sqlalchemy as sa

from campaigns.campaign import lifecycle
from campaigns.campaign.local_time import DayWindow
from campaigns.campaign.models import Campaign, Generation
from campaigns.db import db, rows_changed

MAX_SPREAD = timedelta(days=7)
MAX_PER_HOUR = 10_000_000
MAY_BE_SENT = sa.and_(
    Campaign.status == "scheduled",
    Campaign.asked_at.is_not(None),
    Campaign.restored_at.is_not(None),
)
"""Campaigns that wait for a decision because they were due between a backup and its restore."""


@dataclass(frozen=True, slots=True)
class SendPlan:
    """When a campaign is sent, by whose clock, at which hours, and how fast.

    `at`: None means now. `local_at`: everyone gets it when their clock shows this (naive) time;
    `at` is then the time of the first of them. `zone`: in which the time was chosen.
    """

    at: datetime | None = None
    zone: str = ""
    local_at: datetime | None = None
    hours: DayWindow = field(default_factory=DayWindow)
    spread_seconds: int = 0
    pace_per_second: float = 0.0


def launch(campaign_id: int, plan: SendPlan, *, undo_seconds: int, now: datetime) -> bool:
    """Launch a draft as planned: write the plan, then `lifecycle.launch`."""
    written = db.session.execute(
        sa.update(Campaign)
        .where(Campaign.id == campaign_id, Campaign.status == "draft")
        .values(
            schedule_zone=plan.zone,
            local_at=local_text(plan.local_at) if plan.local_at else "",
            hours_from=plan.hours.begins,
            hours_until=plan.hours.ends,
            spread_seconds=plan.spread_seconds,
            pace_per_second=plan.pace_per_second,
            asked_at=None,
        )
    )
    return rows_changed(written) == 1 and lifecycle.launch(
        campaign_id, at=plan.at, undo_seconds=undo_seconds, now=now
    )


def local_text(local: datetime) -> str:
    """Return a naive time in stored form, `2026-03-29T09:00`, which sorts by time."""
    return f"{local:%Y-%m-%dT%H:%M}"


def plan_of(campaign: Campaign) -> SendPlan:
    """Return the plan of a campaign."""
    return SendPlan(
        at=campaign.scheduled_at,
        zone=campaign.schedule_zone,
        local_at=datetime.fromisoformat(campaign.local_at) if campaign.local_at else None,
        hours=DayWindow(campaign.hours_from, campaign.hours_until),
        spread_seconds=campaign.spread_seconds,
        pace_per_second=campaign.pace_per_second,
    )


# --- Missed times


def ask(*, overdue: timedelta, now: datetime) -> list[int]:
    """Ask about every campaign that missed its time by more than `overdue`. Returns their ids.

    Campaigns due before a restore may have been sent, and are marked as such.
    """
    may_be_sent = sa.exists().where(Generation.restored_at >= Campaign.scheduled_at)
    statement = (
        sa.update(Campaign)
        .where(*_is_missed(overdue, now))
        .values(
            asked_at=now,
            is_undo_window=False,
            restored_at=sa.case((may_be_sent, now), else_=None),
            updated_at=now,
        )
        .returning(Campaign.id)
        .execution_options(synchronize_session=False)
    )
    return list(db.session.scalars(statement))


def is_anything_due(*, now: datetime) -> bool:
    """Return whether there is anything to start or to ask about. Reads only."""
    due = sa.select(Campaign.id).where(
        Campaign.status == "scheduled", Campaign.scheduled_at <= now, Campaign.asked_at.is_(None)
    )
    return db.session.scalar(due.limit(1)) is not None


def _is_missed(overdue: timedelta, now: datetime) -> tuple[sa.ColumnElement[bool], ...]:
    return (
        Campaign.status == "scheduled",
        Campaign.scheduled_at < now - overdue,
        Campaign.asked_at.is_(None),
    )


def send_restored(*, now: datetime) -> list[int]:
    """Start every campaign that may have been sent before a restore. Returns their ids."""
    return _answer_restored(now, scheduled_at=now)


def return_restored_to_draft(*, now: datetime) -> list[int]:
    """Return campaigns that may have been sent before a restore to draft. Returns their ids."""
    return _answer_restored(now, status="draft", scheduled_at=None)


def _answer_restored(now: datetime, **values: object) -> list[int]:
    answered = (
        sa.update(Campaign)
        .where(MAY_BE_SENT)
        .values(asked_at=None, restored_at=None, updated_at=now, **values)
        .returning(Campaign.id)
    )
    return list(db.session.scalars(answered))


def asked() -> list[Campaign]:
    """Return the campaigns that missed their time and wait for a decision, oldest first."""
    return list(
        db.session.scalars(
            sa.select(Campaign)
            .where(Campaign.status == "scheduled", Campaign.asked_at.is_not(None))
            .order_by(Campaign.scheduled_at)
        )
    )


def send_now(campaign_id: int, *, undo_seconds: int, now: datetime) -> bool:
    """Send a campaign that missed its time, after the usual undo window.

    With local times, recipients past the time get it at once, and others at their time.
    """
    return _replan(
        campaign_id,
        now,
        Campaign.asked_at.is_not(None),
        scheduled_at=now + timedelta(seconds=undo_seconds),
        is_undo_window=True,
    )


def move(campaign_id: int, plan: SendPlan, *, now: datetime) -> bool:
    """Reschedule a campaign to another future time; hours and pace stay."""
    return _replan(
        campaign_id,
        now,
        scheduled_at=plan.at,
        schedule_zone=plan.zone,
        local_at=local_text(plan.local_at) if plan.local_at else "",
        is_undo_window=False,
    )


def _replan(
    campaign_id: int, now: datetime, *also: sa.ColumnElement[bool], **values: object
) -> bool:
    changed = db.session.execute(
        sa.update(Campaign)
        .where(Campaign.id == campaign_id, Campaign.status == "scheduled", *also)
        .values(asked_at=None, restored_at=None, status_reason="", updated_at=now, **values)
    )
    return rows_changed(changed) == 1
