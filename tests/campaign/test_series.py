"""Recurring campaigns: each occurrence is created once, in advance, at its local time."""

import random
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from campaigns.campaign import drafts, lifecycle, schedule, series, usage
from campaigns.campaign.local_time import DayWindow
from campaigns.campaign.models import Campaign, CampaignOccurrence, CampaignSeries
from campaigns.campaign.recurrence import Recurrence, RecurrenceError
from campaigns.campaign.schedule import SendPlan
from campaigns.db import db, transaction
from tests.factories import a_campaign, a_list, a_sender

NOW = datetime(2026, 3, 24, 12, 0, tzinfo=UTC)
OVERDUE = timedelta(hours=2)
DAILY = Recurrence("daily")
BERLIN = SendPlan(zone="Europe/Berlin", hours=DayWindow(8, 20), spread_seconds=600)


def local(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _series(
    rule: Recurrence = DAILY, first: str = "2026-03-28T09:00", plan: SendPlan = BERLIN
) -> CampaignSeries:
    with transaction():
        template = a_campaign(a_list(), sender=a_sender(), name="Morning letter")
        return series.create(template.id, rule, local(first), plan, now=NOW)


def _advance(found: CampaignSeries, now: datetime) -> list[str]:
    """Create what is due at this time, until nothing is due."""
    made = []
    while found.id in series.due(now=now):
        with transaction():
            one = series.advance(found.id, overdue=OVERDUE, now=now)
            if one is not None and one.campaign is not None:
                made.append(f"{one.local:%dT%H:%M}")
                schedule.launch(one.campaign.id, series.plan_for(one, {}), undo_seconds=0, now=now)
    return made


def _names() -> list[str]:
    db.session.rollback()
    return list(db.session.scalars(sa.select(Campaign.name).order_by(Campaign.id)))


def _fresh(found: CampaignSeries) -> CampaignSeries:
    db.session.rollback()
    return db.session.get_one(CampaignSeries, found.id, populate_existing=True)


def test_an_occurrence_is_created_a_day_ahead_with_its_date(app: Flask) -> None:
    found = _series()
    assert _advance(found, datetime(2026, 3, 27, 7, 59, tzinfo=UTC)) == []
    assert _advance(found, datetime(2026, 3, 27, 8, 0, tzinfo=UTC)) == ["28T09:00"]
    assert _names() == ["Morning letter", "Morning letter, 28 March 2026"]
    made = db.session.scalars(sa.select(Campaign).order_by(Campaign.id.desc())).first()
    assert made is not None
    assert made.status == "scheduled"
    assert made.scheduled_at == datetime(2026, 3, 28, 8, 0, tzinfo=UTC)
    assert (made.hours_from, made.hours_until, made.spread_seconds) == (8, 20, 600)


def test_nine_oclock_stays_nine_oclock_when_clocks_change(app: Flask) -> None:
    found = _series()
    for day in range(24, 31):
        _advance(found, datetime(2026, 3, day, 12, tzinfo=UTC))
    moments = db.session.scalars(
        sa.select(Campaign.scheduled_at).where(Campaign.status == "scheduled").order_by(Campaign.id)
    )
    assert [f"{at:%dT%H:%M}" for at in moments if at] == [
        "28T08:00", "29T07:00", "30T07:00", "31T07:00",
    ]  # fmt: skip


def test_nothing_is_created_twice_whatever_the_clock_does(app: Flask) -> None:
    found = _series()
    moments = [
        datetime(2026, 3, 27, 9, tzinfo=UTC),
        datetime(2026, 3, 26, 9, tzinfo=UTC),  # the clock is set back by a day
        datetime(2026, 3, 27, 9, tzinfo=UTC),
        datetime(2026, 3, 28, 9, tzinfo=UTC),
        datetime(2026, 3, 27, 9, tzinfo=UTC),
    ]
    made = [_advance(found, when) for when in moments]
    assert made == [["28T09:00"], [], [], ["29T09:00"], []]


def test_a_clock_with_an_outdated_view_creates_nothing(app: Flask) -> None:
    found = _series()
    now = datetime(2026, 3, 27, 9, tzinfo=UTC)
    _advance(found, now)
    with transaction():  # as if the new date was lost, but not the occurrence
        db.session.execute(
            sa.update(CampaignSeries).values(next_local="2026-03-28T09:00", next_run_at=now)
        )
    assert _advance(found, now) == []
    assert len(_names()) == 2


def test_of_many_missed_occurrences_only_the_last_is_created_and_asks(app: Flask) -> None:
    found = _series()
    now = datetime(2026, 4, 10, 12, tzinfo=UTC)
    assert _advance(found, now) == ["10T09:00", "11T09:00"]
    with transaction():
        asked = schedule.ask(overdue=OVERDUE, now=now)
    assert len(asked) == 1
    assert db.session.get_one(Campaign, asked[0]).name == "Morning letter, 10 April 2026"
    skipped = sa.select(sa.func.count()).where(CampaignOccurrence.is_skipped)
    assert db.session.scalar(skipped) == 13


def test_a_slightly_late_occurrence_is_created_and_starts(app: Flask) -> None:
    found = _series()
    now = datetime(2026, 3, 28, 9, 30, tzinfo=UTC)
    assert _advance(found, now) == ["28T09:00", "29T09:00"]
    with transaction():
        assert schedule.ask(overdue=OVERDUE, now=now) == []


def test_a_finished_rule_creates_nothing_more(app: Flask) -> None:
    found = _series(Recurrence("daily", count=2))
    assert _advance(found, datetime(2026, 3, 28, 9, tzinfo=UTC)) == ["28T09:00", "29T09:00"]
    assert _fresh(found).next_run_at is None
    assert _advance(found, datetime(2026, 5, 1, tzinfo=UTC)) == []


def test_a_series_starts_with_the_first_future_time(app: Flask) -> None:
    found = _series(first="2026-03-20T09:00")
    assert found.next_local == "2026-03-25T09:00"


@pytest.mark.parametrize(
    ("until", "words"),
    [(date(2026, 3, 23), "recurrence.past"), (date(2026, 3, 1), "recurrence.ends_early")],
)
def test_a_rule_without_future_dates_is_refused(app: Flask, until: date, words: str) -> None:
    rule = Recurrence("daily", until=until)
    with transaction():
        template = a_campaign()
        with pytest.raises(RecurrenceError, match=words):
            series.create(template.id, rule, local("2026-03-20T09:00"), BERLIN, now=NOW)


def test_a_campaign_has_one_rule_at_a_time(app: Flask) -> None:
    found = _series()
    with transaction(), pytest.raises(RecurrenceError, match="recurrence.exists"):
        series.create(found.template_id, DAILY, local("2026-03-28T09:00"), BERLIN, now=NOW)


def test_the_template_cannot_be_deleted_while_it_repeats(app: Flask) -> None:
    found = _series()
    with transaction():
        assert not drafts.delete(found.template_id)
        assert series.end(found.id, now=NOW)
        assert drafts.delete(found.template_id)


def test_list_and_sender_of_a_series_cannot_be_deleted_until_it_ends(app: Flask) -> None:
    found = _series()
    template = db.session.get_one(Campaign, found.template_id)
    (list_id,) = drafts.chosen_audience(template.id).lists
    sender_id = template.sender_id or 0
    assert usage.campaigns_needing(list_id) == ["Morning letter"]
    assert usage.campaigns_from_sender(sender_id) == ["Morning letter"]
    with transaction():
        series.end(found.id, now=NOW)
    assert usage.campaigns_needing(list_id) == []
    assert usage.campaigns_from_sender(sender_id) == []


def test_with_local_time_an_occurrence_is_created_a_day_before_the_first_zone(app: Flask) -> None:
    plan = SendPlan(zone="Europe/Berlin", local_at=local("2026-03-28T09:00"))
    found = _series(plan=plan)
    assert found.next_run_at == datetime(2026, 3, 26, 19, 0, tzinfo=UTC)
    with transaction():
        made = series.advance(found.id, overdue=OVERDUE, now=found.next_run_at)
        assert made is not None
        planned = series.plan_for(made, {"asia/kathmandu": 1, "america/new_york": 3})
    assert planned.local_at == local("2026-03-28T09:00")
    assert planned.at == datetime(2026, 3, 28, 3, 15, tzinfo=UTC)


# --- one by one


def _ahead(found: CampaignSeries) -> list[str]:
    _fresh(found)
    days = series.ahead(since=date(2026, 3, 1), until=date(2026, 4, 1))
    return [f"{one.local:%d}{' skipped' if one.is_skipped else ''}" for one in days]


def test_upcoming_occurrences_are_listed_without_being_created(app: Flask) -> None:
    found = _series()
    assert _ahead(found) == ["28", "29", "30", "31"]
    _advance(found, datetime(2026, 3, 27, 9, tzinfo=UTC))
    assert _ahead(found) == ["29", "30", "31"]


def test_an_occurrence_can_be_skipped_before_it_is_created_and_restored(app: Flask) -> None:
    found = _series()
    with transaction():
        assert series.skip(found.id, local("2026-03-29T09:00"), now=NOW)
        assert not series.skip(found.id, local("2026-03-29T09:00"), now=NOW)
        assert not series.skip(found.id, local("2026-03-29T10:00"), now=NOW)
    assert _ahead(found) == ["28", "29 skipped", "30", "31"]
    later = datetime(2026, 3, 28, 12, tzinfo=UTC)
    assert _advance(found, later) == ["28T09:00"]
    assert _fresh(found).next_local == "2026-03-30T09:00"
    with transaction():  # its time has passed, so it is created immediately
        made = series.restore(found.id, local("2026-03-29T09:00"), now=later)
    assert made is not None
    assert _ahead(found) == ["30", "31"]


def test_an_occurrence_restored_early_is_created_by_the_clock(app: Flask) -> None:
    found = _series()
    with transaction():
        series.skip(found.id, local("2026-03-29T09:00"), now=NOW)
        assert series.restore(found.id, local("2026-03-29T09:00"), now=NOW) is None
    assert _ahead(found) == ["28", "29", "30", "31"]


def test_skipping_a_created_occurrence_deletes_it(app: Flask) -> None:
    found = _series()
    _advance(found, datetime(2026, 3, 27, 9, tzinfo=UTC))
    with transaction():
        assert series.skip(found.id, local("2026-03-28T09:00"), now=NOW)
    assert _names() == ["Morning letter"]
    assert _ahead(found) == ["28 skipped", "29", "30", "31"]


def test_a_started_occurrence_cannot_be_skipped(app: Flask) -> None:
    found = _series()
    _advance(found, datetime(2026, 3, 27, 9, tzinfo=UTC))
    with transaction():
        db.session.execute(
            sa.update(Campaign).where(Campaign.status == "scheduled").values(status="sending")
        )
    with transaction():
        assert not series.skip(found.id, local("2026-03-28T09:00"), now=NOW)
    assert len(_names()) == 2


def test_an_occurrence_can_be_created_early_to_edit_it(app: Flask) -> None:
    found = _series()
    with transaction():
        made = series.make_now(found.id, local("2026-03-30T09:00"), now=NOW)
        assert made is not None
        assert made.campaign is not None
        assert series.make_now(found.id, local("2026-03-30T09:00"), now=NOW) is None
    assert _ahead(found) == ["28", "29", "31"]
    assert _advance(found, datetime(2026, 3, 29, 8, tzinfo=UTC)) == ["29T09:00"]
    of = series.of_campaign(made.campaign.id)
    assert of is not None
    assert of.local == local("2026-03-30T09:00")


def test_a_deleted_occurrence_is_not_created_again(app: Flask) -> None:
    found = _series()
    with transaction():
        made = series.make_now(found.id, local("2026-03-28T09:00"), now=NOW)
        assert made is not None
        assert made.campaign is not None
        assert drafts.delete(made.campaign.id)
    assert _advance(found, datetime(2026, 3, 27, 12, tzinfo=UTC)) == []


def test_ending_a_series_cancels_what_has_not_started(app: Flask) -> None:
    found = _series()
    _advance(found, datetime(2026, 3, 27, 9, tzinfo=UTC))
    with transaction():
        assert series.end(found.id, now=NOW)
        assert not series.end(found.id, now=NOW)
        assert not series.skip(found.id, local("2026-03-30T09:00"), now=NOW)
    assert _ahead(found) == []
    assert series.under_way() == []
    assert db.session.scalars(sa.select(Campaign.status)).all() == ["draft", "draft"]
    assert _advance(found, datetime(2026, 3, 30, tzinfo=UTC)) == []


# --- another rule


def _change(
    found: CampaignSeries, rule: Recurrence, first: str, now: datetime = NOW, **plan: Any
) -> bool:
    with transaction():
        wanted = replace(BERLIN, **plan)
        return series.change(found.id, rule, local(first), wanted, now=now)


WEEKLY = Recurrence("weekly", weekdays=(0,))


def test_a_new_rule_applies_to_all_occurrences_not_yet_created(app: Flask) -> None:
    found = _series()
    assert _change(found, WEEKLY, "2026-03-28T10:30", spread_seconds=0, pace_per_second=2.0)
    changed = _fresh(found)
    assert changed.rule == "FREQ=WEEKLY;BYDAY=MO"
    assert changed.first_local == changed.next_local == "2026-03-30T10:30"
    assert (changed.spread_seconds, changed.pace_per_second) == (0, 2.0)
    assert _ahead(found) == ["30"]
    assert _advance(found, datetime(2026, 3, 29, 12, tzinfo=UTC)) == ["30T10:30"]
    made = db.session.scalars(sa.select(Campaign).order_by(Campaign.id.desc())).first()
    assert made is not None
    assert made.scheduled_at == datetime(2026, 3, 30, 8, 30, tzinfo=UTC)
    assert made.pace_per_second == 2.0


def test_a_created_occurrence_stays_and_its_day_gets_no_second(app: Flask) -> None:
    found = _series()
    now = datetime(2026, 3, 27, 9, tzinfo=UTC)
    assert _advance(found, now) == ["28T09:00"]
    assert _change(found, DAILY, "2026-03-28T11:00", now)
    assert _ahead(found) == ["28 skipped", "29", "30", "31"]
    assert _advance(found, now) == []
    assert _advance(found, now + timedelta(days=1)) == ["29T11:00"]
    scheduled = db.session.scalars(
        sa.select(Campaign.scheduled_at).where(Campaign.status == "scheduled").order_by(Campaign.id)
    )
    assert list(scheduled) == [
        datetime(2026, 3, 28, 8, tzinfo=UTC), datetime(2026, 3, 29, 9, tzinfo=UTC)
    ]  # fmt: skip


def test_an_occurrence_sent_today_is_not_followed_by_another_today(app: Flask) -> None:
    found = _series()
    now = datetime(2026, 3, 28, 8, 30, tzinfo=UTC)
    _advance(found, now)
    _change(found, DAILY, "2026-03-28T18:00", now)
    assert _advance(found, now) == []
    assert _ahead(found) == ["28 skipped", "29 skipped", "30", "31"], (
        "the occurrence of the 29th is created"
    )


def test_a_skipped_occurrence_stays_skipped_under_a_new_rule(app: Flask) -> None:
    found = _series()
    with transaction():
        series.skip(found.id, local("2026-03-29T09:00"), now=NOW)
        series.skip(found.id, local("2026-03-30T09:00"), now=NOW)
    _change(found, DAILY, "2026-03-28T11:00")
    assert _ahead(found) == ["28", "29 skipped", "30 skipped", "31"]
    _change(found, WEEKLY, "2026-03-28T12:00")
    assert _ahead(found) == ["30 skipped"]
    _change(found, DAILY, "2026-03-28T09:00")
    assert _ahead(found) == ["28", "29", "30 skipped", "31"], "the 29th was no longer an occurrence"


def test_a_second_occurrence_on_a_day_is_possible_on_request(app: Flask) -> None:
    found = _series()
    now = datetime(2026, 3, 27, 9, tzinfo=UTC)
    _advance(found, now)
    _change(found, DAILY, "2026-03-28T11:00", now)
    with transaction():
        made = series.restore(found.id, local("2026-03-28T11:00"), now=now)
    assert made is None, "the clock creates it"
    assert _advance(found, now + timedelta(hours=1)) == ["28T11:00"]


def test_an_occurrence_of_an_earlier_rule_can_be_skipped_and_restored(app: Flask) -> None:
    found = _series()
    now = datetime(2026, 3, 27, 9, tzinfo=UTC)
    _advance(found, now)
    _change(found, WEEKLY, "2026-03-28T09:00", now)
    at = local("2026-03-28T09:00")
    one = series.occurrence(_fresh(found), at)
    assert one is not None
    assert one.campaign is not None
    with transaction():
        assert series.skip(found.id, at, now=now)
    assert _names() == ["Morning letter"]
    with transaction():
        assert series.restore(found.id, at, now=now) is not None
    assert _names() == ["Morning letter", "Morning letter, 28 March 2026"]


def test_only_a_skipped_occurrence_can_be_restored(app: Flask) -> None:
    found = _series()
    with transaction():
        assert series.restore(found.id, local("2026-03-27T04:00"), now=NOW) is None
    assert _names() == ["Morning letter"]


def test_upcoming_occurrences_include_those_of_earlier_rules(app: Flask) -> None:
    found = _series()
    now = datetime(2026, 3, 27, 9, tzinfo=UTC)
    _advance(found, now)
    _change(found, WEEKLY, "2026-03-28T10:00", now)
    times = series.upcoming(_fresh(found), now=now, most=2)
    assert [(f"{one.local:%dT%H}", one.campaign is not None) for one in times] == [
        ("28T09", True), ("30T10", False), ("06T10", False),
    ]  # fmt: skip


def test_previewing_a_rule_changes_nothing(app: Flask) -> None:
    found = _series()
    now = datetime(2026, 3, 27, 9, tzinfo=UTC)
    _advance(found, now)
    before = _fresh(found).next_local
    times, second_ones = series.preview(
        found, DAILY, local("2026-03-28T11:00"), BERLIN, now=now, most=3
    )
    assert [f"{one.local:%dT%H}" for one in times] == ["28T09", "28T11", "29T11", "30T11"]
    assert second_ones == {local("2026-03-28T11:00")}
    with transaction():
        pass  # the preview leaves no pending changes
    assert _fresh(found).next_local == before
    assert _fresh(found).rule == "FREQ=DAILY"
    assert len(_fresh_occurrences()) == 1


def _fresh_occurrences() -> list[CampaignOccurrence]:
    return list(db.session.scalars(sa.select(CampaignOccurrence)))


def test_the_same_rule_again_changes_nothing(app: Flask) -> None:
    """Neither the weeks of "every two weeks" nor the remaining number change."""
    rule = Recurrence("weekly", interval=2, weekdays=(5,), count=5)
    found = _series(rule)
    now = datetime(2026, 4, 12, tzinfo=UTC)
    _advance(found, now)
    next_one = _fresh(found).next_local
    _change(found, rule, "2026-03-28T09:00", now)
    assert _fresh(found).next_local == next_one == "2026-04-25T09:00"
    ahead = series.ahead(since=date(2026, 4, 12), until=date(2027, 1, 1))
    assert [f"{one.local:%d %b}" for one in ahead] == ["25 Apr", "09 May", "23 May"]


@pytest.mark.parametrize(
    ("rule", "first", "words"),
    [
        (Recurrence("daily", until=date(2026, 3, 1)), "2026-03-20T09:00", "recurrence.ends_early"),
        (Recurrence("daily", until=date(2026, 3, 23)), "2026-03-20T09:00", "recurrence.past"),
    ],
)
def test_a_new_rule_without_future_dates_changes_nothing(
    app: Flask, rule: Recurrence, first: str, words: str
) -> None:
    found = _series()
    with pytest.raises(RecurrenceError, match=words):
        _change(found, rule, first)
    assert _fresh(found).rule == "FREQ=DAILY"
    assert _ahead(found) == ["28", "29", "30", "31"]


def test_an_ended_series_cannot_be_changed(app: Flask) -> None:
    found = _series()
    with transaction():
        series.end(found.id, now=NOW)
    assert not _change(found, WEEKLY, "2026-03-28T09:00")
    assert _fresh(found).next_run_at is None


def test_a_rule_from_years_ago_is_changed_quickly(app: Flask) -> None:
    found = _series()
    _change(found, DAILY, "1990-01-01T10:00")
    assert _fresh(found).next_local == "2026-03-25T10:00"


@pytest.mark.parametrize("seed", range(2))
def test_erratic_clocks_create_and_start_each_occurrence_once(app: Flask, seed: int) -> None:
    """Moved back and forward by up to two days, around the night of Berlin's clock change."""
    found = _series()
    chance = random.Random(seed)  # noqa: S311 the same numbers each time
    now, started = datetime(2026, 3, 26, tzinfo=UTC), []
    for _ in range(60):
        now += timedelta(hours=chance.uniform(-24, 32))
        _advance(found, now)
        with transaction():
            schedule.ask(overdue=OVERDUE, now=now)
            started += lifecycle.start_due(overdue=OVERDUE, now=now)
    assert len(started) == len(set(started))
    made = db.session.execute(
        sa.select(CampaignOccurrence.local_at, CampaignOccurrence.campaign_id)
    ).all()
    campaigns_made = [row.campaign_id for row in made if row.campaign_id is not None]
    assert len(set(campaigns_made)) == len(campaigns_made) == len(_names()) - 1
    assert len(made) > 5
