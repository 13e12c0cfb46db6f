"""The moment a campaign is scheduled for, as a person types it."""

from datetime import UTC, datetime

import pytest

from campaigns.sending.moments import MomentError, parse_moment

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def test_a_moment_is_read_in_its_zone() -> None:
    assert parse_moment("2026-03-02", "09:30", "Europe/Berlin", now=NOW) == datetime(
        2026, 3, 2, 8, 30, tzinfo=UTC
    )
    assert parse_moment("2026-07-02", "09:30", "Europe/Berlin", now=NOW) == datetime(
        2026, 7, 2, 7, 30, tzinfo=UTC
    )


def test_a_time_that_comes_twice_is_the_first_of_the_two() -> None:
    assert parse_moment("2026-10-25", "02:30", "Europe/Berlin", now=NOW) == datetime(
        2026, 10, 25, 0, 30, tzinfo=UTC
    )


@pytest.mark.parametrize(
    ("date", "time", "zone", "sentence"),
    [
        ("2026-03-29", "02:30", "Europe/Berlin", "02:30 does not exist there"),
        ("2026-03-01", "12:59", "Europe/Berlin", "in Europe/Berlin it is 13:00 on 1 March 2026"),
        ("2026-03-01", "12:00", "UTC", "has passed"),
        ("2036-03-01", "12:00", "UTC", "more than two years ahead"),
        ("", "12:00", "UTC", "both a date and a time"),
        ("2026-03-02", "", "UTC", "both a date and a time"),
        ("2026-02-30", "12:00", "UTC", "both a date and a time"),
        ("2026-03-02", "12:00", "Mars/Olympus", "no time zone we know"),
        ("2026-03-02", "12:00", "../../etc/passwd", "no time zone we know"),
        ("2026-03-02", "12:00", "America", "no time zone we know"),
        ("2026-03-02", "12:00", "a\x00b", "no time zone we know"),
        ("9999-12-31", "23:59", "America/New_York", "too far off"),
        ("0001-01-01", "00:00", "Asia/Tokyo", "too far off"),
    ],
)
def test_what_is_no_moment_is_said_in_a_sentence(
    date: str, time: str, zone: str, sentence: str
) -> None:
    with pytest.raises(MomentError, match=sentence):
        parse_moment(date, time, zone, now=NOW)
