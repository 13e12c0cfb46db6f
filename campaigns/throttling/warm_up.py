"""Warm-ups: a daily cap that grows.

Only days with sent email count. Refusals lower the cap by a quarter and freeze the plan for three
days; after a month without email it continues from half of its day.
"""

from collections.abc import Mapping
from datetime import date, timedelta

import sqlalchemy as sa

from campaigns.db import db
from campaigns.throttling.models import WarmUp

FIRST, LAST, DAYS = 200, 200_000, 42
IDLE_DAYS = 30
FREEZE_DAYS = 3
CUT = 0.75
ACCOUNT = ""


def curve(first: int, last: int, days: int) -> list[int]:
    """Return the cap of each day, growing by a constant factor."""
    if days <= 1:
        return [last]
    return [round(first * (last / first) ** (day / (days - 1))) for day in range(days)]


def steps_of(plan: WarmUp) -> list[int]:
    """Return the daily limits of a warm-up, day by day."""
    written = [int(step) for step in plan.steps.split()]
    return written or curve(plan.first, plan.last, plan.days)


def day_of(plan: WarmUp, today: date) -> int:
    """Return the day of the plan that this is, if email is sent on it."""
    if plan.day_on is None or today <= plan.day_on:
        return plan.day
    if (today - plan.day_on).days > IDLE_DAYS:
        return plan.day // 2
    if plan.frozen_until is not None and today < plan.frozen_until:
        return plan.day
    return plan.day + 1


def cap(plan: WarmUp, today: date) -> int | None:
    """Return the cap of this day; None once the plan is complete."""
    steps, day = steps_of(plan), day_of(plan, today)
    return steps[day] if day < len(steps) else None


def begin_day(plan: WarmUp, today: date) -> None:
    """Note that email was sent today."""
    if plan.day_on != today:
        plan.day, plan.day_on = day_of(plan, today), today


def bad_sign(plan: WarmUp, today: date) -> None:
    """Go back to a day with a quarter less after a refusal, and stay there for a while."""
    if plan.frozen_until is not None and today < plan.frozen_until:
        return
    steps, day = steps_of(plan), day_of(plan, today)
    allowed = steps[min(day, len(steps) - 1)] * CUT
    earlier = [number for number, most in enumerate(steps[:day]) if most <= allowed]
    plan.day, plan.day_on = max(earlier, default=0), today
    plan.frozen_until = today + timedelta(days=FREEZE_DAYS)


def plans(provider_id: int) -> Mapping[str, WarmUp]:
    """Return the warm-ups of an account by mailbox group; '' is that of the whole account."""
    rows = db.session.scalars(sa.select(WarmUp).where(WarmUp.provider_id == provider_id))
    return {plan.mailbox_group: plan for plan in rows}


def note(provider_id: int, group: str, today: date, *, is_bad: bool) -> None:
    """Update the warm-ups that apply to this group with the results of a batch."""
    for name, plan in plans(provider_id).items():
        if name in {ACCOUNT, group}:
            if is_bad:
                bad_sign(plan, today)
            else:
                begin_day(plan, today)
    db.session.flush()
