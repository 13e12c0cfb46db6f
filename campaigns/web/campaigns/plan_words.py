"""Describe a plan in sentences: what will happen, to whom, when."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from campaigns.campaign import local_time, recurrence
from campaigns.campaign.forecast import Bottleneck
from campaigns.campaign.local_time import Arrival, find_zone, resolve, zones_by_name
from campaigns.campaign.recurrence import Recurrence
from campaigns.campaign.schedule import SendPlan
from campaigns.campaign.schedule_request import RecurringPlan, ResolvedSchedule
from campaigns.campaign.series import LEAD_TIME
from campaigns.web.template_helpers import (
    duration,
    long_date,
    moment,
    number,
    speed,
    wall_clock,
    zone,
)
from campaigns.web.words import gettext as _
from campaigns.web.words import ngettext, sentence

SHOWN_TIMES = 4


def sentences(
    found: ResolvedSchedule,
    *,
    recipients: int,
    undo_seconds: int,
    now: datetime,
    bottleneck: Bottleneck | None = None,
    has_fallback: bool = False,
) -> list[str]:
    """Describe what will happen if this form is submitted now, most important first.

    `bottleneck`: the limit that slows it most. `has_fallback`: another account takes over at the
    daily limit.
    """
    if found.recurring is not None:
        said = _recurs(found, found.recurring, now)
    elif found.plan.local_at is not None:
        said = _local(found, found.plan.local_at, now)
    elif found.plan.at is not None:
        said = _starts(found.plan, found.plan.at, now)
    else:
        said = [_now(undo_seconds)]
    if found.note:
        said.append(sentence(found.note))
    said += around(found, recipients, now)
    if bottleneck is not None and bottleneck.takes > _takes(found.plan, recipients):
        said += _slowed(bottleneck, has_fallback=has_fallback)
    return said


def _slowed(bottleneck: Bottleneck, *, has_fallback: bool) -> list[str]:
    takes = duration(bottleneck.takes)
    if has_fallback:
        last = _("With that account alone, sending would take about %(time)s.", time=takes)
    else:
        last = _("Sending takes about %(time)s.", time=takes)
    return [sentence(bottleneck.reason), last]


def _now(undo_seconds: int) -> str:
    if not undo_seconds:
        return _("Sending starts as soon as you press Send.")
    return ngettext(
        "Sending starts %(num)s second after you press Send. You can undo it until then.",
        "Sending starts %(num)s seconds after you press Send. You can undo it until then.",
        undo_seconds,
    )


def _starts(plan: SendPlan, at: datetime, now: datetime) -> list[str]:
    there, here = at.astimezone(find_zone(plan.zone)), at.astimezone(zone())
    said = [
        _(
            "Sending starts on %(day)s at %(time)s in %(zone)s, %(distance)s from now.",
            day=long_date(there),
            time=wall_clock(there),
            zone=plan.zone,
            distance=duration(at - now),
        )
    ]
    if here.utcoffset() != there.utcoffset():
        said.append(
            _(
                "In %(zone)s that is %(time)s on %(day)s.",
                zone=zone().key,
                time=wall_clock(here),
                day=long_date(here),
            )
        )
    return said


def _local(found: ResolvedSchedule, local: datetime, now: datetime) -> list[str]:
    start, hours = found.plan.at or now, found.plan.hours
    waves = local_time.waves(found.people, Arrival(start, local, hours), zone())
    said = [
        _(
            "Each recipient gets it at %(time)s on %(day)s in their own time zone.",
            time=wall_clock(local),
            day=long_date(local),
        )
    ]
    if waves:
        said.append(_span_of(waves))
    passed = sum(
        count
        for name, count in found.people.items()
        if resolve(local, _zone_of(name)).at < now and hours.holds(start, _zone_of(name))
    )
    if passed:
        said.append(
            ngettext(
                "For %(count)s recipient that time has passed: they get it at once.",
                "For %(count)s recipients that time has passed: they get it at once.",
                passed,
                count=number(passed),
            )
        )
    return [*said, *_without_zone(found.people)]


def _span_of(waves: list[local_time.Wave]) -> str:
    first, last = waves[0], waves[-1]
    if first.at == last.at:
        return _(
            "That is %(moment)s in %(zone)s for all of them.",
            moment=moment(first.at),
            zone=zone().key,
        )
    return ngettext(
        "In %(zone)s, the first get it at %(first)s and the last at %(last)s (%(num)s wave).",
        "In %(zone)s, the first get it at %(first)s and the last at %(last)s (%(num)s waves).",
        len(waves),
        zone=zone().key,
        first=moment(first.at),
        last=moment(last.at),
    )


def _without_zone(people: Mapping[str, int]) -> list[str]:
    unknown = local_time.unknown_zones(people)
    if not unknown:
        return []
    if unknown == sum(people.values()):
        return [
            _(
                "No recipient has a time zone in their data (attribute timezone or tz), so"
                " %(zone)s is used for all.",
                zone=zone().key,
            )
        ]
    return [
        ngettext(
            "%(count)s recipient has no time zone in their data, so %(zone)s is used.",
            "%(count)s recipients have no time zone in their data, so %(zone)s is used.",
            unknown,
            count=number(unknown),
            zone=zone().key,
        )
    ]


def recurs(plan: SendPlan, rule: Recurrence, first: datetime) -> str:
    """Describe its recurrence rule, and by whose clock it runs."""
    words = {"rule": sentence(recurrence.describe(rule)), "time": wall_clock(first)}
    if plan.local_at:
        return _("It goes out %(rule)s at %(time)s in each recipient’s time zone.", **words)
    return _("It goes out %(rule)s at %(time)s in %(zone)s.", zone=plan.zone, **words)


def around(found: ResolvedSchedule, recipients: int, now: datetime) -> list[str]:
    """Describe its sending hours and pace."""
    return [*_hours(found, now), *_pace(found.plan, recipients)]


def _recurs(found: ResolvedSchedule, recurring: RecurringPlan, now: datetime) -> list[str]:
    plan, first = found.plan, recurring.first
    text = recurrence.rule_text(recurring.rule)
    begins = recurrence.first_from(text, first)
    if begins is None:
        return [_("The campaign would end before it begins.")]
    zone_of_plan = find_zone(plan.zone)
    times = [
        local
        for local in recurrence.upcoming(text, begins, after=None, most=SHOWN_TIMES)
        if resolve(local, zone_of_plan).at > now
    ]
    said = [recurs(plan, recurring.rule, first)]
    if times:
        said.append(_("Next dates: %(days)s.", days="; ".join(long_date(local) for local in times)))
    said += [sentence(note) for local in times if (note := resolve(local, zone_of_plan).note)]
    said.append(
        ngettext(
            "Each date becomes a separate campaign %(num)s hour ahead. Until it starts, you can"
            " change, move or skip it.",
            "Each date becomes a separate campaign %(num)s hours ahead. Until it starts, you"
            " can change, move or skip it.",
            LEAD_TIME // timedelta(hours=1),
        )
    )
    said.append(
        _(
            "This draft stays as the template: changes to it apply to every campaign made from it"
            " later. The audience is counted again each time."
        )
    )
    return said


def _hours(found: ResolvedSchedule, now: datetime) -> list[str]:
    hours = found.plan.hours
    if hours.is_whole_day:
        return []
    said = [
        _(
            "Only between %(begins)s:00 and %(ends)s:00 in each recipient’s time zone.",
            begins=hours.begins,
            ends=hours.ends,
        )
    ]
    if found.recurring is not None:
        return [*said, _("Outside these hours, emails wait until they begin.")]
    start = found.plan.at or now
    free = Arrival(start, found.plan.local_at)
    bound = Arrival(start, found.plan.local_at, hours)
    waiting = sum(
        count
        for name, count in found.people.items()
        if bound.in_zone(_zone_of(name)) > free.in_zone(_zone_of(name))
    )
    if waiting:
        said.append(
            ngettext(
                "%(count)s recipient waits until these hours begin in their time zone.",
                "%(count)s recipients wait until these hours begin in their time zone.",
                waiting,
                count=number(waiting),
            )
        )
    return said


def _pace(plan: SendPlan, recipients: int) -> list[str]:
    if plan.spread_seconds:
        return [
            ngettext(
                "Spread over %(num)s hour: about %(speed)s.",
                "Spread over %(num)s hours: about %(speed)s.",
                plan.spread_seconds // 3600,
                speed=speed(max(1, recipients) / plan.spread_seconds),
            )
        ]
    if plan.pace_per_second:
        takes = timedelta(seconds=recipients / plan.pace_per_second)
        return [
            _(
                "At most %(count)s emails per hour: sending takes about %(time)s.",
                count=number(round(plan.pace_per_second * 3600)),
                time=duration(takes),
            )
        ]
    return []


def _takes(plan: SendPlan, recipients: int) -> timedelta:
    """Return the time it takes at its own pace."""
    if plan.pace_per_second:
        return timedelta(seconds=recipients / plan.pace_per_second)
    return timedelta(seconds=plan.spread_seconds)


def _zone_of(name: str) -> ZoneInfo:
    return zones_by_name().get(name, zone())
