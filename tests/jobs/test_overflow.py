"""A campaign continues from its fallback sender when its daily limit is used up."""

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from redis import Redis

from campaigns.campaign import fallback_sender, lifecycle
from campaigns.campaign.models import Campaign, Delivery
from campaigns.clock import utcnow
from campaigns.config import Settings
from campaigns.db import db, transaction
from campaigns.delivery import claims, outcomes, sender_switch
from campaigns.engine import serve
from campaigns.engine.limiter import RedisLimiter
from campaigns.jobs import send
from campaigns.providers.models import ProviderAccount, SenderAddress
from campaigns.throttling import rules
from campaigns.throttling.loading import load_plan
from campaigns.throttling.models import GroupState, ReplyRule
from tests.english import in_english
from tests.factories import a_campaign, a_list, a_provider, a_sender, subscribers
from tests.jobs.steps import send_until
from tests.manual_clock import ManualSeconds
from tests.readback import delivery_counts
from tests.smtp_server import Script, ScriptedServer, Session, scripted_server, waiting_for

RECIPIENTS = 20
FIRST, SECOND = "news@first.example", "news@second.example"
USED_UP = "452 4.5.3 Daily message quota exceeded, try again later"


pytestmark = pytest.mark.usefixtures("worker")


@pytest.fixture
def settings(settings: Settings, redis_url: str) -> Settings:
    return settings.model_copy(update={"redis_url": redis_url})


@pytest.fixture(autouse=True)
def clock(app: Flask, redis_url: str) -> ManualSeconds:
    clock = ManualSeconds(utcnow().timestamp())
    app.extensions["campaigns.limiter"] = RedisLimiter(Redis.from_url(redis_url), clock)
    return clock


def accept_all(line: str, session: Session) -> str | None:
    return None


class Scenario:
    """Two servers with an account and a sender each, and a campaign from the first sender."""

    def __init__(self, servers: ExitStack, first: Script, second: Script, **limits: Any) -> None:
        self.first: ScriptedServer = servers.enter_context(scripted_server(first))
        self.second: ScriptedServer = servers.enter_context(scripted_server(second))
        with transaction():
            news = a_list()
            subscribers((f"p{number}@example.org" for number in range(RECIPIENTS)), news)
            relay = a_provider("Relay", port=self.first.port, **limits)
            other = a_provider("Other", port=self.second.port)
            sender = a_sender(FIRST, relay)
            self.other = a_sender(SECOND, other, is_default=False).id
            campaign = a_campaign(news, sender=sender)
            lifecycle.launch(campaign.id, at=None, undo_seconds=0, now=utcnow())
            self.campaign_id = campaign.id
            self.accounts = (relay.id, other.id)
        send.expand(self.campaign_id)

    def choose_fallback(self) -> None:
        with transaction():
            assert fallback_sender.choose(self.campaign_id, self.other, now=utcnow())

    def switch_sender(self) -> None:
        with transaction():
            assert sender_switch.go_on_from(self.campaign_id, self.other, now=utcnow())

    @property
    def campaign(self) -> Campaign:
        db.session.rollback()
        return db.session.get_one(Campaign, self.campaign_id, populate_existing=True)

    def everyone_received_one(self) -> bool:
        got = sorted([*self.first.recipients, *self.second.recipients])
        return got == sorted(f"p{number}@example.org" for number in range(RECIPIENTS))


@pytest.fixture
def servers() -> Iterator[ExitStack]:
    with ExitStack() as servers:
        yield servers


def senders_seen(server: ScriptedServer) -> set[str]:
    """The From addresses of the messages that this server accepted."""
    return {
        address
        for message in server.received
        for address in (FIRST, SECOND)
        if f"<{address}>".encode() in message.data.partition(b"\r\n\r\n")[0]
    }


def test_a_used_up_daily_limit_switches_to_the_fallback_sender(servers: ExitStack) -> None:
    scenario = Scenario(servers, accept_all, accept_all, per_day=8)
    scenario.choose_fallback()
    send_until({"sent": RECIPIENTS})
    assert scenario.everyone_received_one()
    assert (len(scenario.first.received), len(scenario.second.received)) == (8, 12)
    assert (senders_seen(scenario.first), senders_seen(scenario.second)) == ({FIRST}, {SECOND})
    found = scenario.campaign
    assert (found.sender_id, found.overflow_sender_id) == (scenario.other, None)
    (past,) = fallback_sender.earlier(found)
    assert (past.address, past.account, past.by_itself) == (FIRST, "Relay", True)
    assert found.status_reason == ""


def test_without_a_fallback_sender_the_campaign_waits(
    servers: ExitStack, clock: ManualSeconds
) -> None:
    scenario = Scenario(servers, accept_all, accept_all, per_day=8)
    send_until({"sent": 8, "queued": 12})
    for _ in range(3):
        send.send()
    assert delivery_counts() == {"sent": 8, "queued": 12}
    assert "has reached its limit of 8 emails in 24 hours" in in_english(
        scenario.campaign.status_reason
    )
    assert scenario.second.received == []
    clock.seconds += 25 * 3600
    send_until({"sent": 16, "queued": 4})
    assert len(scenario.first.received) == 16


def test_a_fallback_sender_chosen_while_waiting_is_used_immediately(servers: ExitStack) -> None:
    scenario = Scenario(servers, accept_all, accept_all, per_day=8)
    send_until({"sent": 8, "queued": 12})
    scenario.choose_fallback()
    send_until({"sent": RECIPIENTS})
    assert scenario.everyone_received_one()


def test_a_short_wait_is_no_reason_to_switch(servers: ExitStack, clock: ManualSeconds) -> None:
    slot = 24 * 60
    clock.seconds = clock.seconds // slot * slot + slot - 1  # at the end of a slot of the window
    scenario = Scenario(servers, accept_all, accept_all, per_day=8)
    send_until({"sent": 8, "queued": 12})
    clock.seconds += 24 * 3600 - 14 * 60
    scenario.choose_fallback()
    for _ in range(3):
        send.send()
    assert scenario.campaign.overflow_sender_id == scenario.other, (
        "a quarter of an hour is no reason"
    )
    clock.seconds += 14 * 60 + 2
    send_until({"sent": RECIPIENTS})
    assert (len(scenario.first.received), len(scenario.second.received)) == (16, 4)


@pytest.mark.parametrize("windows", [{"per_minute": 8}, {"per_hour": 8}])
def test_a_limit_per_minute_or_hour_is_no_reason_to_switch(
    servers: ExitStack, windows: dict[str, int]
) -> None:
    scenario = Scenario(servers, accept_all, accept_all, **windows)
    scenario.choose_fallback()
    send_until({"sent": 8, "queued": 12})
    for _ in range(3):
        send.send()
    assert scenario.campaign.overflow_sender_id == scenario.other
    assert scenario.second.received == []


def test_a_campaign_switches_only_once(servers: ExitStack) -> None:
    """When both daily limits are used up, it waits rather than switching back and forth."""
    scenario = Scenario(servers, accept_all, accept_all, per_day=8)
    scenario.choose_fallback()
    limit(scenario.accounts[1], per_day=5)
    send_until({"sent": 13, "queued": 7})
    for _ in range(5):
        send.send()
    assert delivery_counts() == {"sent": 13, "queued": 7}
    assert (len(scenario.first.received), len(scenario.second.received)) == (8, 5)
    assert len(fallback_sender.earlier(scenario.campaign)) == 1
    assert "Other has reached its limit of 5 emails in 24 hours" in in_english(
        scenario.campaign.status_reason
    )


def limit(account_id: int, **values: Any) -> None:
    with transaction():
        db.session.execute(
            sa.update(ProviderAccount).where(ProviderAccount.id == account_id).values(**values)
        )


@pytest.mark.parametrize("is_broken", [True, False], ids=["broken", "suspended"])
def test_no_switch_to_an_account_that_cannot_send_either(
    servers: ExitStack, is_broken: bool
) -> None:
    scenario = Scenario(servers, accept_all, accept_all, per_day=8)
    scenario.choose_fallback()
    other = scenario.accounts[1]
    if is_broken:
        limit(other, trouble="Login refused.", trouble_count=1)
    else:
        until = utcnow() + timedelta(hours=2)
        with transaction():
            db.session.add(GroupState(provider_id=other, mailbox_group="", suspended_until=until))
    send_until({"sent": 8, "queued": 12})
    for _ in range(3):
        send.send()
    assert scenario.campaign.overflow_sender_id == scenario.other
    limit(other, trouble="", trouble_count=0)
    with transaction():
        db.session.execute(sa.delete(GroupState).where(GroupState.provider_id == other))
    send_until({"sent": RECIPIENTS})
    assert scenario.everyone_received_one()


def test_no_switch_to_an_account_whose_daily_limit_is_used_up(servers: ExitStack) -> None:
    scenario = Scenario(servers, accept_all, accept_all, per_day=8)
    other = scenario.accounts[1]
    limit(other, per_day=3)
    scenario.switch_sender()
    send_until({"sent": 3, "queued": 17})
    with transaction():
        first = db.session.scalars(
            sa.select(SenderAddress.id).where(SenderAddress.address == FIRST)
        ).one()
        assert sender_switch.go_on_from(scenario.campaign_id, first, now=utcnow())
    scenario.choose_fallback()
    send_until({"sent": 11, "queued": 9})
    for _ in range(3):
        send.send()
    assert scenario.campaign.overflow_sender_id == scenario.other


def test_a_reply_about_the_quota_counts_as_a_used_up_daily_limit(servers: ExitStack) -> None:
    """Recipients refused by that reply get the email from the other sender immediately."""
    taken = 0

    def first(line: str, session: Session) -> str | None:
        nonlocal taken
        if line.startswith("RCPT"):
            taken += 1
            return USED_UP if taken > 6 else None
        return None

    scenario = Scenario(servers, first, accept_all, connections=1)
    scenario.choose_fallback()
    send_until({"sent": RECIPIENTS})
    assert scenario.everyone_received_one()
    assert len(scenario.first.received) == 6
    assert fallback_sender.earlier(scenario.campaign)[0].by_itself


@pytest.mark.parametrize(
    "reply",
    [
        "554 5.7.1 The account has been blocked for abuse",
        "550 5.7.26 This mail is not authenticated",
        "535 5.7.8 Authentication failed",
        "550 5.7.1 Blocked by Spamhaus",
        "554 5.7.1 Message content rejected as spam",
    ],
)
def test_no_switch_because_the_account_or_its_email_is_refused(
    servers: ExitStack, reply: str
) -> None:
    scenario = Scenario(
        servers, lambda line, _: reply if line.startswith("MAIL") else None, accept_all
    )
    scenario.choose_fallback()
    end = time.monotonic() + 3
    while scenario.campaign.status == "sending" and time.monotonic() < end:
        send.send()
    for _ in range(2):
        send.send()
    found = scenario.campaign
    assert found.sender_id != scenario.other
    assert found.earlier_senders == []
    assert scenario.second.received == []


def test_a_block_is_no_quota_even_if_a_reply_mentions_one(servers: ExitStack) -> None:
    scenario = Scenario(servers, accept_all, accept_all)
    relay, now = scenario.accounts[0], utcnow()

    def apply_reply(reply: str) -> bool:
        with transaction():
            rules.apply(relay, "other", [(452, reply, 1)], now=now)
        return load_plan(relay, now=now).is_quota

    with transaction():
        db.session.add(
            ReplyRule(
                note="Blocked", pattern="blocked", action="suspend", minutes=60, whole_account=True
            )
        )
    assert apply_reply("daily message quota exceeded")
    assert not apply_reply("blocked")
    assert not apply_reply("daily message quota exceeded")
    with transaction():
        db.session.execute(sa.update(GroupState).values(suspended_until=now))
    assert apply_reply("daily message quota exceeded"), "the block is over"
    limit(relay, trouble="It hangs up.", trouble_count=1)
    assert not load_plan(relay, now=now).is_quota


def test_messages_that_the_former_account_holds_leave_through_it(servers: ExitStack) -> None:
    """After a manual switch in mid-campaign, they are neither lost nor sent twice."""
    answer = threading.Event()

    scenario = Scenario(servers, waiting_for(answer), accept_all, per_day=9, connections=2)
    send.send()
    assert delivery_counts() == {"sending": 9, "queued": 11}
    scenario.switch_sender()
    send_until({"sending": 9, "sent": 11})
    answer.set()
    send_until({"sent": RECIPIENTS})
    assert scenario.everyone_received_one()
    assert (senders_seen(scenario.first), senders_seen(scenario.second)) == ({FIRST}, {SECOND})
    assert scenario.campaign.status == "sent"


def test_an_automatic_switch_waits_for_granted_messages(servers: ExitStack) -> None:
    answer = threading.Event()

    scenario = Scenario(servers, waiting_for(answer), accept_all, per_day=8)
    scenario.choose_fallback()
    send_until({"sending": 8, "queued": 12})
    send.send()
    assert scenario.campaign.overflow_sender_id == scenario.other
    answer.set()
    send_until({"sent": RECIPIENTS})
    assert (len(scenario.first.received), len(scenario.second.received)) == (8, 12)


def test_a_switch_between_look_up_and_rendering_mixes_nothing(
    servers: ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process switched the sender after the account was read and before rendering."""
    scenario = Scenario(servers, accept_all, accept_all)
    has_switched = False

    def switch_meanwhile(account: ProviderAccount) -> None:
        nonlocal has_switched
        if not has_switched:
            has_switched = True
            scenario.switch_sender()

    monkeypatch.setattr(serve, "keep_renewed_secrets", switch_meanwhile)
    send_until({"sent": RECIPIENTS})
    assert scenario.first.received == []
    assert senders_seen(scenario.second) == {SECOND}


def test_an_automatic_switch_waits_for_other_workers(servers: ExitStack) -> None:
    """They hold deliveries granted to the former account, which the new one may refuse."""
    scenario = Scenario(servers, accept_all, accept_all, per_day=8)
    scenario.choose_fallback()
    with transaction():
        claims.claim(
            scenario.campaign_id,
            {"other": 5},
            token="another",
            lease=timedelta(hours=1),
            now=utcnow(),
        )
    send_until({"sending": 5, "sent": 8, "queued": 7})
    for _ in range(2):
        send.send()
    assert scenario.campaign.overflow_sender_id == scenario.other
    with transaction():
        held = db.session.scalars(
            sa.select(Delivery.id).where(Delivery.claim_token == "another")
        ).all()
        outcomes.release("another", held, now=utcnow())
        claims.close(["another"])
    send_until({"sent": RECIPIENTS})
    assert (len(scenario.first.received), len(scenario.second.received)) == (8, 12)


def test_no_switch_to_a_sender_that_now_uses_the_same_account(servers: ExitStack) -> None:
    scenario = Scenario(servers, accept_all, accept_all, per_day=8)
    scenario.choose_fallback()
    with transaction():
        db.session.get_one(SenderAddress, scenario.other).provider_id = scenario.accounts[0]
    send_until({"sent": 8, "queued": 12})
    for _ in range(3):
        send.send()
    assert scenario.campaign.earlier_senders == []
