"""Recurring campaigns: a template, a rule, and a separate campaign for each occurrence.

The clock creates an occurrence ahead of time, so that it can be reviewed, changed or skipped. The
row in `campaign_occurrence` prevents creating it twice, even with two clocks or a wall clock that
was set back. A series only moves forward.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from campaigns import formatting
from campaigns.accounts.workspace import workspace_zone
from campaigns.campaign import drafts, lifecycle, local_time, recurrence
from campaigns.campaign.local_time import DayWindow, find_zone, resolve
from campaigns.campaign.models import Campaign, CampaignOccurrence, CampaignSeries
from campaigns.campaign.preflight import preflight
from campaigns.campaign.recurrence import Recurrence, RecurrenceError
from campaigns.campaign.schedule import SendPlan, local_text
from campaigns.campaign.title import title_of
from campaigns.db import db, insert_ignoring, rows_changed
from campaigns.reason import Reason
from campaigns.tokens import Signer

LEAD_TIME = timedelta(hours=24)
"""How long ahead an occurrence is created."""
EARLIEST_CLOCK = ZoneInfo("Pacific/Kiritimati")
"""The earliest time zone: nothing sent at local times is due before it is due here."""
_MINUTE = timedelta(minutes=1)
"""Step back from a time so that a search includes it."""


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One time of a series; `campaign` if one was created for it."""

    series: CampaignSeries
    local: datetime
    at: datetime
    campaign: Campaign | None = None
    is_skipped: bool = False


# --- Create, find, end


def create(
    template_id: int, rule: Recurrence, first_day: datetime, plan: SendPlan, *, now: datetime
) -> CampaignSeries:
    """Make this draft recur by a rule, from a (naive) day and time on. Raises RecurrenceError.

    The plan's zone, hours and pace apply, and whether it follows recipients' time zones.
    """
    series = CampaignSeries(template_id=template_id, created_at=now)
    if of_template(template_id) is not None:
        raise RecurrenceError("recurrence.exists")
    _skip_missed(series, rule, first_day, plan, now)
    db.session.add(series)
    db.session.flush()
    return series


def change(
    series_id: int, rule: Recurrence, first_day: datetime, plan: SendPlan, *, now: datetime
) -> bool:
    """Change the rule from now on, as in `create`. False: it has ended.

    Existing and skipped occurrences stay, and nobody gets a second one on the same day: the rule's
    times on such days are skipped. Raises RecurrenceError.
    """
    series = db.session.get(CampaignSeries, series_id, with_for_update=True)
    if series is None or series.ended_at is not None:
        return False
    _skip_missed(series, rule, first_day, plan, now)
    db.session.flush()
    for local in _second_ones(series, now):
        _note(series, local, is_skipped=True)
    for text, one in _noted_since(series, _today(series, now)).items():
        if one.is_skipped and not is_one_of(series, datetime.fromisoformat(text)):
            db.session.execute(
                sa.delete(CampaignOccurrence).where(
                    CampaignOccurrence.series_id == series_id, CampaignOccurrence.local_at == text
                )
            )
    return True


def preview(
    series: CampaignSeries,
    rule: Recurrence,
    first_day: datetime,
    plan: SendPlan,
    *,
    now: datetime,
    most: int,
) -> tuple[list[Occurrence], set[datetime]]:
    """Preview the result of `change`.

    Returns the next few times, and which of them would be the second on their day. Raises
    RecurrenceError.
    """
    changed = CampaignSeries(id=series.id, template_id=series.template_id)
    _skip_missed(changed, rule, first_day, plan, now)
    times = upcoming(changed, now=now, most=most)
    second_ones = set(_second_ones(changed, now))
    stay = [one for one in times if not one.is_skipped or is_one_of(changed, one.local)]
    return stay, second_ones


def _skip_missed(
    series: CampaignSeries, rule: Recurrence, first_day: datetime, plan: SendPlan, now: datetime
) -> None:
    text = recurrence.rule_text(rule)
    first = recurrence.first_from(text, first_day)
    if first is None:
        raise RecurrenceError("recurrence.ends_early")
    series.rule, series.zone, series.first_local = text, plan.zone, local_text(first)
    series.is_local_time = plan.local_at is not None
    series.hours_from, series.hours_until = plan.hours.begins, plan.hours.ends
    series.spread_seconds, series.pace_per_second = plan.spread_seconds, plan.pace_per_second
    # Start here: checking every occurrence since the first could take long.
    lately = datetime.combine(_today(series, now) - timedelta(days=2), datetime.min.time())
    following = recurrence.next_after(text, first, max(first - _MINUTE, lately))
    while following is not None and occurrence_time(series, following) <= now:
        following = recurrence.next_after(text, first, following)
    if following is None:
        raise RecurrenceError("recurrence.past")
    _plan_next(series, following)


def _today(series: CampaignSeries, now: datetime) -> date:
    return now.astimezone(find_zone(series.zone)).date()


def _second_ones(series: CampaignSeries, now: datetime) -> list[datetime]:
    """Return the rule's times from today on days that have an occurrence already."""
    noted = _noted_since(series, _today(series, now))
    days = sorted({datetime.fromisoformat(text).date() for text in noted})
    return [
        local for day in days for local in _of_day(series, day) if local_text(local) not in noted
    ]


def _of_day(series: CampaignSeries, day: date) -> Iterator[datetime]:
    first = datetime.fromisoformat(series.first_local)
    before = datetime.combine(day, datetime.min.time()) - _MINUTE
    for local in recurrence.occurrences(series.rule, first, after=max(before, first - _MINUTE)):
        if local.date() != day:
            return
        yield local


@dataclass(frozen=True, slots=True)
class _Noted:
    """The record of an occurrence that was created or skipped."""

    is_skipped: bool = False
    campaign: Campaign | None = None


_NOTHING = _Noted()


def _noted_since(series: CampaignSeries, day: date) -> Mapping[str, _Noted]:
    rows = db.session.execute(
        sa.select(CampaignOccurrence.local_at, CampaignOccurrence.is_skipped, Campaign)
        .outerjoin(Campaign, Campaign.id == CampaignOccurrence.campaign_id)
        .where(
            CampaignOccurrence.series_id == series.id,
            CampaignOccurrence.local_at >= day.isoformat(),
        )
    )
    return {row.local_at: _Noted(row.is_skipped, row.Campaign) for row in rows}


def occurrence_time(series: CampaignSeries, local: datetime) -> datetime:
    """Return when this occurrence happens in the zone of the series."""
    return resolve(local, find_zone(series.zone)).at


def _plan_next(series: CampaignSeries, upcoming: datetime | None) -> None:
    series.next_local = local_text(upcoming) if upcoming else ""
    series.next_run_at = _make_at(series, upcoming) if upcoming else None


def _make_at(series: CampaignSeries, local: datetime) -> datetime:
    """Return when to create this occurrence."""
    zone = EARLIEST_CLOCK if series.is_local_time else find_zone(series.zone)
    return resolve(local, zone).at - LEAD_TIME


def find(public_id: str) -> CampaignSeries | None:
    """Find a recurring campaign by its public id."""
    return db.session.scalar(sa.select(CampaignSeries).where(CampaignSeries.public_id == public_id))


def of_template(campaign_id: int) -> CampaignSeries | None:
    """Return the current series of which this campaign is the template."""
    return db.session.scalar(
        sa.select(CampaignSeries).where(
            CampaignSeries.template_id == campaign_id, CampaignSeries.ended_at.is_(None)
        )
    )


def templates() -> sa.Select[int]:
    """Return the ids of the templates of all current series."""
    return sa.select(CampaignSeries.template_id).where(CampaignSeries.ended_at.is_(None))


def of_campaign(campaign_id: int) -> Occurrence | None:
    """Return the occurrence for which this campaign was created."""
    row = db.session.execute(
        sa.select(CampaignOccurrence, CampaignSeries)
        .join(CampaignSeries, CampaignSeries.id == CampaignOccurrence.series_id)
        .where(CampaignOccurrence.campaign_id == campaign_id)
    ).one_or_none()
    if row is None:
        return None
    local = datetime.fromisoformat(row.CampaignOccurrence.local_at)
    campaign = db.session.get(Campaign, campaign_id)
    return Occurrence(
        row.CampaignSeries, local, occurrence_time(row.CampaignSeries, local), campaign
    )


def end(series_id: int, *, now: datetime) -> bool:
    """End a series. Occurrences that have not started become drafts."""
    ended = db.session.execute(
        sa.update(CampaignSeries)
        .where(CampaignSeries.id == series_id, CampaignSeries.ended_at.is_(None))
        .values(ended_at=now, next_run_at=None, next_local="")
        .execution_options(synchronize_session=False)
    )
    db.session.expire_all()
    if rows_changed(ended) == 0:
        return False
    made = db.session.scalars(
        sa.select(CampaignOccurrence.campaign_id)
        .join(Campaign, Campaign.id == CampaignOccurrence.campaign_id)
        .where(CampaignOccurrence.series_id == series_id, Campaign.status == "scheduled")
    ).all()
    for campaign_id in made:
        if campaign_id is not None:
            lifecycle.back_to_draft(campaign_id, now=now)
    return True


# --- For the clock


def due(*, now: datetime) -> list[int]:
    """Return the series with an occurrence to create."""
    return list(
        db.session.scalars(
            sa.select(CampaignSeries.id)
            .where(CampaignSeries.next_run_at <= now, CampaignSeries.ended_at.is_(None))
            .order_by(CampaignSeries.next_run_at)
        )
    )


def advance(series_id: int, *, overdue: timedelta, now: datetime) -> Occurrence | None:
    """Create the next occurrence, if it is time, and set the time of the one after it.

    Of several missed by more than `overdue` only the last is created (the clock then asks about
    it); the others count as skipped. None: nothing was created.
    """
    series = db.session.get(CampaignSeries, series_id, with_for_update=True)
    if series is None or series.next_run_at is None or series.next_run_at > now:
        return None
    local = _skip_overdue(series, datetime.fromisoformat(series.next_local), overdue, now)
    _plan_next(series, _after(series, local))
    db.session.flush()
    return _make(series, local, now)


def _skip_overdue(
    series: CampaignSeries, local: datetime, overdue: timedelta, now: datetime
) -> datetime:
    while True:
        following = _after(series, local)
        if following is None or occurrence_time(series, following) >= now:
            return local
        if occurrence_time(series, local) >= now - overdue:
            return local
        _note(series, local, is_skipped=True)
        local = following


def _after(series: CampaignSeries, local: datetime) -> datetime | None:
    return recurrence.next_after(series.rule, datetime.fromisoformat(series.first_local), local)


def _note(series: CampaignSeries, local: datetime, *, is_skipped: bool) -> bool:
    """Record the occurrence. False: it was already created or skipped."""
    values = {"series_id": series.id, "local_at": local_text(local), "is_skipped": is_skipped}
    written = (
        insert_ignoring(CampaignOccurrence).values(values).returning(CampaignOccurrence.series_id)
    )
    return db.session.scalar(written) is not None


def _make(series: CampaignSeries, local: datetime, now: datetime) -> Occurrence | None:
    """Copy the template for this occurrence; None if that was done already."""
    if not _note(series, local, is_skipped=False):
        return None
    template = db.session.get_one(Campaign, series.template_id)
    day = formatting.full_date(local, formatting.DEFAULT_LOCALE)
    name = ", ".join(filter(None, (title_of(template.name, template.subject), day)))
    copy = drafts.duplicate(template.id, editor_id=template.edited_by_id, now=now, name=name)
    db.session.execute(
        sa.update(CampaignOccurrence)
        .where(*_is(series.id, local))
        .values(campaign_id=copy.id)
        .execution_options(synchronize_session=False)
    )
    return Occurrence(series, local, occurrence_time(series, local), copy)


def plan_for(made: Occurrence, people: Mapping[str, int]) -> SendPlan:
    """Return the plan of an occurrence's campaign; `people`: the audience by zone."""
    series = made.series
    local_at = made.local if series.is_local_time else None
    return SendPlan(
        at=local_time.first_time(people, local_at, workspace_zone()) if local_at else made.at,
        zone=series.zone,
        local_at=local_at,
        hours=DayWindow(series.hours_from, series.hours_until),
        spread_seconds=series.spread_seconds,
        pace_per_second=series.pace_per_second,
    )


def people_of(made: Occurrence, *, now: datetime) -> Mapping[str, int]:
    """Return the audience by zone, if the schedule depends on it. Raises AudienceError."""
    if made.campaign is None or not made.series.is_local_time:
        return {}
    return local_time.people_by_zone(made.campaign.id, now=now)


def retry_later(series_id: int, *, until: datetime) -> None:
    """Retry a failing series later."""
    db.session.execute(
        sa.update(CampaignSeries)
        .where(CampaignSeries.id == series_id, CampaignSeries.ended_at.is_(None))
        .values(next_run_at=until)
        .execution_options(synchronize_session=False)
    )


def problem_of(
    template: Campaign, *, base_url: str, signer: Signer, now: datetime
) -> Reason | None:
    """Return what prevents copies of a campaign from being sent; None if nothing does."""
    arithmetic = drafts.audience_arithmetic(template.id, now=now)
    checks = preflight(template, arithmetic, base_url=base_url, signer=signer, now=now)
    blocking = next((check for check in checks if check.blocks), None)
    if blocking is None:
        return None
    said = blocking.reason or tuple(problem.located for problem in blocking.problems)
    return Reason("status.preflight", {"name": blocking.title, "text": said})


def leave_as_draft(made: Occurrence, problem: Reason) -> None:
    """Leave an occurrence as a draft, with the problem to fix."""
    if made.campaign is not None:
        made.campaign.status_reason = Reason("status.not_scheduled", {"why": problem}).pack()


# --- Single occurrences


def is_one_of(series: CampaignSeries, local: datetime) -> bool:
    """Return whether the rule has an occurrence at this time."""
    first = datetime.fromisoformat(series.first_local)
    if not first <= local <= first + timedelta(days=50 * 366):
        return False
    before = local - _MINUTE
    return recurrence.next_after(series.rule, first, before) == local


def occurrence(series: CampaignSeries, local: datetime) -> Occurrence | None:
    """Return the occurrence at this time, even one of an earlier rule; None without one."""
    row = db.session.execute(
        sa.select(CampaignOccurrence.is_skipped, Campaign)
        .outerjoin(Campaign, Campaign.id == CampaignOccurrence.campaign_id)
        .where(*_is(series.id, local))
    ).one_or_none()
    at = occurrence_time(series, local)
    if row is not None:
        return Occurrence(series, local, at, row.Campaign, row.is_skipped)
    return Occurrence(series, local, at) if is_one_of(series, local) else None


def upcoming(series: CampaignSeries, *, now: datetime, most: int) -> list[Occurrence]:
    """Return the next few times, and existing occurrences of the last day.

    Includes occurrences created or skipped under an earlier rule.
    """
    since = (now - timedelta(days=1)).astimezone(find_zone(series.zone)).replace(tzinfo=None)
    first = datetime.fromisoformat(series.first_local)
    times = recurrence.upcoming(series.rule, first, after=max(since, first - _MINUTE), most=most)
    noted = {
        datetime.fromisoformat(text): one
        for text, one in _noted_since(series, since.date()).items()
    }
    is_all = len(times) < most
    locals_ = {*times, *(at for at in noted if since < at and (is_all or at < times[-1]))}
    found = [
        Occurrence(series, at, occurrence_time(series, at), one.campaign, one.is_skipped)
        for at in sorted(locals_)
        if (one := noted.get(at, _NOTHING))
    ]
    return [one for one in found if one.campaign or one.at > now]


def make_now(series_id: int, local: datetime, *, now: datetime) -> Occurrence | None:
    """Create this occurrence early, to change it. None if it was created or skipped."""
    series = db.session.get(CampaignSeries, series_id, with_for_update=True)
    if series is None or series.ended_at is not None or not is_one_of(series, local):
        return None
    return _make(series, local, now)


def skip(series_id: int, local: datetime, *, now: datetime) -> bool:
    """Skip this occurrence, and delete its campaign if it has not started."""
    series = db.session.get(CampaignSeries, series_id, with_for_update=True)
    if series is None or series.ended_at is not None:
        return False
    if is_one_of(series, local) and _note(series, local, is_skipped=True):
        return True
    found = occurrence(series, local)
    if found is None or found.is_skipped or found.campaign is None:
        return False
    lifecycle.back_to_draft(found.campaign.id, now=now)
    if not drafts.delete(found.campaign.id):
        return False
    db.session.execute(
        sa.update(CampaignOccurrence)
        .where(*_is(series_id, local))
        .values(is_skipped=True, campaign_id=None)
        .execution_options(synchronize_session=False)
    )
    return True


def restore(series_id: int, local: datetime, *, now: datetime) -> Occurrence | None:
    """Undo a skip while its time is ahead. Returns the occurrence if it is created now."""
    series = db.session.get(CampaignSeries, series_id, with_for_update=True)
    if series is None or series.ended_at is not None or occurrence_time(series, local) <= now:
        return None
    taken_back = db.session.execute(
        sa.delete(CampaignOccurrence).where(
            *_is(series_id, local), CampaignOccurrence.is_skipped.is_(True)
        )
    )
    if rows_changed(taken_back) == 0:
        return None
    # The clock creates only later occurrences, and none of an earlier rule: create it here.
    is_ahead = "" < series.next_local <= local_text(local) and is_one_of(series, local)
    return None if is_ahead else _make(series, local, now)


def _is(series_id: int, local: datetime) -> tuple[sa.ColumnElement[bool], ...]:
    return (
        CampaignOccurrence.series_id == series_id,
        CampaignOccurrence.local_at == local_text(local),
    )


def under_way() -> Sequence[CampaignSeries]:
    """Return every series that has not ended."""
    return db.session.scalars(
        sa.select(CampaignSeries)
        .where(CampaignSeries.ended_at.is_(None))
        .order_by(CampaignSeries.id)
    ).all()


def ahead(*, since: date, until: date) -> Iterator[Occurrence]:
    """Yield the occurrences of all series in this period that have no campaign.

    These are future and skipped ones. `until` is exclusive.
    """
    noted = _noted(since, until)
    for each in under_way():
        yield from _ahead(each, noted.get(each.id, {}), since, until)


def _ahead(
    series: CampaignSeries, noted: Mapping[str, bool], since: date, until: date
) -> Iterator[Occurrence]:
    first = datetime.fromisoformat(series.first_local)
    start = max(datetime.combine(since, datetime.min.time()), first)
    for local in recurrence.occurrences(series.rule, first, after=start - _MINUTE):
        if local.date() >= until:
            return
        text = local_text(local)
        is_skipped = noted.get(text)
        is_to_come = is_skipped is None and "" < series.next_local <= text
        if is_skipped or is_to_come:
            at = occurrence_time(series, local)
            yield Occurrence(series, local, at, is_skipped=bool(is_skipped))


def _noted(since: date, until: date) -> Mapping[int, dict[str, bool]]:
    """Return created (False) and skipped (True) occurrences by series and time."""
    rows = db.session.execute(
        sa.select(
            CampaignOccurrence.series_id, CampaignOccurrence.local_at, CampaignOccurrence.is_skipped
        ).where(
            CampaignOccurrence.local_at >= since.isoformat(),
            CampaignOccurrence.local_at < until.isoformat(),
        )
    )
    found: dict[int, dict[str, bool]] = {}
    for row in rows:
        found.setdefault(row.series_id, {})[row.local_at] = row.is_skipped
    return found
