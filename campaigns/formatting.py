"""Format numbers, shares, dates, durations, sizes and speeds in each language.

The only module that formats values for users. The locale is an argument, such as "en" or "de";
patterns come from CLDR through Babel. Dates are shown in their own time zone: convert with
`astimezone` first.
"""

import datetime as dt
from datetime import datetime, timedelta

from babel import Locale
from babel.dates import format_date, format_skeleton, format_timedelta
from babel.lists import format_list
from babel.numbers import format_decimal, format_percent
from babel.units import format_compound_unit, format_unit

DEFAULT_LOCALE = "en"

NOTHING = "–"
"""Shown if there is no value."""

_ENGLISH_DATES = {
    "yMMMd": "d MMM y",
    "yMMMMd": "d MMMM y",
    "yMMMMEEEEd": "EEEE d MMMM y",
}
"""English dates start with the day, which is understood on both sides of the Atlantic."""

_LONG_DATES = {"yMMMMd": "long", "yMMMMEEEEd": "full"}
"""The named formats of all other languages."""

SMALLEST_SHARE = 0.0001

_SIZES = (("gigabyte", 1024**3), ("megabyte", 1024**2), ("kilobyte", 1024))
_RATES = (("second", 1), ("minute", 60), ("hour", 3600))
_DAY_SECONDS = 86_400
_OLD = timedelta(days=31)
"""Age from which a relative time is no longer helpful."""


def language_tag(locale: str) -> str:
    """Return the HTML language tag of a locale: "pt-BR" for "pt_BR"."""
    return locale.replace("_", "-")


def number(value: float | None, locale: str) -> str:
    """Write 1776 as "1,776"; fractions keep at most three digits."""
    return NOTHING if value is None else format_decimal(value, locale=locale)


def share(fraction: float, locale: str) -> str:
    """Write 0.422 as "42.2%", without meaningless digits."""
    if 0 < fraction < SMALLEST_SHARE:
        return f"<{_percent(SMALLEST_SHARE, '0.##', locale)}"
    return _percent(fraction, "0.##" if fraction < 0.01 else "0.#", locale)


def _percent(fraction: float, digits: str, locale: str) -> str:
    pattern = Locale.parse(locale).percent_formats[None].pattern
    return format_percent(fraction, pattern.replace("#,##0", f"#,##{digits}"), locale=locale)


def percent(part: float | None, whole: float | None, locale: str) -> str:
    """Write part / whole as "42.2%"; a dash if the whole is 0."""
    return share((part or 0) / whole, locale) if whole else NOTHING


def date(value: dt.date, locale: str) -> str:
    """Write "19 Nov 2026"."""
    return _dated(value, "yMMMd", locale)


def long_date(value: dt.date, locale: str) -> str:
    """Write "Thursday 19 November 2026"."""
    return _dated(value, "yMMMMEEEEd", locale)


def full_date(value: dt.date, locale: str) -> str:
    """Write "19 November 2026"."""
    return _dated(value, "yMMMMd", locale)


def month(value: dt.date, locale: str) -> str:
    """Write "November 2026"."""
    return format_skeleton("yMMMM", value, locale=locale)


def _dated(value: dt.date, skeleton: str, locale: str) -> str:
    day = value.date() if isinstance(value, datetime) else value
    parsed = Locale.parse(locale)
    if parsed.language == "en":
        return format_date(day, _ENGLISH_DATES[skeleton], locale=parsed)
    if skeleton in _LONG_DATES:
        return format_date(day, _LONG_DATES[skeleton], locale=parsed)
    # Babel formats skeletons of datetimes only.
    return format_skeleton(skeleton, datetime(day.year, day.month, day.day), locale=parsed)  # noqa: DTZ001


def time(value: datetime, locale: str, *, seconds: bool = False) -> str:
    """Write "09:00", or "09:00:05" with seconds."""
    return format_skeleton("Hms" if seconds else "Hm", value, value.tzinfo, locale=locale)


def date_time(value: datetime, locale: str, *, seconds: bool = False) -> str:
    """Write "19 Nov 2026, 09:00"."""
    return _joined(date(value, locale), time(value, locale, seconds=seconds), locale)


def time_or_date(value: datetime, today: dt.date, locale: str, *, seconds: bool = False) -> str:
    """Write only the time for today, and date and time for any other day."""
    write = time if value.date() == today else date_time
    return write(value, locale, seconds=seconds)


def _joined(day: str, at: str, locale: str) -> str:
    pattern: str = Locale.parse(locale).datetime_formats["medium"]
    return pattern.format(at, day)


def duration(length: timedelta | float, locale: str) -> str:
    """Write a length of time (or seconds) as "40 seconds", "12 minutes", "2 hours, 5 minutes".

    Rounded to what matters: seconds below a minute, minutes below two days, then days.
    """
    seconds = length.total_seconds() if isinstance(length, timedelta) else length
    if seconds < 59.5:
        return _unit(max(1, round(seconds)), "second", locale)
    minutes = round(seconds / 60)
    if minutes < 60:
        return _unit(minutes, "minute", locale)
    hours, minutes = divmod(minutes, 60)
    if hours >= 48:
        return _unit(round(seconds / _DAY_SECONDS), "day", locale)
    parts = [_unit(hours, "hour", locale)]
    if minutes:
        parts.append(_unit(minutes, "minute", locale))
    return format_list(parts, style="unit", locale=locale)


def _unit(count: float, name: str, locale: str) -> str:
    return format_unit(count, f"duration-{name}", length="long", locale=locale)


def size(count: int, locale: str) -> str:
    """Write a number of bytes as "512 bytes", "48 kB", "1.4 MB" (in powers of 1024)."""
    for name, unit in _SIZES:
        if count >= unit:
            amount = count / unit
            amount = round(amount, 1) if amount < 10 else round(amount)
            return format_unit(amount, f"digital-{name}", length="short", locale=locale)
    return format_unit(count, "digital-byte", length="long", locale=locale)


def speed(per_second: float, locale: str) -> str:
    """Write a rate in the unit that is easiest to read: "120 per second", "1.5 per minute"."""
    for name, seconds in _RATES:
        if per_second * seconds >= 1 or not per_second:
            return rate(per_second * seconds, name, locale)
    return rate(per_second * _DAY_SECONDS, "day", locale)


def rate(count: float, unit: str, locale: str) -> str:
    """Write a rate per `unit` (second, minute, hour or day): "500 per hour"."""
    text = number(round(count, 1) if count < 10 else round(count), locale)
    written = format_compound_unit(
        text, denominator_unit=f"duration-{unit}", length="long", locale=locale
    )
    return written or text


def relative_time(value: datetime, now: datetime, locale: str) -> str:
    """Write "5 minutes ago" or "in 3 hours"; the date if it is more than a month away."""
    distance = value - now
    if abs(distance) >= _OLD:
        return date(value, locale)
    rounded = _whole(distance)
    return format_timedelta(rounded, add_direction=True, threshold=1, locale=locale)


def _whole(distance: timedelta) -> timedelta:
    """Truncate to whole days, hours, minutes or seconds: Babel would round up."""
    length = abs(distance)
    for unit in (timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)):
        if length >= unit:
            length -= length % unit
            break
    return length if distance >= timedelta(0) else -length
