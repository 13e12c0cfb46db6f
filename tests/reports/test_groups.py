"""A campaign by mailbox provider: counted for all who look, and no more often than it pays."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from flask import Flask

from campaigns.db import db, transaction
from campaigns.reports.groups import GroupCount, Watch
from campaigns.sending.models import Campaign, Delivery
from tests.factories import a_campaign, a_delivery, a_list, a_subscriber
from tests.web.statements import counted

NOW = datetime(2030, 5, 4, 12, 0, tzinfo=UTC)


def later(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def a_sending_campaign(**rows: list[dict[str, Any]]) -> Campaign:
    """Deliveries by mailbox group."""
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
    assert Watch().look(campaign.id, 10, now=NOW) == [
        GroupCount("google", sent=2, waiting=3, deferred=1),
        GroupCount("gmx", waiting=1, due_at=later(600)),
        GroupCount("yahoo", waiting=1, deferred=1, failed=1, due_at=later(300)),
        GroupCount("other"),
    ]


def send(campaign: Campaign, group: str, count: int) -> None:
    with transaction():
        ids = db.session.scalars(
            sa.select(Delivery.id)
            .where(Delivery.campaign_id == campaign.id, Delivery.mailbox_group == group)
            .where(Delivery.status == "queued")
            .limit(count)
        ).all()
        db.session.execute(sa.update(Delivery).where(Delivery.id.in_(ids)).values(status="sent"))


def rates(watch: Watch, campaign: Campaign, seconds: float) -> dict[str, float | None]:
    rows = watch.look(campaign.id, campaign.audience, now=later(seconds))
    return {row.group: row.rate for row in rows}


def test_the_rate_is_that_of_the_last_minute(app: Flask) -> None:
    with transaction():
        campaign = a_sending_campaign(google=[QUEUED] * 1, yahoo=[QUEUED] * 9)
    watch = Watch()
    assert rates(watch, campaign, 0) == {"google": None, "yahoo": None}
    send(campaign, "yahoo", 4)
    assert rates(watch, campaign, 2) == {"google": 0.0, "yahoo": 2.0}
    send(campaign, "yahoo", 2)
    assert rates(watch, campaign, 40)["yahoo"] == 6 / 40
    assert rates(watch, campaign, 70)["yahoo"] == 2 / 68, "from the newest that is a minute old"
    assert rates(watch, campaign, 200)["yahoo"] is None, "nobody looked for two minutes"


def test_one_count_serves_all_who_look(app: Flask) -> None:
    with transaction():
        campaign = a_sending_campaign(google=[QUEUED, SENT])
    watch, number = Watch(), campaign.id
    first = watch.look(number, 2, now=NOW)
    with counted() as statements:
        assert watch.look(number, 2, now=later(1)) == first
        assert len(statements) == 0
        watch.look(number, 2, now=later(2))
        assert len(statements) == 3


def test_a_count_that_takes_long_is_made_less_often(app: Flask, monkeypatch: Any) -> None:
    with transaction():
        campaign = a_sending_campaign(google=[QUEUED, SENT])
    ticks = iter([0.0, 0.5, 1.0, 1.0])
    monkeypatch.setattr(time, "perf_counter", lambda: next(ticks))
    watch = Watch()
    watch.look(campaign.id, 2, now=NOW)
    send(campaign, "google", 1)
    assert watch.look(campaign.id, 2, now=later(9.9))[0].sent == 1
    assert watch.look(campaign.id, 2, now=later(10))[0].sent == 2


def test_more_rows_are_noticed(app: Flask) -> None:
    with transaction():
        campaign = a_sending_campaign(google=[QUEUED])
    watch = Watch()
    watch.look(campaign.id, 1, now=NOW)
    with transaction():
        a_delivery(campaign, a_subscriber("x@yahoo.example"), mailbox_group="yahoo")
    assert len(watch.look(campaign.id, 2, now=NOW)) == 2
