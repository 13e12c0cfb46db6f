"""The calendar: sent and scheduled campaigns, and the dates of each recurring campaign."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from campaigns.access import access
from campaigns.campaign import drafts, lifecycle, recurrence, schedule, schedule_request
from campaigns.campaign import series as all_series
from campaigns.campaign.local_time import find_zone, resolve
from campaigns.campaign.models import Campaign, CampaignSeries
from campaigns.campaign.recurrence import RecurrenceError
from campaigns.campaign.schedule_request import RecurringPlan, ResolvedSchedule
from campaigns.campaign.series import Occurrence
from campaigns.clock import utcnow
from campaigns.context import services
from campaigns.db import db, transaction
from campaigns.reason import Reason, ReasonError
from campaigns.reports import calendar as report
from campaigns.reports.calendar import CalendarEntry
from campaigns.web.campaigns import plan_words
from campaigns.web.campaigns.blueprint import editor_id
from campaigns.web.campaigns.launch import zones
from campaigns.web.campaigns.plan_form import DAYTIME, NTH_WORDS, Form, form_of, read_schedule
from campaigns.web.campaigns.titles import title_of
from campaigns.web.saving import SavedMeanwhileError, locked_or_404, seen_again, seen_of
from campaigns.web.template_helpers import long_date, zone
from campaigns.web.words import gettext as _
from campaigns.web.words import sentence

bp = Blueprint("calendar", __name__)

SHOWN_A_DAY = 3
LIST_SIZE = 200
TIMES_SHOWN = 12
TIMES_IN_PREVIEW = 6
FIRST_YEAR = 2000
YEARS_AHEAD = 5
"""Years that the calendar shows ahead; the dates of a rule are computed from its first."""


@dataclass(frozen=True, slots=True)
class Day:
    """A day of the month view."""

    date: dt.date
    is_in_month: bool
    is_today: bool
    entries: Sequence[CalendarEntry]

    @property
    def shown(self) -> Sequence[CalendarEntry]:
        """Return as many entries as a day has room for."""
        most = SHOWN_A_DAY if len(self.entries) <= SHOWN_A_DAY else SHOWN_A_DAY - 1
        return self.entries[:most]


@bp.get("/calendar")
@access("user")
def index() -> str:
    today = utcnow().astimezone(zone()).date()
    month = _month(request.args.get("month", ""), today)
    following = _next_month(month)
    is_list = request.args.get("view") == "list"
    links = {
        "previous": _next_month(month - timedelta(days=15), 0).strftime("%Y-%m"),
        "following": following.strftime("%Y-%m"),
    }
    shared = {"month": month, "today": today, "view": "list" if is_list else "month", **links}
    if is_list:
        return _list_page(month, following, shared)
    return render_template("web/calendar/month.html", weeks=_weeks(month, today), **shared)


def _month(text: str, today: dt.date) -> dt.date:
    """Return the first day of a month such as `2026-03`; of this month if invalid."""
    try:
        found = dt.date.fromisoformat(f"{text}-01")
    except ValueError:
        return today.replace(day=1)
    is_near = FIRST_YEAR <= found.year <= today.year + YEARS_AHEAD
    return found if is_near else today.replace(day=1)


def _next_month(month: dt.date, months: int = 1) -> dt.date:
    """Return the first day of this month or the next (0 or 1)."""
    return (month.replace(day=1) + timedelta(days=31 * months)).replace(day=1)


def _weeks(month: dt.date, today: dt.date) -> list[list[Day]]:
    first = month - timedelta(days=month.weekday())
    count = 35 if first + timedelta(days=35) >= _next_month(month) else 42
    days = [first + timedelta(days=number) for number in range(count)]
    found = report.entries(_midnight(days[0]), _midnight(days[-1] + timedelta(days=1)))
    of_day = {key: list(group) for key, group in groupby(found, _date_of)}
    cells = [
        Day(date, date.month == month.month, date == today, of_day.get(date, ())) for date in days
    ]
    return [cells[at : at + 7] for at in range(0, count, 7)]


def _midnight(date: dt.date) -> datetime:
    return resolve(datetime.combine(date, dt.time()), zone()).at


def _date_of(entry: CalendarEntry) -> dt.date:
    return entry.at.astimezone(zone()).date()


def _list_page(month: dt.date, following: dt.date, shared: Mapping[str, object]) -> str:
    day_wanted = _day(request.args.get("day", ""))
    since = max(month, day_wanted) if day_wanted else month
    found = report.entries(
        _midnight(since),
        _midnight(following),
        after=_key(request.args.get("after", "")),
        most=LIST_SIZE + 1,
    )
    shown, more = found[:LIST_SIZE], len(found) > LIST_SIZE
    days = [(date, list(group)) for date, group in groupby(shown, _date_of)]
    key = f"{shown[-1].at.isoformat()} {shown[-1].key}" if more else ""
    return render_template("web/calendar/list.html", days=days, next_key=key, **shared)


def _day(text: str) -> dt.date | None:
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        return None


def _key(text: str) -> tuple[datetime, str] | None:
    """Return where the previous page ended: time and key of its last entry."""
    at, _, key = text.partition(" ")
    try:
        found = datetime.fromisoformat(at)
    except ValueError:
        return None
    return (found, key) if found.tzinfo is not None else None


# --- A recurring campaign


@bp.get("/calendar/series/<public_id>")
@access("user")
def series(public_id: str) -> str:
    found = _series(public_id)
    template = db.session.get_one(Campaign, found.template_id)
    return render_template(
        "web/calendar/series.html",
        series=found,
        template=template,
        title=title_of(template),
        rule=sentence(recurrence.describe(recurrence.read_rule(found.rule))),
        times=_times(found),
        now=utcnow(),
    )


def _series(public_id: str) -> CampaignSeries:
    found = all_series.find(public_id)
    if found is None:
        abort(404)
    return found


def _times(found: CampaignSeries) -> list[Occurrence]:
    """Return the next few times with their campaigns; none once the series has ended."""
    if found.ended_at is not None:
        return []
    return all_series.upcoming(found, now=utcnow(), most=TIMES_SHOWN)


@bp.route("/calendar/series/<public_id>/rule", methods=["GET", "POST"])
@access("user")
def rule(public_id: str) -> str | Response | tuple[str, int]:
    """Change the rule from now on."""
    found = _series(public_id)
    if found.ended_at is not None:
        return _has_stopped(public_id)
    if request.method != "POST":
        return _rule_page(found, form_of(found))
    now = utcnow()
    try:
        wanted, recurring = _wanted_rule(found, request.form, now)
        with transaction():
            locked_or_404(CampaignSeries, public_id, _shown)
            if not all_series.change(
                found.id, recurring.rule, recurring.first, wanted.plan, now=now
            ):
                return _has_stopped(public_id)
    except ReasonError as error:
        return _rule_page(found, request.form, sentence(error.reason), error.field), 422
    except SavedMeanwhileError:
        return _rule_page(_series(public_id), request.form, is_conflict=True), 409
    flash(_("Schedule changed. Campaigns already created are not affected."), "success")
    return redirect(url_for("calendar.series", public_id=public_id))


def _shown(found: CampaignSeries) -> list[tuple[str, str]]:
    return list(form_of(found).items(multi=True))


def _has_stopped(public_id: str) -> Response:
    flash(
        _("This recurring campaign has stopped. Duplicate its template to start again."), "warning"
    )
    return redirect(url_for("calendar.series", public_id=public_id))


def _rule_page(
    found: CampaignSeries,
    form: Form,
    error: str = "",
    field: str = "",
    *,
    is_conflict: bool = False,
) -> str:
    template = db.session.get_one(Campaign, found.template_id)
    return render_template(
        "web/calendar/rule.html",
        series=found,
        title=title_of(template),
        soon=datetime.fromisoformat(found.first_local),
        zones=zones(),
        nth_words=NTH_WORDS,
        daytime=DAYTIME,
        form=form,
        seen=(seen_again if error else seen_of)(_shown(found)),
        is_conflict=is_conflict,
        error=error,
        field=field,
    )


def _wanted_rule(
    found: CampaignSeries, form: Form, now: datetime
) -> tuple[ResolvedSchedule, RecurringPlan]:
    """Return the chosen rule. Raises ReasonError."""
    template = db.session.get_one(Campaign, found.template_id)
    wanted = schedule_request.resolve(template, read_schedule(form), now=now)
    if wanted.recurring is None:
        raise RecurrenceError("recurrence.no_frequency")
    return wanted, wanted.recurring


@bp.get("/calendar/series/<public_id>/rule/preview")
@access("user")
def rule_preview(public_id: str) -> str:
    """Preview the rule in the form."""
    found, now = _series(public_id), utcnow()
    try:
        wanted, recurring = _wanted_rule(found, request.args, now)
        times, second_ones = all_series.preview(
            found, recurring.rule, recurring.first, wanted.plan, now=now, most=TIMES_IN_PREVIEW
        )
    except ReasonError as error:
        return render_template("web/calendar/_rule_preview.html", error=sentence(error.reason))
    recipients = drafts.audience_arithmetic(found.template_id, now=now).recipients
    zone_of_rule = find_zone(wanted.plan.zone)
    return render_template(
        "web/calendar/_rule_preview.html",
        rule=plan_words.recurs(wanted.plan, recurring.rule, recurring.first),
        others=[
            *plan_words.around(wanted, recipients, now),
            *(sentence(note) for one in times if (note := resolve(one.local, zone_of_rule).note)),
        ],
        times=times,
        second_ones=second_ones,
    )


@bp.post("/calendar/series/<public_id>/end")
@access("user")
def end(public_id: str) -> Response:
    found = _series(public_id)
    with transaction():
        changed = all_series.end(found.id, now=utcnow())
    if changed:
        flash(_("Recurring campaign stopped"), "success")
    else:
        flash(_("This recurring campaign has already stopped."), "info")
    return redirect(url_for("calendar.series", public_id=public_id))


@bp.post("/calendar/series/<public_id>/<local>/skip")
@access("user")
def skip(public_id: str, local: str) -> Response:
    found, at = _series(public_id), _local(local)
    with transaction():
        changed = all_series.skip(found.id, at, now=utcnow())
    if changed:
        flash(_("%(date)s skipped", date=long_date(at)), "success")
    else:
        flash(_("This date can no longer be skipped."), "warning")
    return _back(public_id)


@bp.post("/calendar/series/<public_id>/<local>/restore")
@access("user")
def restore(public_id: str, local: str) -> Response:
    found, at, now = _series(public_id), _local(local), utcnow()
    problem = _problem(found, utcnow())
    with transaction():
        made = all_series.restore(found.id, at, now=now)
        if made is not None:
            _schedule(made, problem, now)
    flash(_("%(date)s restored", date=long_date(at)), "success")
    return _back(public_id)


@bp.post("/calendar/series/<public_id>/<local>/move")
@access("user")
def move(public_id: str, local: str) -> Response:
    """Create the campaign of this date if needed, and ask for its new time."""
    campaign = _made(_series(public_id), _local(local))
    if campaign is None or campaign.status != "scheduled":
        flash(_("This date can no longer be rescheduled."), "warning")
        return _back(public_id)
    return redirect(url_for("campaigns.new_time", public_id=campaign.public_id))


@bp.post("/calendar/series/<public_id>/<local>/edit")
@access("user")
def edit(public_id: str, local: str) -> Response:
    """Create the campaign of this date if needed, and open it as a draft."""
    campaign = _made(_series(public_id), _local(local))
    if campaign is not None and campaign.status == "scheduled":
        with transaction():
            lifecycle.back_to_draft(campaign.id, now=utcnow())
        flash(
            _("This campaign is a draft now. Review and schedule it, or it is not sent."),
            "warning",
        )
    elif campaign is None or campaign.status != "draft":
        flash(_("This campaign can no longer be edited."), "warning")
        return _back(public_id)
    return redirect(url_for("campaigns.edit", public_id=campaign.public_id))


def _made(found: CampaignSeries, local: datetime) -> Campaign | None:
    """Return the campaign of this time; creates and schedules it if the clock has not."""
    now = utcnow()
    problem = _problem(found, now)
    with transaction():
        made = all_series.make_now(found.id, local, now=now)
        if made is not None:
            _schedule(made, problem, now)
    one = all_series.occurrence(found, local)
    return one.campaign if one else None


def _schedule(made: Occurrence, problem: Reason | None, now: datetime) -> None:
    if made.campaign is None:
        return
    if problem:
        all_series.leave_as_draft(made, problem)
        return
    made.campaign.edited_by_id = editor_id()
    db.session.flush()
    plan = all_series.plan_for(made, all_series.people_of(made, now=now))
    schedule.launch(made.campaign.id, plan, undo_seconds=0, now=now)


def _problem(found: CampaignSeries, now: datetime) -> Reason | None:
    tools = services()
    template = db.session.get_one(Campaign, found.template_id)
    base_url = tools.settings.base_url
    return all_series.problem_of(template, base_url=base_url, signer=tools.signer, now=now)


def _local(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        abort(404)
    if found.tzinfo is not None:
        abort(404)
    return found


def _back(public_id: str) -> Response:
    """Redirect to the page of the request: the calendar, or that of the series."""
    month = request.form.get("month", "")
    if month:
        view = "list" if request.form.get("view") == "list" else None
        return redirect(url_for("calendar.index", month=month, view=view))
    return redirect(url_for("calendar.series", public_id=public_id))
