"""Read from the words of a reply how long a server asks us to wait. Pure: no clock.

"Greylisted, try again in 300 seconds", "retry after 00:05:00", "limit exceeded, try again after
Sat, 21 Nov 2026 18:35:00 UTC": without this, an email would be retried too early and refused again.
"""

import re
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

LONGEST = timedelta(hours=24)
"""Longest wait that is believed: more is probably a misreading."""
LONGEST_READ = 1000

_ASKS = r"(?:\b(?:re-?try|try|again|wait|come back|back ?off|gr[ae]y-?list\w*)\b[^.;\d]{0,40})"
_SPAN = re.compile(
    _ASKS + r"(\d{1,6}) ?(s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?)\b", re.IGNORECASE
)
_CLOCK = re.compile(_ASKS + r"(\d{1,2}):([0-5]\d):([0-5]\d)(?![\d:])", re.IGNORECASE)
_HEADER = re.compile(r"\bretry-after: ?(\d{1,6})\b", re.IGNORECASE)
_DATE = re.compile(
    r"\b(?:until|after|at)\b:? *((?:[a-z]{3}, )?\d{1,2} [a-z]{3} \d{4} \d\d:\d\d(?::\d\d)?"
    r" (?:UTC|GMT|[+-]\d{4}))",
    re.IGNORECASE,
)
_ISO_DATE = re.compile(
    r"\b(?:until|after|at)\b:? *(\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d)?(?:Z|[+-]\d\d:\d\d))"
)


def requested_wait(text: str, now: datetime) -> timedelta:
    """Return how long this reply asks to wait from `now`; zero if it does not say."""
    text = text[:LONGEST_READ]
    moment = _moment(text)
    wait = moment - now if moment else _span(text)
    return min(max(wait, timedelta(0)), LONGEST)


def _moment(text: str) -> datetime | None:
    try:
        if found := _DATE.search(text):
            moment = parsedate_to_datetime(found[1])
        elif found := _ISO_DATE.search(text):
            moment = datetime.fromisoformat(found[1])
        else:
            return None
    except ValueError:  # the 32nd of a month
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _span(text: str) -> timedelta:
    if found := _HEADER.search(text):
        return timedelta(seconds=int(found[1]))
    if found := _CLOCK.search(text):
        hours, minutes, seconds = map(int, found.groups())
        return timedelta(hours=hours, minutes=minutes, seconds=seconds)
    if found := _SPAN.search(text):
        seconds_of = {"s": 1, "m": 60, "h": 3600}
        return timedelta(seconds=int(found[1]) * seconds_of[found[2][0].lower()])
    return timedelta(0)
