"""How long limits make a campaign take, forecast before it is sent."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask

from campaigns.audience.models import MailDomain
from campaigns.campaign import forecast
from campaigns.campaign.forecast import tightest
from campaigns.db import db, transaction
from campaigns.throttling.models import GroupLimit, WarmUp
from campaigns.throttling.plan import GroupPlan, Plan, Windows
from tests.english import in_english
from tests.factories import a_campaign, a_list, a_provider, a_sender, a_subscriber

NOW = datetime(2030, 5, 4, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("windows", "words", "takes"),
    [
        (Windows(day=500), "Relay may send 500 emails in 24 hours.", 2 * DAY),
        (
            Windows(second=1, day=5000),
            "Relay may send 1 email per second.",
            timedelta(seconds=1499),
        ),
        (Windows(hour=100), "Relay may send 100 emails per hour.", timedelta(hours=14)),
    ],
)
def test_the_slowest_limit_is_reported(windows: Windows, words: str, takes: timedelta) -> None:
    found = tightest(Plan(name="Relay", windows=windows), 1500, {}, {})
    assert found is not None
    assert (in_english(found.reason), found.takes) == (words, takes)


def test_a_limit_without_effect_is_not_reported() -> None:
    assert tightest(Plan(), 1500, {}, {}) is None
    assert tightest(Plan(windows=Windows(day=1500, second=100)), 1500, {}, {}) is None


def test_a_warm_up_grows_every_day() -> None:
    plan = Plan(name="Relay", warm_up_per_day=100)
    found = tightest(plan, 700, {}, {"": [100, 200, 400, 800]})
    assert found is not None
    assert "warming up: 100 emails on the first day" in in_english(found.reason)
    assert found.takes == 2 * DAY
    found = tightest(plan, 10_000, {}, {"": [100, 200]})
    assert found is not None
    assert found.takes == 2 * DAY, "after its end there is no limit"


def test_a_mailbox_group_may_be_the_slowest() -> None:
    plan = Plan(windows=Windows(minute=600), groups={"google": GroupPlan(per_second=0.5)})
    found = tightest(plan, 1000, {"google": 400}, {})
    assert found is not None
    assert (in_english(found.reason), found.takes) == (
        "Gmail gets 30 per minute.",
        timedelta(seconds=800),
    )
    warm = replace(plan, groups={"google": GroupPlan(per_day=100)})
    found = tightest(warm, 1000, {"google": 400}, {"google": [100, 200, 400]})
    assert found is not None
    assert found.takes == 2 * DAY


def test_the_forecast_uses_stored_limits(app: Flask) -> None:
    with transaction():
        news = a_list()
        account = a_provider("Relay", per_minute=1)
        sender = a_sender(provider=account)
        campaign = a_campaign(news, sender=sender)
        db.session.add(MailDomain(domain="gmail.example", mailbox_group="google"))
        for number in range(5):
            a_subscriber(f"p{number}@gmail.example", news)
    found = forecast.slowest(account.id, campaign.id, 5, now=NOW)
    assert found is not None
    assert in_english(found.reason) == "Relay may send 1 email per minute."
    assert found.takes == timedelta(minutes=4)
    with transaction():
        db.session.add(GroupLimit(provider_id=account.id, mailbox_group="google", per_minute=1))
        db.session.add(WarmUp(provider_id=account.id, steps="1 2 3"))
    found = forecast.slowest(account.id, campaign.id, 5, now=NOW)
    assert found is not None
    assert in_english(found.reason).startswith("Relay is warming up: 1 email ")
    assert found.takes == 2 * DAY
    with transaction():
        db.session.query(WarmUp).delete()
    found = forecast.slowest(account.id, campaign.id, 5, now=NOW)
    assert found is not None
    assert in_english(found.reason) == "Gmail gets 1 per minute."
