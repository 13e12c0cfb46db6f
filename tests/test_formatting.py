"""How values are formatted, in English and in other languages."""

from datetime import UTC, date, datetime, timedelta

import pytest

from campaigns import formatting

AT = datetime(2026, 9, 9, 9, 0, 5, tzinfo=UTC)
NO_BREAK = "\u00a0"


@pytest.mark.parametrize(
    ("value", "locale", "written"),
    [
        (1776, "en", "1,776"),
        (1_234_567, "de", "1.234.567"),
        (0, "en", "0"),
        (1.5, "de", "1,5"),
        (None, "en", "–"),
    ],
)
def test_numbers_have_the_separators_of_the_language(
    value: float | None, locale: str, written: str
) -> None:
    assert formatting.number(value, locale) == written


@pytest.mark.parametrize(
    ("part", "whole", "written"),
    [
        (422, 1000, "42.2%"),
        (1, 2, "50%"),
        (1, 1, "100%"),
        (0, 7, "0%"),
        (None, 7, "0%"),
        (1, 1250, "0.08%"),
        (1, 1_000_000, "<0.01%"),
        (0, 0, "–"),
        (None, None, "–"),
    ],
)
def test_percentages_have_no_more_digits_than_are_meaningful(
    part: int | None, whole: int | None, written: str
) -> None:
    assert formatting.percent(part, whole, "en") == written


def test_a_percentage_has_a_space_where_the_language_uses_one() -> None:
    assert formatting.share(0.422, "de") == f"42,2{NO_BREAK}%"


def test_english_dates_start_with_the_day() -> None:
    assert formatting.date(AT, "en") == "9 Sep 2026"
    assert formatting.date(date(2026, 11, 19), "en") == "19 Nov 2026"
    assert formatting.long_date(AT, "en") == "Wednesday 9 September 2026"
    assert formatting.month(AT, "en") == "September 2026"
    assert formatting.date_time(AT, "en") == "9 Sep 2026, 09:00"
    assert formatting.date_time(AT, "en", seconds=True) == "9 Sep 2026, 09:00:05"


def test_other_languages_have_their_own_date_format() -> None:
    assert formatting.date_time(AT, "de") == "9. Sept. 2026, 09:00"
    assert formatting.long_date(AT, "de") == "Mittwoch, 9. September 2026"


def test_the_date_is_omitted_for_today() -> None:
    assert formatting.time_or_date(AT, AT.date(), "en") == "09:00"
    assert formatting.time_or_date(AT, date(2026, 9, 10), "en") == "9 Sep 2026, 09:00"


@pytest.mark.parametrize(
    ("seconds", "written"),
    [
        (0, "1 second"),
        (40, "40 seconds"),
        (59.7, "1 minute"),
        (12 * 60, "12 minutes"),
        (3600, "1 hour"),
        (2 * 3600 + 300, "2 hours, 5 minutes"),
        (3 * 86_400, "3 days"),
    ],
)
def test_durations_are_rounded_sensibly(seconds: float, written: str) -> None:
    assert formatting.duration(seconds, "en") == written
    assert formatting.duration(timedelta(seconds=seconds), "en") == written


@pytest.mark.parametrize(
    ("count", "written"),
    [(1, "1 byte"), (999, "999 bytes"), (102 * 1024, "102 kB"), (1_500_000, "1.4 MB")],
)
def test_sizes(count: int, written: str) -> None:
    assert formatting.size(count, "en") == written


@pytest.mark.parametrize(
    ("per_second", "written"),
    [
        (1234.5, "1,234 per second"),
        (1.94, "1.9 per second"),
        (2.0, "2 per second"),
        (0.5, "30 per minute"),
        (1 / 1800, "2 per hour"),
        (1 / 86_400, "1 per day"),
        (0, "0 per second"),
    ],
)
def test_speeds_are_in_the_unit_that_is_easiest_to_read(per_second: float, written: str) -> None:
    assert formatting.speed(per_second, "en") == written


def test_a_speed_in_another_language() -> None:
    assert formatting.speed(1234, "de") == "1.234 pro Sekunde"


@pytest.mark.parametrize(
    ("distance", "written"),
    [
        (timedelta(seconds=-119), "1 minute ago"),
        (timedelta(hours=-2, minutes=-59), "2 hours ago"),
        (timedelta(days=-6), "6 days ago"),
        (timedelta(minutes=5), "in 5 minutes"),
        (timedelta(days=-40), "31 Jul 2026"),
    ],
)
def test_relative_times(distance: timedelta, written: str) -> None:
    assert formatting.relative_time(AT + distance, AT, "en") == written
