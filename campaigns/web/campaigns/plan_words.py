"""A plan in plain sentences: what will happen, to whom, when."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from campaigns.campaign import local_time, recurrence
from campaigns.campaign.forecast import Bound
from campaigns.campaign.local_time import Arrival, find_zone, resolve, zones_by_name
from campaigns.campaign.recurrence import Repeat
from campaigns.campaign.schedule import Plan
from campaigns.campaign.series import AHEAD
from campaigns.web.campaigns.plan_form import Wish
from campaigns.web.template_helpers import (
    duration,
    long_date,
    moment,
    number,
    plural,
    speed,
    wall_clock,
    zone,
)

SHOWN_TIMES = 4


def sentences(
    wish: Wish,
    *,
    recipients: int,
    undo_seconds: int,
    now: datetime,
    bound: Bound | None = None,
    goes_on: bool = False,
) -> list[str]:
    """What will happen if this form is sent now, most important first.

    `bound`: the limit that makes it take longest, if one does. `goes_on`: another account helps
    out when it is used up.
    """
    if wish.repeat is not None:
        said = _repeats(wish, now)
    elif wish.plan.local_at is not None:
        said = _local(wish, wish.plan.local_at, now)
    elif wish.plan.at is not None:
        said = [_starts(wish.plan, wish.plan.at, now)]
    else:
        said = [_now(undo_seconds)]
    if wish.note:
        said.append(wish.note)
    said += around(wish, recipients, now)
    if bound is not None and bound.takes > _takes(wish.plan, recipients):
        takes = "that alone would take" if goes_on else "it takes"
        said.append(f"{bound.words}: {takes} about {duration(bound.takes)}.")
    return said


def _now(undo_seconds: int) -> str:
    if not undo_seconds:
        return "It starts as soon as you press Send."
    wait = plural(undo_seconds, "second")
    return f"It starts {wait} after you press Send; until then you can take it back."


def _starts(plan: Plan, at: datetime, now: datetime) -> str:
    there = at.astimezone(find_zone(plan.zone))
    words = (
        f"It starts on {long_date(there)} at {wall_clock(there)} in {plan.zone},"
        f" {duration(at - now)} from now."
    )
    here = at.astimezone(zone())
    if here.utcoffset() != there.utcoffset():
        words += f" In {zone().key} that is {wall_clock(here)} on {long_date(here)}."
    return words


def _local(wish: Wish, local: datetime, now: datetime) -> list[str]:
    start = wish.plan.at or now
    found = local_time.waves(wish.people, Arrival(start, local, wish.plan.hours), zone())
    said = [
        f"Everybody gets it when their own clock shows {wall_clock(local)} on {long_date(local)}."
    ]
    if found:
        said.append(_span_of(found))
    passed = sum(
        count
        for name, count in wish.people.items()
        if resolve(local, _zone_of(name)).at < now and wish.plan.hours.holds(start, _zone_of(name))
    )
    if passed:
        who = "1 person" if passed == 1 else f"{number(passed)} people"
        said.append(f"For {who} that time has passed: they get it at once.")
    return [*said, *_without_zone(wish.people)]


def _span_of(found: list[local_time.Wave]) -> str:
    first, last = found[0], found[-1]
    if first.at == last.at:
        return f"That is {moment(first.at)} in {zone().key}, for all of them."
    return (
        f"By your clock the first get it at {moment(first.at)}, the last at {moment(last.at)} "
        f"({len(found)} waves in {zone().key} time)."
    )


def _without_zone(people: Mapping[str, int]) -> list[str]:
    unknown = local_time.unknown_zones(people)
    if not unknown:
        return []
    if unknown == sum(people.values()):
        where = "(attribute timezone or tz)"
        return [f"Nobody has a time zone in their data {where}: {zone().key} is taken for all."]
    who = "1 person has" if unknown == 1 else f"{number(unknown)} people have"
    return [f"{who} no time zone in their data: {zone().key} is taken for them."]


def repeats(wish: Wish, rule: Repeat, first: datetime) -> str:
    """By which rule it goes out, and by whose clock."""
    clock = "of each reader’s own time" if wish.plan.local_at else f"in {wish.plan.zone}"
    return f"It goes out {recurrence.describe(rule)}, at {wall_clock(first)} {clock}."


def around(wish: Wish, recipients: int, now: datetime) -> list[str]:
    """Within which hours and how quickly."""
    return [*_hours(wish, now), *_pace(wish.plan, recipients)]


def _repeats(wish: Wish, now: datetime) -> list[str]:
    rule, first, plan = wish.repeat, wish.first, wish.plan
    if rule is None or first is None:
        return []
    text = recurrence.rule_text(rule)
    begins = recurrence.first_from(text, first)
    if begins is None:
        return ["It would end before it begins."]
    times = [
        local
        for local in recurrence.upcoming(text, begins, after=None, most=SHOWN_TIMES)
        if resolve(local, find_zone(plan.zone)).at > now
    ]
    notes = [resolve(local, find_zone(plan.zone)).note for local in times]
    said = [repeats(wish, rule, first)]
    if times:
        said.append("Next: " + "; ".join(long_date(local) for local in times) + ".")
    said += [note for note in notes if note]
    hours = AHEAD // timedelta(hours=1)
    said.append(
        f"Each time is a campaign of its own, made {hours} hours ahead: until it starts you can "
        "change, move or skip it. Who gets it is worked out each time. This draft stays as the "
        "template: what you change in it goes into all that are made after that."
    )
    return said


def _hours(wish: Wish, now: datetime) -> list[str]:
    hours = wish.plan.hours
    if hours.is_whole_day:
        return []
    words = f"Only between {hours.begins}:00 and {hours.ends}:00 of each reader’s day."
    if wish.repeat is not None:
        return [words + " Who would get it outside of that waits until the hours begin."]
    start = wish.plan.at or now
    free = Arrival(start, wish.plan.local_at)
    bound = Arrival(start, wish.plan.local_at, hours)
    waiting = sum(
        count
        for name, count in wish.people.items()
        if bound.in_zone(_zone_of(name)) > free.in_zone(_zone_of(name))
    )
    if waiting:
        who = "1 person waits" if waiting == 1 else f"{number(waiting)} people wait"
        words += f" {who} until the hours begin where they live."
    return [words]


def _pace(plan: Plan, recipients: int) -> list[str]:
    if plan.spread_seconds:
        hours = plural(plan.spread_seconds // 3600, "hour")
        each = speed(max(1, recipients) / plan.spread_seconds)
        return [f"Spread over {hours}: about {each}."]
    if plan.pace_per_second:
        takes = duration(timedelta(seconds=recipients / plan.pace_per_second))
        per_hour = number(round(plan.pace_per_second * 3600))
        return [f"At most {per_hour} an hour: it takes about {takes}."]
    return []


def _takes(plan: Plan, recipients: int) -> timedelta:
    """By its own pace."""
    if plan.pace_per_second:
        return timedelta(seconds=recipients / plan.pace_per_second)
    return timedelta(seconds=plan.spread_seconds)


def _zone_of(name: str) -> ZoneInfo:
    return zones_by_name().get(name, zone())
