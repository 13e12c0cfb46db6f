"""Sending in each recipient's time zone, and within the sending hours."""

from datetime import UTC, datetime, timedelta
from typing import Any, get_args
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa
from flask import Flask

from campaigns.accounts.workspace import save_workspace
from campaigns.audience.models import AudienceList
from campaigns.campaign import local_time
from campaigns.campaign.local_time import Arrival, DayWindow, Wave
from campaigns.campaign.models import Campaign, Delivery
from campaigns.db import db, transaction
from campaigns.delivery import quiet_hours, resend, retry
from campaigns.delivery.expand import expand
from campaigns.jobs import clock
from campaigns.providers import classify
from tests.factories import a_campaign, a_delivery, a_list, a_sender, a_subscriber

BERLIN = ZoneInfo("Europe/Berlin")


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.fixture(autouse=True)
def _in_berlin(app: Flask) -> None:
    with transaction():
        save_workspace(time_zone="Europe/Berlin")


def _subscribers_in_zones(news: AudienceList) -> None:
    people: list[tuple[str, dict[str, Any]]] = [
        ("auckland", {"timezone": "Pacific/Auckland"}),
        ("kathmandu", {"tz": "asia/KATHMANDU "}),
        ("lord-howe", {"time_zone": "Australia/Lord_Howe"}),
        ("berlin", {"timezone": "", "tz": "Europe/Berlin"}),
        ("nowhere", {"timezone": "Mars/Olympus"}),
        ("number", {"timezone": 7}),
        ("silent", {}),
        ("new-york", {"timezone": "America/New_York"}),
    ]
    for name, attributes in people:
        a_subscriber(f"{name}@example.org", news, attributes=attributes)


def _expanded(now: datetime, **values: Any) -> Campaign:
    with transaction():
        news = a_list()
        _subscribers_in_zones(news)
        campaign = a_campaign(news, sender=a_sender(), status="preparing", **values)
    with transaction():
        assert expand(campaign.id, links=(), now=now)
    return campaign


def _not_before(campaign: Campaign) -> dict[str, str]:
    db.session.rollback()
    rows = db.session.execute(
        sa.select(Delivery.address, Delivery.not_before)
        .where(Delivery.campaign_id == campaign.id)
        .execution_options(populate_existing=True)
    )
    return {address.partition("@")[0]: f"{at:%dT%H:%M}" if at else "now" for address, at in rows}


def test_everyone_gets_it_at_their_local_time(app: Flask) -> None:
    """The Sunday on which Berlin's clocks go forward."""
    start = utc("2026-03-28T20:00")  # 9:00 on the 29th in Auckland
    campaign = _expanded(start, local_at="2026-03-29T09:00")
    assert _not_before(campaign) == {
        "auckland": "now",
        "lord-howe": "28T22:00",
        "kathmandu": "29T03:15",
        "berlin": "29T07:00",
        "nowhere": "29T07:00",
        "number": "29T07:00",
        "silent": "29T07:00",
        "new-york": "29T13:00",
    }


def test_zones_whose_time_has_passed_get_it_immediately(app: Flask) -> None:
    campaign = _expanded(utc("2026-10-25T08:30"), local_at="2026-10-25T09:00")
    assert _not_before(campaign) == {
        **dict.fromkeys(
            ("auckland", "lord-howe", "kathmandu", "berlin", "nowhere", "number", "silent"), "now"
        ),
        "new-york": "25T13:00",
    }


def test_a_campaign_without_local_time_postpones_nobody(app: Flask) -> None:
    campaign = _expanded(utc("2026-03-28T20:00"))
    assert set(_not_before(campaign).values()) == {"now"}


def test_sending_hours_postpone_to_the_next_morning_of_each_recipient(app: Flask) -> None:
    """12:00 UTC, hours from 8 to 20: evening in the east, morning in New York."""
    campaign = _expanded(utc("2026-10-03T12:00"), hours_from=8, hours_until=20)
    assert _not_before(campaign) == {
        "auckland": "03T19:00",
        "lord-howe": "03T21:00",  # the night with half an hour missing there
        "kathmandu": "now",
        "berlin": "now",
        "nowhere": "now",
        "number": "now",
        "silent": "now",
        "new-york": "now",
    }


def test_local_time_and_sending_hours_combine(app: Flask) -> None:
    campaign = _expanded(
        utc("2026-03-01T00:00"), local_at="2026-03-01T06:00", hours_from=8, hours_until=20
    )
    found = _not_before(campaign)
    assert found["berlin"] == "01T07:00"
    assert found["new-york"] == "01T13:00"
    assert found["auckland"] == "now"


def test_suppressed_recipients_do_not_wait(app: Flask) -> None:
    from campaigns.audience.models import Suppression

    with transaction():
        db.session.add(Suppression(address_normal="new-york@example.org"))
    campaign = _expanded(utc("2026-03-28T20:00"), local_at="2026-03-29T09:00")
    row = db.session.execute(
        sa.select(Delivery.status, Delivery.not_before).where(
            Delivery.campaign_id == campaign.id, Delivery.address == "new-york@example.org"
        )
    ).one()
    assert row == ("skipped", None)


def test_the_waves_are_counted_in_advance(app: Flask) -> None:
    with transaction():
        news = a_list()
        _subscribers_in_zones(news)
        campaign = a_campaign(news)
    people = local_time.people_by_zone(campaign.id, now=utc("2026-03-28T21:00"))
    assert sum(people.values()) == 8
    assert local_time.unknown_zones(people) == 3
    start = utc("2026-03-28T21:00")
    arrival = Arrival(start, datetime.fromisoformat("2026-03-29T09:00"))
    assert local_time.waves(people, arrival, BERLIN) == [
        Wave(start, 1),
        Wave(utc("2026-03-28T22:00"), 1),
        Wave(utc("2026-03-29T03:15"), 1),
        Wave(utc("2026-03-29T07:00"), 4),
        Wave(utc("2026-03-29T13:00"), 1),
    ]


def test_sending_starts_in_the_first_time_zone_and_takes_at_most_a_day(
    app: Flask,
) -> None:
    local = datetime.fromisoformat("2026-03-29T09:00")
    people = {"pacific/kiritimati": 1, "etc/gmt+12": 1, "": 5}
    first = local_time.first_time(people, local, BERLIN)
    assert first == utc("2026-03-28T19:00")
    last = local_time.waves(people, Arrival(first, local), BERLIN)[-1].at
    assert (last - first).total_seconds() == 26 * 3600
    assert local_time.first_time({}, local, BERLIN) == utc("2026-03-29T07:00")


def test_the_pace_of_a_spread_campaign_follows_from_its_audience(app: Flask) -> None:
    campaign = _expanded(utc("2026-03-01T10:00"), spread_seconds=3600)
    db.session.rollback()
    found = db.session.get_one(Campaign, campaign.id, populate_existing=True)
    assert found.pace_per_second == pytest.approx(8 / 3600)


# --- while it is sent


def _in_progress(**values: Any) -> Campaign:
    with transaction():
        news = a_list()
        campaign = a_campaign(
            news, sender=a_sender(), status="sending", hours_from=8, hours_until=20
        )
        for name, zone in (("berlin", ""), ("new-york", "America/New_York")):
            reader = a_subscriber(f"{name}@example.org", news, attributes={"timezone": zone})
            a_delivery(campaign, reader, **values)
    return campaign


def _postpone(campaign: Campaign, now: datetime) -> int:
    with transaction():
        found = db.session.get_one(Campaign, campaign.id)
        return quiet_hours.hold_back(found, BERLIN, now=now)


def test_deliveries_left_at_the_end_of_the_hours_wait_for_the_next_start(app: Flask) -> None:
    campaign = _in_progress()
    assert _postpone(campaign, utc("2026-03-28T18:00")) == 0
    assert _postpone(campaign, utc("2026-03-28T18:59")) == 1
    assert _not_before(campaign) == {"berlin": "29T06:00", "new-york": "now"}
    assert _postpone(campaign, utc("2026-03-28T19:30")) == 0
    assert _postpone(campaign, utc("2026-03-29T00:30")) == 1
    assert _not_before(campaign) == {"berlin": "29T06:00", "new-york": "29T12:00"}


def test_a_retry_waits_for_the_sending_hours(app: Flask) -> None:
    campaign = _in_progress(not_before=utc("2026-03-28T21:00"))
    assert _postpone(campaign, utc("2026-03-28T20:30")) == 0
    assert _postpone(campaign, utc("2026-03-28T20:59")) == 1
    assert _not_before(campaign)["berlin"] == "29T06:00"


def test_nothing_is_sent_just_before_the_hours_begin(app: Flask) -> None:
    campaign = _in_progress()
    assert _postpone(campaign, utc("2026-03-29T05:59:40")) == 2
    assert _not_before(campaign)["berlin"] == "29T06:00"


def test_a_wait_is_never_shortened(app: Flask) -> None:
    after_eight = utc("2026-03-29T06:00:30")
    campaign = _in_progress(not_before=after_eight)
    assert _postpone(campaign, utc("2026-03-29T05:59:20")) == 1, "the time zone of New York"
    found = db.session.scalars(sa.select(Delivery.not_before).order_by(Delivery.id)).first()
    assert found == after_eight


SHORTEST_WAIT = 60
"""Seconds, of a retry; and how late the clock may be to look."""
LATENESS = 9


def test_the_clock_checks_more_often_than_retries_are_due() -> None:
    now, limits = utc("2026-03-28T12:00"), retry.Limits()
    waits = [
        retry.decide(kind, tries, now - age, now, limits).wait
        for kind in get_args(classify.ReplyClass)
        for tries in range(1, 20)
        for age in (timedelta(0), timedelta(minutes=5), timedelta(hours=47, minutes=59))
    ]
    assert min(wait for wait in waits if wait) == timedelta(seconds=SHORTEST_WAIT)
    assert clock.HOURS_SECONDS + LATENESS < SHORTEST_WAIT < quiet_hours.MARGIN.total_seconds()


@pytest.mark.parametrize("edge", ["2026-03-28T19:00:00", "2026-03-29T06:00:00"])
@pytest.mark.parametrize("phase", [0, 17, 34, 49])
def test_no_retry_is_sent_outside_the_hours(app: Flask, edge: str, phase: int) -> None:
    """Postponed by the shortest wait, at every second around the end and start of the hours."""
    begins = utc(edge) - timedelta(minutes=4)
    with transaction():
        news = a_list()
        campaign = a_campaign(
            news, sender=a_sender(), status="sending", hours_from=8, hours_until=20
        )
        put_off = []
        for seconds in range(0, 480, 7):
            reader = a_subscriber(f"p{seconds}@example.org", news)
            put_off.append((begins + timedelta(seconds=seconds), reader.id))
            a_delivery(campaign, reader, status="sending")
    for look in range(phase, 600, int(clock.HOURS_SECONDS) + LATENESS):
        now = begins + timedelta(seconds=look)
        with transaction():
            for at, reader_id in [entry for entry in put_off if entry[0] < now]:
                db.session.execute(
                    sa.update(Delivery)
                    .where(Delivery.subscriber_id == reader_id)
                    .values(status="queued", not_before=at + timedelta(seconds=SHORTEST_WAIT))
                )
        put_off = [entry for entry in put_off if entry[0] >= now]
        _postpone(campaign, now)
    due = db.session.scalars(sa.select(Delivery.not_before).where(Delivery.status == "queued"))
    found = [at for at in due if at is not None]
    assert len(found) == 69
    assert [at for at in found if not DayWindow(8, 20).holds(at, BERLIN)] == []


@pytest.mark.parametrize("is_chosen", [True, False])
def test_a_resend_keeps_to_the_sending_hours(app: Flask, is_chosen: bool) -> None:
    campaign = _in_progress(status="failed", reason="gave_up")
    ids = list(db.session.scalars(sa.select(Delivery.id))) if is_chosen else None
    with transaction():
        resend.retry_failed(campaign.id, ids, now=utc("2026-03-28T20:15"))
    assert _not_before(campaign) == {"berlin": "29T06:00", "new-york": "now"}


def test_a_large_resend_keeps_to_the_sending_hours(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resend, "BATCH_SIZE", 1)
    monkeypatch.setattr(resend, "SLICE", 1)
    campaign = _in_progress(status="failed", reason="gave_up", updated_at=utc("2026-03-28T20:00"))
    with transaction():
        resend.retry_failed(campaign.id, now=utc("2026-03-28T20:15"))
    with transaction():
        resend.carry_on(campaign.id, now=utc("2026-03-29T03:15"))
    assert _not_before(campaign) == {"berlin": "29T06:00", "new-york": "29T12:00"}


def test_finished_deliveries_are_unchanged(app: Flask) -> None:
    campaign = _in_progress(status="sent")
    assert _postpone(campaign, utc("2026-03-28T23:00")) == 0


def test_only_campaigns_with_sending_hours_are_checked(app: Flask) -> None:
    campaign = _in_progress()
    with transaction():
        a_campaign(status="sending")
    assert [found.id for found in quiet_hours.with_hours()] == [campaign.id]


def test_sending_hours_of_a_whole_day_change_nothing() -> None:
    arrival = Arrival(utc("2026-03-28T23:00"), hours=DayWindow())
    assert arrival.is_for_all_alike
    assert arrival.in_zone(BERLIN) == arrival.start


def test_between_two_waves_the_next_one_is_known(app: Flask) -> None:
    at = utc("2026-03-29T12:00")
    campaign = _in_progress(not_before=at)
    assert quiet_hours.next_wave(campaign.id, now=utc("2026-03-29T11:00")) == Wave(at, 2)
    assert quiet_hours.next_wave(campaign.id, now=at) is None
    assert [found.id for found in quiet_hours.with_local_times()] == [campaign.id]


def test_without_waiting_recipients_there_is_no_next_wave(app: Flask) -> None:
    campaign = _in_progress(status="sent")
    assert quiet_hours.next_wave(campaign.id, now=utc("2026-03-29T11:00")) is None
