"""The limiter in a real Valkey: limits hold for all who ask."""

import time
from datetime import timedelta

import pytest
from flask import Flask
from redis import Redis

from campaigns.clock import utcnow
from campaigns.db import transaction
from campaigns.jobs.limiter import RedisLimiter
from tests.factories import a_campaign, a_delivery, a_list, a_provider, a_sender, a_subscriber


@pytest.fixture
def limiter(redis_url: str) -> RedisLimiter:
    return RedisLimiter(Redis.from_url(redis_url))


def test_without_limits_everything_is_granted(limiter: RedisLimiter) -> None:
    assert limiter.acquire(1, 1000, 0, 0).count == 1000


def test_w1_no_second_holds_more_than_the_limit(limiter: RedisLimiter) -> None:
    granted = []
    end = time.monotonic() + 2.5
    while time.monotonic() < end:
        grant = limiter.acquire(1, 50, 50, 0)
        granted += [time.monotonic()] * grant.count
        time.sleep(min(grant.wait_seconds, 0.05))
    busiest = max(sum(at <= other < at + 1 for other in granted) for at in granted)
    assert busiest <= 50
    assert len(granted) > 80, "and the limit is nearly used"


def test_one_per_second_means_one_per_second(limiter: RedisLimiter) -> None:
    first = limiter.acquire(1, 5, 1, 0)
    second = limiter.acquire(1, 5, 1, 0)
    assert (first.count, second.count) == (1, 0)
    assert 0.9 < second.wait_seconds <= 1.0


def test_w3_the_daily_limit_is_shared_and_says_when_it_ends(
    app: Flask, limiter: RedisLimiter
) -> None:
    assert limiter.acquire(1, 60, 0, 100).count == 60
    assert limiter.acquire(1, 60, 0, 100).count == 40
    over = limiter.acquire(1, 60, 0, 100)
    assert (over.count, over.is_day_limit) == (0, True)
    assert 24 * 3600 <= over.wait_seconds <= 25 * 3600


def test_unused_tokens_of_the_day_go_back(app: Flask, limiter: RedisLimiter) -> None:
    limiter.acquire(1, 100, 0, 100)
    limiter.give_back(1, 30)
    assert limiter.acquire(1, 100, 0, 100).count == 30


def test_accounts_do_not_share_their_limits(app: Flask, limiter: RedisLimiter) -> None:
    limiter.acquire(1, 100, 0, 100)
    assert limiter.acquire(2, 100, 0, 100).count == 100


def test_a_lost_redis_is_made_good_from_the_ledger(app: Flask, limiter: RedisLimiter) -> None:
    with transaction():
        provider = a_provider()
        campaign = a_campaign(
            a_list(), sender=a_sender(provider=provider), provider_id=provider.id,
            status="sending", started_at=utcnow(),
        )  # fmt: skip
        for number in range(7):
            person = a_subscriber(f"p{number}@example.org")
            a_delivery(campaign, person, status="sent", sent_at=utcnow())
    assert limiter.acquire(provider.id, 100, 0, 10).count == 3


def test_mail_of_a_campaign_that_ended_today_counts_against_the_day(
    app: Flask, limiter: RedisLimiter
) -> None:
    with transaction():
        provider = a_provider()
        campaign = a_campaign(
            a_list(), sender=a_sender(provider=provider), provider_id=provider.id,
            status="cancelled", started_at=utcnow() - timedelta(days=3),
            finished_at=utcnow() - timedelta(hours=23),
        )  # fmt: skip
        for number in range(4):
            person = a_subscriber(f"p{number}@example.org")
            sent_at = utcnow() - timedelta(hours=22 + number)
            a_delivery(campaign, person, status="sent", sent_at=sent_at)
    assert limiter.acquire(provider.id, 100, 0, 10).count == 8
