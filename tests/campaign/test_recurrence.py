"""Rules of recurring campaigns: stored as text, described, and their dates."""

import datetime as dt
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from campaigns.campaign.local_time import resolve
from campaigns.campaign.recurrence import (
    Recurrence,
    RecurrenceError,
    describe,
    first_from,
    next_after,
    read_rule,
    rule_text,
    upcoming,
)
from tests.english import in_english


def local(text: str) -> datetime:
    return datetime.fromisoformat(text)


def times(repeat: Recurrence, first: str, most: int = 4) -> list[str]:
    found = upcoming(rule_text(repeat), local(first), after=None, most=most)
    return [f"{at:%Y-%m-%dT%H:%M}" for at in found]


RULES = [
    (Recurrence("daily"), "FREQ=DAILY", "every day"),
    (Recurrence("daily", interval=3), "FREQ=DAILY;INTERVAL=3", "every 3 days"),
    (
        Recurrence("weekly", weekdays=(3, 0)),
        "FREQ=WEEKLY;BYDAY=MO,TH",
        "every Monday and Thursday",
    ),
    (
        Recurrence("weekly", weekdays=(0, 1, 2, 3, 4)),
        "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR",
        "every weekday",
    ),
    (
        Recurrence("weekly", interval=2, weekdays=(4,), count=10),
        "FREQ=WEEKLY;INTERVAL=2;BYDAY=FR;COUNT=10",
        "every 2 weeks on Friday, 10 times in all",
    ),
    (Recurrence("monthly", month_day=15), "FREQ=MONTHLY;BYMONTHDAY=15", "on day 15 of every month"),
    (
        Recurrence("monthly", month_day=31),
        "FREQ=MONTHLY;BYMONTHDAY=28,29,30,31;BYSETPOS=-1",
        "on the last day of every month",
    ),
    (
        Recurrence("monthly", month_day=30),
        "FREQ=MONTHLY;BYMONTHDAY=28,29,30;BYSETPOS=-1",
        "on day 30 of every month (the last day of shorter months)",
    ),
    (
        Recurrence("monthly", nth=-1, weekdays=(4,), until=dt.date(2027, 5, 3)),
        "FREQ=MONTHLY;BYDAY=-1FR;UNTIL=20270503T235959",
        "on the last Friday of every month, until Monday 3 May 2027",
    ),
    (
        Recurrence("monthly", interval=3, nth=1, weekdays=(0,)),
        "FREQ=MONTHLY;INTERVAL=3;BYDAY=1MO",
        "every 3 months on the first Monday",
    ),
]


@pytest.mark.parametrize(("repeat", "text", "words"), RULES, ids=[text for _, text, _ in RULES])
def test_a_rule_is_stored_as_text_read_and_described(
    repeat: Recurrence, text: str, words: str
) -> None:
    assert rule_text(repeat) == text
    assert rule_text(read_rule(text)) == text
    assert in_english(describe(read_rule(text))) == words


@pytest.mark.parametrize(
    "text",
    ["", "FREQ=SECONDLY", "FREQ=DAILY;BYSECOND=1,2,3", "FREQ=WEEKLY", "RRULE:FREQ=DAILY",
     "FREQ=MONTHLY;BYDAY=MO", "FREQ=DAILY;COUNT=0", "FREQ=DAILY;INTERVAL=-1", "nonsense"],
)  # fmt: skip
def test_a_foreign_rule_is_refused(text: str) -> None:
    with pytest.raises(RecurrenceError):
        read_rule(text)


@pytest.mark.parametrize(
    "values",
    [
        {"frequency": "weekly"},
        {"frequency": "weekly", "weekdays": (7,)},
        {"frequency": "monthly"},
        {"frequency": "monthly", "month_day": 32},
        {"frequency": "monthly", "nth": 5, "weekdays": (0,)},
        {"frequency": "monthly", "nth": 1, "weekdays": (0, 1)},
        {"frequency": "daily", "interval": 0},
        {"frequency": "daily", "count": 3, "until": dt.date(2026, 1, 1)},
        {"frequency": "daily", "count": 100_000},
    ],
)
def test_an_invalid_rule_is_refused(values: dict[str, Any]) -> None:
    with pytest.raises(RecurrenceError):
        Recurrence(**values)


def test_the_last_day_of_the_month_is_in_every_month() -> None:
    assert times(Recurrence("monthly", month_day=31), "2027-12-31T09:00") == [
        "2027-12-31T09:00", "2028-01-31T09:00", "2028-02-29T09:00", "2028-03-31T09:00",
    ]  # fmt: skip
    assert times(Recurrence("monthly", month_day=30), "2027-01-30T09:00", 3) == [
        "2027-01-30T09:00", "2027-02-28T09:00", "2027-03-30T09:00",
    ]  # fmt: skip


def test_the_nth_weekday_of_a_month() -> None:
    assert times(Recurrence("monthly", nth=2, weekdays=(1,)), "2026-03-01T09:00", 3) == [
        "2026-03-10T09:00", "2026-04-14T09:00", "2026-05-12T09:00",
    ]  # fmt: skip


def test_an_end_is_stored() -> None:
    weekly = Recurrence("weekly", weekdays=(0,), until=dt.date(2026, 3, 16))
    assert times(weekly, "2026-03-01T23:30") == [
        "2026-03-02T23:30", "2026-03-09T23:30", "2026-03-16T23:30",
    ]  # fmt: skip
    assert len(times(Recurrence("daily", count=2), "2026-03-01T09:00")) == 2
    last = local("2026-03-02T09:00")
    rule = rule_text(Recurrence("daily", count=2))
    assert next_after(rule, local("2026-03-01T09:00"), last) is None


def test_the_first_occurrence_is_on_or_after_the_chosen_day() -> None:
    text = rule_text(Recurrence("weekly", weekdays=(3,)))
    assert first_from(text, local("2026-03-02T09:00")) == local("2026-03-05T09:00")
    never = rule_text(Recurrence("weekly", weekdays=(3,), until=dt.date(2026, 3, 1)))
    assert first_from(never, local("2026-03-02T09:00")) is None


@pytest.mark.parametrize(
    ("zone", "first", "moments"),
    [
        # 9:00 stays 9:00 local time, whatever it is in UTC.
        ("Europe/Berlin", "2026-03-28T09:00", ["28T08:00", "29T07:00", "30T07:00"]),
        ("America/New_York", "2026-03-07T09:00", ["07T14:00", "08T13:00", "09T13:00"]),
        ("Australia/Lord_Howe", "2026-10-03T09:00", ["02T22:30", "03T22:00", "04T22:00"]),
        ("Asia/Kathmandu", "2026-03-28T09:00", ["28T03:15", "29T03:15", "30T03:15"]),
        # A skipped hour and a repeated hour: one occurrence each.
        ("Europe/Berlin", "2026-03-28T02:30", ["28T01:30", "29T01:30", "30T00:30"]),
        ("Europe/Berlin", "2026-10-24T02:30", ["24T00:30", "25T00:30", "26T01:30"]),
        ("Australia/Lord_Howe", "2026-04-04T01:45", ["03T14:45", "04T14:45", "05T15:15"]),
    ],
)
def test_a_rule_keeps_local_time_when_clocks_change(
    zone: str, first: str, moments: list[str]
) -> None:
    found = upcoming(rule_text(Recurrence("daily")), local(first), after=None, most=3)
    at = [resolve(one, ZoneInfo(zone)).at for one in found]
    assert [f"{one:%dT%H:%M}" for one in at] == moments
    assert at == sorted(set(at))
