"""Format numbers, shares, dates, durations, sizes and speeds in each language.

The only module that formats values for users. The locale is an argument, such as "en" or "de";
patterns come from CLDR through Babel. Dates are shown in their own time zone: convert with
`astimezone` first.
"""

import datetime as dt
import functools
from collections.abc import Sequence
from datetime import datetime, timedelta

from babel import Locale, UnknownLocaleError
from babel.core import get_global
from babel.dates import format_date, format_datetime, format_skeleton, format_timedelta
from babel.lists import format_list
from babel.numbers import format_currency, format_decimal, format_percent
from babel.units import format_compound_unit, format_unit

DEFAULT_LOCALE = "en"

NOTHING = "–"
"""Shown if there is no value."""

_ENGLISH_DATES = {
    "yMMMd": "d MMM y",
    "yMMMMd": "d MMMM y",
    "yMMMMEEEEd": "EEEE d MMMM y",
    "yMd": "dd/MM/y",
    "MMMMd": "d MMMM",
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


def numeric_date(value: dt.date, locale: str) -> str:
    """Write "19/11/2026"."""
    return _dated(value, "yMd", locale)


def day_and_month(value: dt.date, locale: str) -> str:
    """Write "19 November"."""
    return _dated(value, "MMMMd", locale)


def weekday(value: dt.date, locale: str) -> str:
    """Write "Thursday"."""
    return by_pattern(value, "EEEE", locale)


def year(value: dt.date, locale: str) -> str:
    """Write "2026"."""
    return by_pattern(value, "y", locale)


def by_pattern(value: dt.date, pattern: str, locale: str) -> str:
    """Write a date or time by a pattern of CLDR, such as "d. MMMM"."""
    midnight = dt.time()
    moment = value if isinstance(value, datetime) else datetime.combine(value, midnight)
    return format_datetime(moment, pattern, moment.tzinfo, locale)


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


def decimals(value: float, digits: int, locale: str) -> str:
    """Write 1234.5 with this number of digits after the point: "1,234.50"."""
    pattern = Locale.parse(locale).decimal_formats[None].pattern
    whole = pattern.partition(".")[0]
    return format_decimal(value, f"{whole}.{'0' * digits}" if digits else whole, locale=locale)


def money(value: float, currency: str, locale: str) -> str:
    """Write 12.5 and "EUR" as "€12.50"."""
    return format_currency(value, currency, locale=locale)


def is_currency(code: str) -> bool:
    """Return whether this is the code of a currency, such as "EUR"."""
    return code in Locale.parse(DEFAULT_LOCALE).currencies


def exact_number(value: float, locale: str) -> str:
    """Write 1234.56789 with separators and without rounding its fraction."""
    return format_decimal(value, locale=locale, decimal_quantization=False)


def country(code: str, locale: str) -> str:
    """Write "DE" as "Germany"; an unknown code as it is."""
    return str(Locale.parse(locale).territories.get(code) or code)


def countries(locale: str) -> dict[str, str]:
    """Return the name of each country by its code of two letters, sorted by name."""
    names = Locale.parse(locale).territories
    found = {code: str(name) for code, name in names.items() if _is_country(code)}
    return dict(sorted(found.items(), key=lambda item: item[1].casefold()))


def country_code(text: str) -> str:
    """Return the code of a country written as code or as name in a usual language; "" if none."""
    wanted = text.strip()
    code = wanted.upper()
    if len(code) in {2, 3}:
        aliases = get_global("territory_aliases").get(code, [])
        code = aliases[0] if len(aliases) == 1 else code
        if _is_country(code) and code in Locale.parse(DEFAULT_LOCALE).territories:
            return code
    return _country_names().get(wanted.casefold(), "")


def language(code: str, locale: str) -> str:
    """Write "de" as "German"; an unknown code as it is."""
    try:
        return Locale.parse(code).get_display_name(locale) or code
    except (ValueError, UnknownLocaleError):
        return code


def languages(locale: str) -> dict[str, str]:
    """Return the name of each language by its code of two letters, sorted by name."""
    names = Locale.parse(locale).languages
    found = {code: str(name) for code, name in names.items() if len(code) == 2}
    return dict(sorted(found.items(), key=lambda item: item[1].casefold()))


def language_code(text: str) -> str:
    """Return the locale of a language written as "de", "pt-BR" or as its name; "" if none."""
    wanted = text.strip()
    known = _language_names().get(wanted.casefold(), "")
    if known or len(wanted) > _LONGEST_LOCALE:
        return known
    try:
        return str(Locale.parse(wanted.replace("-", "_")))
    except (ValueError, UnknownLocaleError):
        return ""


def listed(texts: Sequence[str], locale: str) -> str:
    """Write texts as "A, B and C"."""
    return format_list(texts, locale=locale)


_LONGEST_LOCALE = 12
_NO_COUNTRIES = frozenset({"EU", "EZ", "UN", "XA", "XB", "ZZ", "QO"})
_USUAL_LANGUAGES = ("en", "de", "fr", "es", "it", "pt", "nl", "pl", "sv", "da", "ru", "uk", "tr")
"""Languages in which people type the names of countries and languages."""


def _is_country(code: str) -> bool:
    return len(code) == 2 and code.isascii() and code.isalpha() and code not in _NO_COUNTRIES


@functools.cache
def _country_names() -> dict[str, str]:
    return {
        name.casefold(): code
        for locale in reversed(_USUAL_LANGUAGES)
        for code, name in countries(locale).items()
    }


@functools.cache
def _language_names() -> dict[str, str]:
    return {
        name.casefold(): code
        for locale in reversed(_USUAL_LANGUAGES)
        for code, name in languages(locale).items()
    }
