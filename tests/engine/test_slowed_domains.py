"""Throttling by a small domain or a single mailbox slows nobody else."""

from datetime import timedelta

import pytest
import sqlalchemy as sa
from flask import Flask

from campaigns.campaign import lifecycle
from campaigns.campaign.models import Campaign, Delivery
from campaigns.clock import utcnow
from campaigns.config import Settings
from campaigns.db import db, transaction
from campaigns.delivery import claims, domain_waits
from campaigns.delivery.outcomes import Recorded
from campaigns.engine.feedback import Judge
from campaigns.engine.limiter import limiter
from campaigns.jobs import send
from campaigns.providers.classify import classify, is_about_mailbox
from campaigns.throttling import slowed_domains
from campaigns.throttling.loading import load_plan
from campaigns.throttling.models import GroupState, SlowedDomain
from tests.factories import a_campaign, a_list, a_provider, a_sender, a_subscriber
from tests.jobs.steps import run
from tests.readback import delivery_counts
from tests.smtp_server import Script, scripted_server

pytestmark = pytest.mark.usefixtures("worker")


@pytest.fixture
def settings(settings: Settings, redis_url: str) -> Settings:
    return settings.model_copy(update={"redis_url": redis_url})


def send_to(addresses: list[str], script: Script) -> int:
    """Send a campaign until nothing changes; return the id of its account."""
    with scripted_server(script) as server:
        with transaction():
            news = a_list()
            for address in addresses:
                a_subscriber(address, news)
            account = a_provider(port=server.port)
            campaign = a_campaign(news, sender=a_sender(provider=account))
            lifecycle.launch(campaign.id, at=None, undo_seconds=0, now=utcnow())
        run(campaign.id)
    return account.id


def learned(provider_id: int) -> dict[str, float]:
    return dict(limiter().standing(provider_id, ["", "other", "google"]).learned)


TOO_FAST = (
    "450 4.2.1 The user you are trying to contact is receiving email too quickly. Please resend"
    " your message at a later time."
)


@pytest.mark.parametrize(
    "reply",
    [
        TOO_FAST,
        "450 4.2.1 Mailbox temporarily rate limited",
        "452 4.2.2 The account quota has been reached",
        "450 4.2.1 mailbox disabled, try again",
    ],
)
def test_trouble_of_two_mailboxes_slows_nobody(app: Flask, reply: str) -> None:
    addresses = [f"p{number}@example.org" for number in range(1, 9)]
    account = send_to(
        addresses,
        lambda line, _: (
            reply if line.startswith("RCPT") and ("<p2@" in line or "<p5@" in line) else None
        ),
    )
    assert delivery_counts() == {"sent": 6, "queued": 2}
    assert learned(account) == {}
    assert db.session.scalars(sa.select(SlowedDomain)).all() == []
    assert load_plan(account, now=utcnow()).is_free
    assert db.session.scalars(sa.select(GroupState)).all() == []


def test_a_small_domain_that_throttles_slows_only_itself(app: Flask) -> None:
    addresses = [
        f"p{number}@{domain}" for number in range(3) for domain in ("a.example", "b.example")
    ]
    account = send_to(
        addresses,
        lambda line, _: (
            "450 4.7.1 Rate limit reached, slow down"
            if line.startswith("RCPT") and "@a.example" in line
            else None
        ),
    )
    assert delivery_counts() == {"sent": 3, "queued": 3}
    assert learned(account) == {}
    (row,) = slowed_domains.slowed(account, now=utcnow())
    assert (row.domain, "Rate limit reached" in row.why) == ("a.example", True)
    assert load_plan(account, now=utcnow()).groups == {}


def test_deliveries_to_a_slowed_domain_are_postponed_when_claimed(app: Flask) -> None:
    now = utcnow()
    with transaction():
        news = a_list()
        for address in ("x@Slow.example", "y@notslow.example", "z@slow.example.com"):
            a_subscriber(address, news)
        account = a_provider()
        campaign = a_campaign(news, sender=a_sender(provider=account))
        lifecycle.launch(campaign.id, at=None, undo_seconds=0, now=now)
    send.expand(campaign.id)
    with transaction():
        slowed_domains.slow(account.id, {"slow.example": "450 slow down"}, now=now)
    with transaction():
        claimed = claims.claim(
            campaign.id, {"other": 10}, token="t", lease=timedelta(minutes=1), now=now
        )
    assert sorted(person.address for person in claimed.recipients) == [
        "y@notslow.example",
        "z@slow.example.com",
    ]
    assert claimed.taken == {"other": 2}
    row = db.session.scalars(sa.select(Delivery).where(Delivery.status == "queued")).one()
    assert (row.reason, row.attempts, row.claim_token) == ("throttled", 0, None)
    assert row.not_before is not None
    assert row.not_before >= now + slowed_domains.FIRST_WAIT
    with transaction():
        domain_waits.forget(account.id, ["slow.example"], now=now)
    db.session.refresh(row)
    assert row.not_before == now
    assert slowed_domains.slowed(account.id) == []


def test_each_refusal_doubles_the_wait_and_a_quiet_period_ends_it(app: Flask) -> None:
    now = utcnow()
    with transaction():
        account = a_provider()
    waits = []
    for _ in range(9):
        with transaction():
            slowed_domains.slow(account.id, {"a.example": "450 slow"}, now=now)
            slowed_domains.slow(account.id, {"a.example": "450 slow"}, now=now)  # at the same time
        (row,) = slowed_domains.slowed(account.id, now=now)
        waits.append((row.until - now) // timedelta(minutes=1))
        now = row.until
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    now += slowed_domains.FORGOTTEN_AFTER + timedelta(seconds=1)
    with transaction():
        slowed_domains.slow(account.id, {"b.example": "450 slow"}, now=now)
    assert [row.domain for row in slowed_domains.slowed(account.id)] == ["b.example"]


def test_refusals_by_many_domains_at_once_slow_the_account(app: Flask) -> None:
    with transaction():
        account = a_provider()
        campaign: Campaign = a_campaign(status="sending", provider_id=account.id)
        recorded = Recorded(
            throttled={f"d{number}.example": "450 4.7.1 slow down" for number in range(9)}
        )
        feedback = Judge().apply(account.id, campaign.id, recorded, now=utcnow())
    assert feedback.throttled == {"": 9}
    assert slowed_domains.slowed(account.id) == []


def test_a_relays_own_limit_is_no_mailbox_trouble() -> None:
    words = "4.2.1 Peak SMTP relay limit exceeded for this customer. This is a temporary error."
    assert classify(450, words, step="rcpt") == "throttle"
    assert not is_about_mailbox(450, words)
    assert is_about_mailbox(450, TOO_FAST[4:])
    assert not is_about_mailbox(454, "Throttling failure: Maximum sending rate exceeded.")


def test_a_slowed_domain_waits_again_although_no_more_can_be_kept(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slowed_domains, "MAX_DOMAINS", 2)
    now = utcnow()
    with transaction():
        account = a_provider()
        domains = dict.fromkeys(("a.example", "b.example", "c.example"), "450 slow")
        slowed_domains.slow(account.id, domains, now=now)
    assert [row.domain for row in slowed_domains.slowed(account.id)] == ["a.example", "b.example"]
    now += slowed_domains.FIRST_WAIT
    with transaction():
        slowed_domains.slow(account.id, domains, now=now)
    waiting = slowed_domains.slowed(account.id, now=now)
    assert [row.domain for row in waiting] == ["a.example", "b.example"]
