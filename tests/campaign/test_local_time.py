"""Local times, around the days on which clocks change."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.datastructures import MultiDict

from campaigns.campaign.local_time import (
    DayWindow,
    LocalTimeError,
    Resolved,
    future_time,
    local_datetime,
    resolve,
    zones_by_name,
)
from campaigns.web.campaigns.plan_form import read_schedule
from tests.english import in_english

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def at(text: str, zone: str) -> datetime:
    return resolve(datetime.fromisoformat(text), ZoneInfo(zone)).at


@pytest.mark.parametrize(
    ("local", "zone", "moment"),
    [
        ("2026-03-02T09:30", "Europe/Berlin", "2026-03-02T08:30"),
        ("2026-07-02T09:30", "Europe/Berlin", "2026-07-02T07:30"),
        # Clocks go forward at 02:00: an hour that does not exist.
        ("2026-03-29T01:59", "Europe/Berlin", "2026-03-29T00:59"),
        ("2026-03-29T02:30", "Europe/Berlin", "2026-03-29T01:30"),
        ("2026-03-29T03:00", "Europe/Berlin", "2026-03-29T01:00"),
        ("2026-03-08T02:30", "America/New_York", "2026-03-08T07:30"),
        # Half an hour only, in the southern spring.
        ("2026-10-04T01:59", "Australia/Lord_Howe", "2026-10-03T15:29"),
        ("2026-10-04T02:15", "Australia/Lord_Howe", "2026-10-03T15:45"),
        ("2026-10-04T02:30", "Australia/Lord_Howe", "2026-10-03T15:30"),
        # Clocks go back: the first of the two times counts.
        ("2026-10-25T02:30", "Europe/Berlin", "2026-10-25T00:30"),
        ("2026-10-25T03:00", "Europe/Berlin", "2026-10-25T02:00"),
        ("2026-11-01T01:30", "America/New_York", "2026-11-01T05:30"),
        ("2026-04-05T01:45", "Australia/Lord_Howe", "2026-04-04T14:45"),
        ("2026-04-05T02:00", "Australia/Lord_Howe", "2026-04-04T15:30"),
        # No clock change, but an offset with a quarter of an hour.
        ("2026-03-29T02:30", "Asia/Kathmandu", "2026-03-28T20:45"),
        ("2026-10-25T02:30", "Asia/Kathmandu", "2026-10-24T20:45"),
    ],
)
def test_a_local_time_is_one_point_in_time(local: str, zone: str, moment: str) -> None:
    assert at(local, zone) == utc(moment)


@pytest.mark.parametrize(
    ("local", "zone", "words"),
    [
        (
            "2026-03-29T02:30",
            "Europe/Berlin",
            "02:30 does not exist. The campaign goes out at 03:30",
        ),
        (
            "2026-03-08T02:00",
            "America/New_York",
            "02:00 does not exist. The campaign goes out at 03:00",
        ),
        (
            "2026-10-04T02:15",
            "Australia/Lord_Howe",
            "02:15 does not exist. The campaign goes out at 02:45",
        ),
        (
            "2026-10-25T02:30",
            "Europe/Berlin",
            "02:30 comes twice. The campaign goes out the first time",
        ),
        ("2026-04-05T01:45", "Australia/Lord_Howe", "01:45 comes twice"),
    ],
)
def test_an_ambiguous_or_missing_time_is_explained(local: str, zone: str, words: str) -> None:
    assert words in in_english(resolve(datetime.fromisoformat(local), ZoneInfo(zone)).note)


def test_ordinary_times_need_no_explanation() -> None:
    for zone in ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"):
        for text in ("2026-03-29T09:00", "2026-10-25T01:30", "2026-10-04T03:00"):
            assert resolve(datetime.fromisoformat(text), ZoneInfo(zone)).note is None


@given(
    minutes=st.integers(0, 2 * 365 * 24 * 60),
    zone=st.sampled_from(
        ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "UTC"]
    ),
)
def test_an_existing_time_converts_both_ways(minutes: int, zone: str) -> None:
    local = datetime(2025, 6, 1) + timedelta(minutes=minutes)  # noqa: DTZ001 a wall clock's
    found = resolve(local, ZoneInfo(zone))
    shown = found.at.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    if "not exist" in in_english(found.note):
        assert timedelta(0) < shown - local <= timedelta(hours=1)
    else:
        assert shown == local


def ahead(date: str, time: str, zone: str) -> Resolved:
    asked = read_schedule(MultiDict({"date": date, "time": time}))
    return future_time(local_datetime(asked.date, asked.time), zone, now=NOW)


@pytest.mark.parametrize(
    ("date", "time", "zone", "sentence"),
    [
        ("2026-03-01", "12:59", "Europe/Berlin", "in Europe/Berlin it is 1 Mar 2026, 13:00 now"),
        ("2026-03-01", "12:00", "UTC", "has passed"),
        ("2036-03-01", "12:00", "UTC", "more than two years ahead"),
        ("", "12:00", "UTC", "both a date and a time"),
        ("2026-03-02", "", "UTC", "both a date and a time"),
        ("2026-02-30", "12:00", "UTC", "both a date and a time"),
        ("2026-03-02", "12:00", "Mars/Olympus", "not a known time zone"),
        ("2026-03-02", "12:00", "../../etc/passwd", "not a known time zone"),
        ("2026-03-02", "12:00", "America", "not a known time zone"),
        ("2026-03-02", "12:00", "a\x00b", "not a known time zone"),
        ("9999-12-31", "23:59", "America/New_York", "too far away"),
        ("0001-01-01", "00:00", "Asia/Tokyo", "too far away"),
    ],
)
def test_an_invalid_time_is_refused_with_a_sentence(
    date: str, time: str, zone: str, sentence: str
) -> None:
    with pytest.raises(LocalTimeError) as refused:
        ahead(date, time, zone)
    assert sentence in in_english(refused.value.reason)


def test_a_future_time_is_read_in_its_zone() -> None:
    found = ahead("2026-03-29", "02:30", "Europe/Berlin")
    assert found.at == utc("2026-03-29T01:30")
    assert "03:30" in in_english(found.note)


DAYTIME = DayWindow(8, 20)


@pytest.mark.parametrize(
    ("moment", "zone", "opens"),
    [
        ("2026-03-02T12:00", "Europe/Berlin", "2026-03-02T12:00"),
        ("2026-03-02T06:59", "Europe/Berlin", "2026-03-02T07:00"),
        ("2026-03-02T19:00", "Europe/Berlin", "2026-03-03T07:00"),
        # The nights on which clocks go forward and back.
        ("2026-03-28T22:00", "Europe/Berlin", "2026-03-29T06:00"),
        ("2026-10-24T22:00", "Europe/Berlin", "2026-10-25T07:00"),
        ("2026-03-08T04:00", "America/New_York", "2026-03-08T12:00"),
        ("2026-10-03T12:00", "Australia/Lord_Howe", "2026-10-03T21:00"),
        ("2026-03-02T02:14", "Asia/Kathmandu", "2026-03-02T02:15"),
        ("2026-03-02T14:15", "Asia/Kathmandu", "2026-03-03T02:15"),
    ],
)
def test_outside_the_hours_the_next_start_is_used(moment: str, zone: str, opens: str) -> None:
    assert DAYTIME.next_in(utc(moment), ZoneInfo(zone)) == utc(opens)


def test_hours_skipped_by_a_clock_change_start_the_next_day() -> None:
    window = DayWindow(2, 3)
    opens = window.next_in(utc("2026-03-29T00:00"), ZoneInfo("Europe/Berlin"))
    assert opens == utc("2026-03-30T00:00")


@given(
    minutes=st.integers(0, 365 * 24 * 60),
    begins=st.integers(0, 23),
    length=st.integers(1, 24),
    zone=st.sampled_from(sorted(zones_by_name())),
)
def test_the_next_start_is_within_the_hours_and_soon(
    minutes: int, begins: int, length: int, zone: str
) -> None:
    window = DayWindow(begins, min(24, begins + length))
    moment = NOW + timedelta(minutes=minutes)
    opens = window.next_in(moment, zones_by_name()[zone])
    assert window.holds(opens, zones_by_name()[zone])
    assert timedelta(0) <= opens - moment <= timedelta(hours=50)


@pytest.mark.parametrize(("begins", "ends"), [(20, 8), (8, 8), (-1, 8), (8, 25)])
def test_sending_hours_must_end_after_they_begin(begins: int, ends: int) -> None:
    with pytest.raises(LocalTimeError):
        DayWindow(begins, ends)


def test_zones_are_found_in_any_spelling() -> None:
    assert zones_by_name()["europe/berlin"].key == "Europe/Berlin"
