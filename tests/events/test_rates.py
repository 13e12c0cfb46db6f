"""Rates of bounces and complaints, and what happens when they are too high."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from campaigns.campaign import lifecycle
from campaigns.campaign.models import Campaign, Delivery
from campaigns.db import db, transaction
from campaigns.events import rates
from campaigns.events.models import FeedbackCount
from campaigns.providers.models import ProviderAccount
from campaigns.reason import Reason
from tests.events.test_consequences import NOW, SENT, a_sent, about, applied, delivery
from tests.factories import a_provider

pytestmark = pytest.mark.usefixtures("app")


def a_campaign_of(emails: int) -> tuple[int, list[int], int]:
    """A campaign being sent: its id, its deliveries, its account."""
    ids = a_sent(*[{**SENT, "mailbox_group": "google"}] * 12)
    campaign_id = delivery(ids[0]).campaign_id
    with transaction():
        account = a_provider()
        db.session.execute(
            sa.update(Campaign).values(provider_id=account.id, started_at=NOW - timedelta(hours=2))
        )
        db.session.execute(
            sa.insert(Delivery),
            [
                {"campaign_id": campaign_id, "address": "", "mailbox_group": "google", **SENT}
                for _ in range(emails - len(ids))
            ],
        )
    return campaign_id, ids, account.id


def checked(campaign_id: int) -> list[rates.Alarm]:
    with transaction():
        return rates.check(campaign_id, now=NOW)


def status_of(campaign_id: int) -> tuple[str, Reason | None]:
    found = db.session.get_one(Campaign, campaign_id, populate_existing=True)
    return found.status, Reason.unpack(found.status_reason)


def test_each_delivery_counts_once_on_the_day_it_was_sent() -> None:
    campaign_id, ids, account_id = a_campaign_of(20)
    first = about(ids[0], reply_class="transient")
    applied(about(ids[0], "delivered"), first, about(ids[1]), about(ids[2], reply_class="policy"))
    applied(first, about(ids[0], reply_class="hard"), about(ids[0], "complained"))
    checked(campaign_id)
    row = db.session.scalars(sa.select(FeedbackCount)).one()
    assert (row.account_id, row.day, row.mailbox_group) == (account_id, date(2026, 5, 20), "google")
    counted = (row.sent, row.delivered, row.hard, row.soft, row.blocked, row.complaints)
    assert counted == (20, 1, 1, 1, 1, 1)


@pytest.mark.runs_on("postgresql")  # SQLite has one writer at a time
def test_events_that_come_while_a_campaign_is_checked_do_not_deadlock(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    campaign_id, ids, _ = a_campaign_of(20)
    applied(about(ids[0]))
    is_checking, has_counted = threading.Event(), threading.Event()
    count_sent, note_change = rates._count_sent, rates._note_change

    def slow_count(campaign: Campaign) -> None:
        is_checking.set()
        assert has_counted.wait(60)
        count_sent(campaign)

    def slow_note(*args: Any) -> None:
        has_counted.set()
        note_change(*args)

    monkeypatch.setattr(rates, "_count_sent", slow_count)
    monkeypatch.setattr(rates, "_note_change", slow_note)

    def check() -> None:
        with app.app_context():
            checked(campaign_id)
            db.session.remove()

    def come() -> None:
        assert is_checking.wait(60)
        with app.app_context():
            applied(about(ids[1]))
            db.session.remove()

    with ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(check), pool.submit(come)]:
            done.result(120)
    db.session.rollback()
    row = db.session.scalars(sa.select(FeedbackCount)).one()
    assert (row.sent, row.hard) == (20, 2)


def test_three_complaints_of_a_thousand_pause_a_campaign_and_alarm() -> None:
    campaign_id, ids, account_id = a_campaign_of(1_500)
    applied(*[about(number, "complained") for number in ids[:4]])
    alarms = checked(campaign_id)
    assert [(one.account_id, one.measure, one.mailbox_group) for one in alarms] == [
        (account_id, "complaints", ""),
        (account_id, "complaints", "google"),
    ]
    assert status_of(campaign_id)[0] == "sending", "four are too few to pause"
    applied(about(ids[4], "complained"))
    assert checked(campaign_id) == [], "the owners know"
    status, reason = status_of(campaign_id)
    assert (status, reason.code if reason else "") == ("paused", "status.complaint_rate")
    assert reason is not None
    assert (reason.params["count"], reason.params["sent"]) == (5, 1_500)
    [(_, shown), *_] = rates.recent_alarms(now=NOW)
    assert shown.code == "alert.complaint_rate"


def test_a_resumed_campaign_is_paused_again_only_by_new_complaints() -> None:
    campaign_id, ids, _ = a_campaign_of(1_500)
    applied(*[about(number, "complained") for number in ids[:5]])
    checked(campaign_id)
    with transaction():
        lifecycle.resume(campaign_id, now=NOW)
    applied(about(ids[5], "complained"))
    checked(campaign_id)
    assert status_of(campaign_id)[0] == "sending"
    applied(*[about(number, "complained") for number in ids[6:11]])
    checked(campaign_id)
    assert status_of(campaign_id)[0] == "paused"


def test_complaints_at_one_mailbox_provider_pause_a_campaign_that_is_fine_elsewhere() -> None:
    campaign_id, ids, _ = a_campaign_of(1_000)
    with transaction():
        others = {"campaign_id": campaign_id, "address": "", "mailbox_group": "yahoo", **SENT}
        db.session.execute(sa.insert(Delivery), [others] * 2_000)
        earlier = {**others, "mailbox_group": "google", "sent_at": NOW - timedelta(days=1)}
        db.session.execute(sa.insert(Delivery), [earlier] * 2_000)
    applied(*[about(number, "complained") for number in ids[:5]])
    checked(campaign_id)
    status, reason = status_of(campaign_id)
    assert status == "paused"
    assert reason is not None
    assert reason.code == "status.complaint_rate_at"
    known = {name: reason.params[name] for name in ("count", "sent", "provider", "day_date")}
    assert known == {"count": 5, "sent": 1_000, "provider": "Gmail", "day_date": "2026-05-20"}
    with transaction():
        lifecycle.resume(campaign_id, now=NOW)
    applied(*[about(number, "complained") for number in ids[5:9]])
    checked(campaign_id)
    assert status_of(campaign_id)[0] == "sending", "only what came since counts"


def test_one_complaint_of_three_emails_does_nothing() -> None:
    [number, *_] = a_sent(SENT, SENT, SENT)
    campaign_id = delivery(number).campaign_id
    applied(about(number, "complained"))
    assert checked(campaign_id) == []
    assert status_of(campaign_id)[0] == "sending"


def test_a_campaign_is_checked_when_something_came_back() -> None:
    campaign_id, ids, _ = a_campaign_of(20)
    assert list(rates.due(now=NOW)) == [campaign_id]
    checked(campaign_id)
    assert list(rates.due(now=NOW + timedelta(minutes=1))) == []
    later = NOW + timedelta(minutes=1)
    applied(about(ids[0], at=later), now=later)
    assert list(rates.due(now=later)) == [campaign_id]


def test_what_another_account_sent_before_counts_for_that_account() -> None:
    campaign_id, ids, account_id = a_campaign_of(20)
    with transaction():
        earlier = a_provider("Before").id
        until = (NOW - timedelta(hours=2)).isoformat()
        db.session.execute(
            sa.update(Campaign).values(earlier_senders=[{"provider_id": earlier, "until": until}])
        )
        db.session.execute(
            sa.update(Delivery)
            .where(Delivery.id == ids[0])
            .values(sent_at=NOW - timedelta(hours=3))
        )
    applied(about(ids[0]), about(ids[1]))
    checked(campaign_id)
    rows = db.session.scalars(sa.select(FeedbackCount).order_by(FeedbackCount.sent))
    assert [(row.account_id, row.sent, row.hard) for row in rows] == [
        (earlier, 1, 1),
        (account_id, 19, 1),
    ]


def test_what_came_back_of_a_deleted_account_alarms_nobody() -> None:
    campaign_id, ids, account_id = a_campaign_of(13)
    applied(*[about(number, "complained") for number in ids[:6]])
    with transaction():
        db.session.execute(sa.update(Campaign).values(status="sent", provider_id=None))
        db.session.execute(sa.delete(ProviderAccount).where(ProviderAccount.id == account_id))
    assert checked(campaign_id) == []
