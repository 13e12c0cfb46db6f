"""The moment a campaign is scheduled for, read from what a person typed."""

import datetime as dt
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

FARTHEST = timedelta(days=2 * 366)
MOST_YEARS = 100


class MomentError(ValueError):
    """That is no moment a campaign can start at; the message says why."""


def parse_moment(date: str, time: str, zone_name: str, *, now: datetime) -> datetime:
    """`2026-03-29`, `14:30`, `Europe/Berlin` as a moment in UTC. Raises MomentError.

    A time that comes twice, when the clocks go back, is the first of the two.
    """
    zone = _zone(zone_name)
    try:
        local = datetime.combine(
            dt.date.fromisoformat(date), dt.time.fromisoformat(time), tzinfo=zone
        )
    except ValueError:
        raise MomentError("Please choose both a date and a time.") from None
    if abs(local.year - now.year) > MOST_YEARS:  # near year 1 and 9999 no zone can be reckoned
        raise MomentError(f"The year {local.year} is too far off. Is it right?")
    moment = local.astimezone(UTC)
    if moment.astimezone(zone).replace(tzinfo=None) != local.replace(tzinfo=None):
        raise MomentError(
            f"On {_day(local)} the clocks in {zone_name} go forward: "
            f"{local:%H:%M} does not exist there. Please choose another time."
        )
    if moment <= now:
        here = now.astimezone(zone)
        raise MomentError(
            f"That moment has passed: in {zone_name} it is {here:%H:%M} on {_day(here)}."
        )
    if moment - now > FARTHEST:
        raise MomentError("That is more than two years ahead. Is the year right?")
    return moment


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise MomentError(
            f"“{name[:60]}” is no time zone we know. Try Europe/Berlin or UTC."
        ) from None


def _day(moment: datetime) -> str:
    return f"{moment.day} {moment:%B %Y}"
