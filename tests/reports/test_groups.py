"""A campaign by mailbox provider: every recipient in one column, and the speed."""

from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from flask import Flask

from campaigns.campaign.models import DELIVERY_STATES, Campaign, Delivery
from campaigns.db import db, transaction
from campaigns.reports.groups import MAX_KEPT, GroupCount, Speeds, tally
from tests.factories import a_campaign, a_delivery, a_list, a_subscriber
from tests.readback import campaign_balance
from tests.web.statements import counted

NOW = datetime(2030, 5, 4, 12, 0, tzinfo=UTC)


def later(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def a_sending_campaign(**rows: list[dict[str, Any]]) -> Campaign:
    """A campaign in progress, with deliveries by mailbox group."""
    campaign = a_campaign(a_list(), status="sending", audience=sum(map(len, rows.values())))
    for group, given in rows.items():
        for number, values in enumerate(given):
            person = a_subscriber(f"{number}@{group}.example")
            a_delivery(campaign, person, mailbox_group=group, **values)
    return campaign


SENT = {"status": "sent"}
QUEUED: dict[str, Any] = {"status": "queued"}
DEFERRED = {"status": "queued", "reason": "deferred", "not_before": later(300), "attempts": 1}
IN_ITS_ZONE = {"status": "queued", "not_before": later(600)}


def test_every_recipient_is_in_one_column(app: Flask) -> None:
    with transaction():
        campaign = a_sending_campaign(
            google=[SENT, SENT, QUEUED, DEFERRED, {"status": "sending"}],
            yahoo=[{"status": "failed", "reason": "refused"}, DEFERRED],
            gmx=[{"status": "skipped", "reason": "suppressed"}, IN_ITS_ZONE],
            other=[{"status": "unknown", "reason": "no_answer"}],
        )
    expected = [
        GroupCount("google", sent=2, waiting=3, deferred=1),
        GroupCount("gmx", waiting=1, due_at=later(600)),
        GroupCount("yahoo", waiting=1, deferred=1, failed=1, due_at=later(300)),
        GroupCount("other"),
    ]
    first = tally(campaign.id)
    assert first.groups == expected
    assert first.totals == {"google": 5, "gmx": 2, "yahoo": 2, "other": 1}
    again = tally(campaign.id, first.totals)
    assert again.groups == expected
    assert again.statuses == first.statuses


def test_one_statement_counts_all_statuses_and_they_make_the_balance(app: Flask) -> None:
    with transaction():
        campaign = a_sending_campaign(
            google=[{"status": status} for status in DELIVERY_STATES], gmx=[SENT, QUEUED]
        )
    number = campaign.id
    totals = tally(number).totals
    for known in (None, totals):
        with counted() as statements:
            found = tally(number, known)
        assert len(statements) == 1
        balance = campaign_balance(number)
        assert {name: getattr(balance, name) for name in DELIVERY_STATES} == found.statuses


def test_a_campaign_without_deliveries_has_no_figures(app: Flask) -> None:
    with transaction():
        campaign = a_campaign(status="sending")
    assert list(tally(campaign.id).groups) == []


def test_additional_rows_are_noticed(app: Flask) -> None:
    with transaction():
        campaign = a_sending_campaign(google=[QUEUED])
    totals = tally(campaign.id).totals
    with transaction():
        a_delivery(campaign, a_subscriber("x@yahoo.example"), mailbox_group="yahoo", **SENT)
    found = tally(campaign.id, totals)
    assert found.totals == {"google": 1, "yahoo": 1}
    assert [group.group for group in found.groups] == ["google", "yahoo"]


# --- speed ----------------------------------------------------------------------------------------


def send(campaign: Campaign, group: str, count: int) -> None:
    with transaction():
        ids = db.session.scalars(
            sa.select(Delivery.id)
            .where(Delivery.campaign_id == campaign.id, Delivery.mailbox_group == group)
            .where(Delivery.status == "queued")
            .limit(count)
        ).all()
        db.session.execute(sa.update(Delivery).where(Delivery.id.in_(ids)).values(status="sent"))


def rates(speeds: Speeds, campaign: Campaign, seconds: float) -> dict[str, float | None]:
    groups = speeds.add(campaign.id, tally(campaign.id).groups, at=later(seconds))
    return {row.group: row.rate for row in groups}


def test_the_rate_is_that_of_the_last_minute(app: Flask) -> None:
    with transaction():
        campaign = a_sending_campaign(google=[QUEUED] * 1, yahoo=[QUEUED] * 9)
    speeds = Speeds()
    assert rates(speeds, campaign, 0) == {"google": None, "yahoo": None}
    send(campaign, "yahoo", 4)
    assert rates(speeds, campaign, 2) == {"google": 0.0, "yahoo": 2.0}
    send(campaign, "yahoo", 2)
    assert rates(speeds, campaign, 40)["yahoo"] == 6 / 40
    assert rates(speeds, campaign, 70)["yahoo"] == 2 / 68, (
        "from the newest sample that is a minute old"
    )
    assert rates(speeds, campaign, 200)["yahoo"] is None, "nobody viewed it for two minutes"


def test_a_count_shown_twice_keeps_its_speed() -> None:
    speeds = Speeds()
    speeds.add(1, [GroupCount("google")], at=NOW)
    once, twice = (speeds.add(1, [GroupCount("google", sent=8)], at=later(4)) for _ in range(2))
    assert once == twice == [GroupCount("google", sent=8, rate=2.0)]


def test_the_speed_is_measured_from_the_start_of_sending() -> None:
    speeds = Speeds()
    speeds.add(1, [], at=NOW)
    speeds.add(1, [GroupCount("google")], at=later(10))
    both = [GroupCount("google", sent=8), GroupCount("yahoo", sent=4)]
    assert [row.rate for row in speeds.add(1, both, at=later(14))] == [2.0, 1.0]


def test_nothing_is_remembered_of_campaigns_that_nobody_views() -> None:
    speeds = Speeds()
    for number in range(MAX_KEPT + 1):
        speeds.add(number, [GroupCount("google")], at=NOW)
    found = [speeds.add(number, [GroupCount("google")], at=later(9)) for number in (0, MAX_KEPT)]
    assert [groups[0].rate for groups in found] == [None, 0.0]
