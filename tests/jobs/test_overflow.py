"""A used-up day sends a campaign on its way from another address: nobody lost, nobody twice."""

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
from tests.jobs.steps import send_until, statuses
from tests.smtp_server import Script, ScriptedServer, Session, scripted_server

PEOPLE = 20
FIRST, SECOND = "news@first.example", "news@second.example"
USED_UP = "452 4.5.3 Daily message quota exceeded, try again later"


class Clock:
    """By which the limiter measures. It stands as long as nobody moves it."""

    def __init__(self) -> None:
        self.seconds = utcnow().timestamp()

    def __call__(self) -> float:
        return self.seconds


pytestmark = pytest.mark.usefixtures("worker")


@pytest.fixture
def settings(settings: Settings, redis_url: str) -> Settings:
    return settings.model_copy(update={"redis_url": redis_url})


@pytest.fixture(autouse=True)
def clock(app: Flask, redis_url: str) -> Clock:
    clock = Clock()
    app.extensions["campaigns.limiter"] = RedisLimiter(Redis.from_url(redis_url), clock)
    return clock


def quiet(line: str, session: Session) -> str | None:
    return None


class Stage:
    """Two servers with an account and an address each, and a campaign from the first address."""

    def __init__(self, stack: ExitStack, first: Script, second: Script, **limits: Any) -> None:
        self.first: ScriptedServer = stack.enter_context(scripted_server(first))
        self.second: ScriptedServer = stack.enter_context(scripted_server(second))
        with transaction():
            news = a_list()
            subscribers((f"p{number}@example.org" for number in range(PEOPLE)), news)
            relay = a_provider("Relay", port=self.first.port, **limits)
            other = a_provider("Other", port=self.second.port)
            sender = a_sender(FIRST, relay)
            self.other = a_sender(SECOND, other, is_default=False).id
            campaign = a_campaign(news, sender=sender)
            lifecycle.launch(campaign.id, at=None, undo_seconds=0, now=utcnow())
            self.campaign_id = campaign.id
            self.accounts = (relay.id, other.id)
        send.expand(self.campaign_id)

    def choose(self) -> None:
        with transaction():
            assert fallback_sender.choose(self.campaign_id, self.other, now=utcnow())

    def go_on(self) -> None:
        with transaction():
            assert sender_switch.go_on_from(self.campaign_id, self.other, now=utcnow())

    @property
    def campaign(self) -> Campaign:
        db.session.rollback()
        return db.session.get_one(Campaign, self.campaign_id, populate_existing=True)

    def everybody_once(self) -> bool:
        got = sorted([*self.first.recipients, *self.second.recipients])
        return got == sorted(f"p{number}@example.org" for number in range(PEOPLE))


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def froms(server: ScriptedServer) -> set[str]:
    """The addresses that readers see on what this server took."""
    return {
        address
        for message in server.received
        for address in (FIRST, SECOND)
        if f"<{address}>".encode() in message.data.partition(b"\r\n\r\n")[0]
    }


def test_a_used_up_day_goes_on_from_the_address_chosen(stack: ExitStack) -> None:
    stage = Stage(stack, quiet, quiet, per_day=8)
    stage.choose()
    send_until({"sent": PEOPLE})
    assert stage.everybody_once()
    assert (len(stage.first.received), len(stage.second.received)) == (8, 12)
    assert (froms(stage.first), froms(stage.second)) == ({FIRST}, {SECOND})
    found = stage.campaign
    assert (found.sender_id, found.overflow_sender_id) == (stage.other, None)
    (past,) = fallback_sender.earlier(found)
    assert (past.address, past.account, past.by_itself) == (FIRST, "Relay", True)
    assert found.status_reason == ""


def test_without_a_choice_it_waits_until_there_is_room(stack: ExitStack, clock: Clock) -> None:
    stage = Stage(stack, quiet, quiet, per_day=8)
    send_until({"sent": 8, "queued": 12})
    for _ in range(3):
        send.send()
    assert statuses() == {"sent": 8, "queued": 12}
    assert "has used up its 8 emails in 24 hours" in in_english(stage.campaign.status_reason)
    assert stage.second.received == []
    clock.seconds += 25 * 3600
    send_until({"sent": 16, "queued": 4})
    assert len(stage.first.received) == 16


def test_chosen_while_it_waits_it_goes_on_at_once(stack: ExitStack) -> None:
    stage = Stage(stack, quiet, quiet, per_day=8)
    send_until({"sent": 8, "queued": 12})
    stage.choose()
    send_until({"sent": PEOPLE})
    assert stage.everybody_once()


def test_a_short_wait_is_waited_for(stack: ExitStack, clock: Clock) -> None:
    slot = 24 * 60
    clock.seconds = clock.seconds // slot * slot + slot - 1  # at the end of a slot of the window
    stage = Stage(stack, quiet, quiet, per_day=8)
    send_until({"sent": 8, "queued": 12})
    clock.seconds += 24 * 3600 - 14 * 60
    stage.choose()
    for _ in range(3):
        send.send()
    assert stage.campaign.overflow_sender_id == stage.other, "a quarter of an hour is no reason"
    clock.seconds += 14 * 60 + 2
    send_until({"sent": PEOPLE})
    assert (len(stage.first.received), len(stage.second.received)) == (16, 4)


@pytest.mark.parametrize("windows", [{"per_minute": 8}, {"per_hour": 8}])
def test_a_full_minute_or_hour_is_no_reason(stack: ExitStack, windows: dict[str, int]) -> None:
    stage = Stage(stack, quiet, quiet, **windows)
    stage.choose()
    send_until({"sent": 8, "queued": 12})
    for _ in range(3):
        send.send()
    assert stage.campaign.overflow_sender_id == stage.other
    assert stage.second.received == []


def test_it_goes_on_only_once(stack: ExitStack) -> None:
    """Both days are used up then: it waits, and nobody sends it back and forth."""
    stage = Stage(stack, quiet, quiet, per_day=8)
    stage.choose()
    limit(stage.accounts[1], per_day=5)
    send_until({"sent": 13, "queued": 7})
    for _ in range(5):
        send.send()
    assert statuses() == {"sent": 13, "queued": 7}
    assert (len(stage.first.received), len(stage.second.received)) == (8, 5)
    assert len(fallback_sender.earlier(stage.campaign)) == 1
    assert "Other has used up its 5 emails in 24 hours" in in_english(stage.campaign.status_reason)


def limit(account_id: int, **values: Any) -> None:
    with transaction():
        db.session.execute(
            sa.update(ProviderAccount).where(ProviderAccount.id == account_id).values(**values)
        )


@pytest.mark.parametrize("is_broken", [True, False], ids=["broken", "suspended"])
def test_not_to_an_account_that_cannot_send_either(stack: ExitStack, is_broken: bool) -> None:
    stage = Stage(stack, quiet, quiet, per_day=8)
    stage.choose()
    other = stage.accounts[1]
    if is_broken:
        limit(other, trouble="Login refused.", trouble_count=1)
    else:
        until = utcnow() + timedelta(hours=2)
        with transaction():
            db.session.add(GroupState(provider_id=other, mailbox_group="", suspended_until=until))
    send_until({"sent": 8, "queued": 12})
    for _ in range(3):
        send.send()
    assert stage.campaign.overflow_sender_id == stage.other
    limit(other, trouble="", trouble_count=0)
    with transaction():
        db.session.execute(sa.delete(GroupState).where(GroupState.provider_id == other))
    send_until({"sent": PEOPLE})
    assert stage.everybody_once()


def test_not_to_an_account_whose_day_is_used_up(stack: ExitStack) -> None:
    stage = Stage(stack, quiet, quiet, per_day=8)
    other = stage.accounts[1]
    limit(other, per_day=3)
    stage.go_on()
    send_until({"sent": 3, "queued": 17})
    with transaction():
        first = db.session.scalars(
            sa.select(SenderAddress.id).where(SenderAddress.address == FIRST)
        ).one()
        assert sender_switch.go_on_from(stage.campaign_id, first, now=utcnow())
    stage.choose()
    send_until({"sent": 11, "queued": 9})
    for _ in range(3):
        send.send()
    assert stage.campaign.overflow_sender_id == stage.other


def test_a_reply_that_says_so_is_a_used_up_day(stack: ExitStack) -> None:
    """Who was refused with it gets it from the other address, at once."""
    taken = 0

    def first(line: str, session: Session) -> str | None:
        nonlocal taken
        if line.startswith("RCPT"):
            taken += 1
            return USED_UP if taken > 6 else None
        return None

    stage = Stage(stack, first, quiet, connections=1)
    stage.choose()
    send_until({"sent": PEOPLE})
    assert stage.everybody_once()
    assert len(stage.first.received) == 6
    assert fallback_sender.earlier(stage.campaign)[0].by_itself


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
def test_never_because_the_account_or_its_mail_is_refused(stack: ExitStack, reply: str) -> None:
    stage = Stage(stack, lambda line, _: reply if line.startswith("MAIL") else None, quiet)
    stage.choose()
    end = time.monotonic() + 3
    while stage.campaign.status == "sending" and time.monotonic() < end:
        send.send()
    for _ in range(2):
        send.send()
    found = stage.campaign
    assert found.sender_id != stage.other
    assert found.earlier_senders == []
    assert stage.second.received == []


def test_a_block_is_no_quota_even_when_a_quota_is_told_meanwhile(stack: ExitStack) -> None:
    stage = Stage(stack, quiet, quiet)
    relay, now = stage.accounts[0], utcnow()

    def told(reply: str) -> bool:
        with transaction():
            rules.apply(relay, "other", [(452, reply, 1)], now=now)
        return load_plan(relay, now=now).is_quota

    with transaction():
        db.session.add(
            ReplyRule(
                note="Blocked", pattern="blocked", action="suspend", minutes=60, whole_account=True
            )
        )
    assert told("daily message quota exceeded")
    assert not told("blocked")
    assert not told("daily message quota exceeded")
    with transaction():
        db.session.execute(sa.update(GroupState).values(suspended_until=now))
    assert told("daily message quota exceeded"), "the block is over"
    limit(relay, trouble="It hangs up.", trouble_count=1)
    assert not load_plan(relay, now=now).is_quota


def test_what_the_former_account_holds_leaves_by_it(stack: ExitStack) -> None:
    """By hand, in the middle of it: its mails on the wire are neither lost nor sent again."""
    go_on = threading.Event()

    def first(line: str, session: Session) -> str | None:
        if line == "<body>":
            go_on.wait(20)
        return None

    stage = Stage(stack, first, quiet, per_day=9, connections=2)
    send.send()
    assert statuses() == {"sending": 9, "queued": 11}
    stage.go_on()
    send_until({"sending": 9, "sent": 11})
    go_on.set()
    send_until({"sent": PEOPLE})
    assert stage.everybody_once()
    assert (froms(stage.first), froms(stage.second)) == ({FIRST}, {SECOND})
    assert stage.campaign.status == "sent"


def test_by_itself_it_waits_for_what_was_granted(stack: ExitStack) -> None:
    go_on = threading.Event()

    def first(line: str, session: Session) -> str | None:
        if line == "<body>":
            go_on.wait(20)
        return None

    stage = Stage(stack, first, quiet, per_day=8)
    stage.choose()
    for _ in range(2):
        send.send()
    assert statuses() == {"sending": 8, "queued": 12}
    assert stage.campaign.overflow_sender_id == stage.other
    go_on.set()
    send_until({"sent": PEOPLE})
    assert (len(stage.first.received), len(stage.second.received)) == (8, 12)


def test_going_on_between_two_looks_mixes_nothing(
    stack: ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The account was looked up, then another process let it go on, then the mail was made."""
    stage = Stage(stack, quiet, quiet)
    had_gone_on = False

    def meanwhile(account: ProviderAccount) -> None:
        nonlocal had_gone_on
        if not had_gone_on:
            had_gone_on = True
            stage.go_on()

    monkeypatch.setattr(serve, "keep_renewed_secrets", meanwhile)
    send_until({"sent": PEOPLE})
    assert stage.first.received == []
    assert froms(stage.second) == {SECOND}


def test_by_itself_it_waits_for_other_workers_too(stack: ExitStack) -> None:
    """They hold what was granted to the former account, and it would be refused there now."""
    stage = Stage(stack, quiet, quiet, per_day=8)
    stage.choose()
    with transaction():
        claims.claim(
            stage.campaign_id, {"other": 5}, token="another", lease=timedelta(hours=1), now=utcnow()
        )
    send_until({"sending": 5, "sent": 8, "queued": 7})
    for _ in range(2):
        send.send()
    assert stage.campaign.overflow_sender_id == stage.other
    with transaction():
        held = db.session.scalars(
            sa.select(Delivery.id).where(Delivery.claim_token == "another")
        ).all()
        outcomes.release("another", held, now=utcnow())
        claims.close(["another"])
    send_until({"sent": PEOPLE})
    assert (len(stage.first.received), len(stage.second.received)) == (8, 12)


def test_an_address_that_got_the_same_account_since_is_left(stack: ExitStack) -> None:
    stage = Stage(stack, quiet, quiet, per_day=8)
    stage.choose()
    with transaction():
        db.session.get_one(SenderAddress, stage.other).provider_id = stage.accounts[0]
    send_until({"sent": 8, "queued": 12})
    for _ in range(3):
        send.send()
    assert stage.campaign.earlier_senders == []
