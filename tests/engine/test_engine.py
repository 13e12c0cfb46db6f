"""The outbox and the engine alone, tick by tick: what may be sent, and what must not."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from campaigns.audience import suppressions
from campaigns.audience.models import AudienceList, Subscription
from campaigns.campaign.models import Campaign, Claim, Delivery, Reply
from campaigns.clock import utcnow
from campaigns.config import Settings
from campaigns.content.templating.problems import Problem, RenderError
from campaigns.db import db, transaction
from campaigns.delivery import claims
from campaigns.engine import provider_pool
from campaigns.engine.engine import Engine
from campaigns.engine.outbox import SMALLEST_STOCK, Outbox
from campaigns.jobs import runtime, sweep
from campaigns.messages import Message, Recipient, SendResult
from campaigns.privacy import erasure
from campaigns.providers.base import ProviderTroubleError, Source
from campaigns.providers.models import ProviderAccount
from campaigns.reason import Reason
from campaigns.throttling import expressions, rules
from campaigns.throttling.models import ReplyRule
from campaigns.throttling.plan import Grant, Pace, Paces, Plan
from tests.factories import a_campaign, a_delivery, a_list, a_sender, a_subscriber
from tests.manual_clock import ManualClock
from tests.readback import delivery_statuses

AWAY = Reason("connection.no_answer", {"where": "smtp.example.org:587"})


class IdleProvider:
    """A provider that sends nothing; the test takes messages from its source."""

    source: Source | None = None

    def serve(self, source: Source, connections: int) -> None:
        self.source = source

    wakes = 0

    def wake(self) -> None:
        self.wakes += 1

    open_connections = 0

    def is_idle(self) -> bool:
        return True

    def close(self, *, wait_seconds: float = 0) -> None:
        pass


class FixedRenderer:
    """A renderer with the same text for every recipient."""

    uses_tags = False

    def render(self, recipient: Recipient, *, now: Any) -> Message:
        return Message(recipient.delivery_id, "b@example.org", recipient.address, b"Hello\r\n")


@pytest.fixture
def settings(settings: Settings, redis_url: str) -> Settings:
    return settings.model_copy(update={"redis_url": redis_url})


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def engine(app: Flask, clock: ManualClock, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    """An engine without threads; the test calls `tick`."""
    runtime.use(app)
    monkeypatch.setattr(provider_pool, "open_provider", lambda account, vault: IdleProvider())
    engine = Engine(app, clock.read)
    yield engine
    engine.close()


@pytest.fixture
def campaign(app: Flask) -> Campaign:
    with transaction():
        news = a_list()
        sender = a_sender()
        campaign = a_campaign(news, sender=sender, status="sending")
        campaign.provider_id = sender.provider_id
        for number in range(1, 7):
            group = "google" if number > 3 else "other"
            person = a_subscriber(f"p{number}@example.org", news)
            a_delivery(campaign, person, mailbox_group=group)
    return campaign


def filled_outbox(engine: Engine, campaign: Campaign, count: int = 9) -> Outbox:
    account = db.session.scalars(sa.select(ProviderAccount)).one()
    outbox = engine.outbox(account, Plan())
    renderer: Any = FixedRenderer()
    engine.claim(campaign.id, outbox, renderer, {"other": count, "google": count})
    return outbox


def take(outbox: Outbox) -> Message:
    message = outbox.take()
    assert message is not None
    return message


def test_mailbox_groups_take_turns(engine: Engine, campaign: Campaign) -> None:
    outbox = filled_outbox(engine, campaign)
    taken = [take(outbox).delivery_id for _ in range(6)]
    assert sorted(taken[:2]) == [1, 4]
    assert sorted(taken) == [1, 2, 3, 4, 5, 6]
    assert outbox.take() is None


def test_a_mailbox_group_has_a_limit_of_messages_in_progress(
    engine: Engine, campaign: Campaign
) -> None:
    outbox = filled_outbox(engine, campaign)
    outbox.limit_concurrency(["google", "other"], {"google": 1})
    taken = [take(outbox).delivery_id for _ in range(4)]
    assert sum(number > 3 for number in taken) == 1
    assert outbox.take() is None
    outbox.report(SendResult(4, "sent", "250 ok", 250))
    assert take(outbox).delivery_id == 5
    outbox.limit_concurrency(["google"], {})
    assert take(outbox).delivery_id == 6


def test_a_message_taken_but_not_started_may_be_taken_again(
    engine: Engine, campaign: Campaign
) -> None:
    outbox = filled_outbox(engine, campaign)
    first = take(outbox)
    outbox.release(first)
    assert first.delivery_id in {take(outbox).delivery_id for _ in range(6)}


def test_nothing_of_a_batch_starts_after_its_deadline(engine: Engine, campaign: Campaign) -> None:
    outbox = filled_outbox(engine, campaign)
    (batch,) = outbox.batches
    message = take(outbox)
    batch.deadline = 0.0
    assert not outbox.begin(message)
    assert outbox.take() is None


def test_nothing_of_an_expired_claim_starts(
    engine: Engine, campaign: Campaign, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    outbox = filled_outbox(engine, campaign)
    message = take(outbox)
    with transaction():
        db.session.execute(sa.update(Claim).values(lease_until=utcnow() - timedelta(seconds=1)))
    monkeypatch.setattr(sweep, "running_seconds", clock.running)
    sweep.recover_claims()
    clock.advance(90)
    sweep.recover_claims()  # another process sees that the lease was not renewed
    assert delivery_statuses() == ["queued"] * 6
    engine.tick()  # the engine tries to renew it
    assert not outbox.begin(message)
    outbox.release(message)
    engine.tick()  # the other process takes the claim over ...
    engine.tick()  # ... and records that
    assert engine.is_idle
    assert delivery_statuses() == ["queued"] * 6


def test_the_reason_of_a_render_error_is_stored_as_a_code(
    engine: Engine, campaign: Campaign
) -> None:
    problem = Problem("subject", 0, Reason("template.half_character"))
    errors: dict[int, Exception] = {1: RenderError(problem), 2: ZeroDivisionError()}

    class BrokenRenderer(FixedRenderer):
        def render(self, recipient: Recipient, *, now: Any) -> Message:
            if error := errors.get(recipient.delivery_id):
                raise error
            return super().render(recipient, now=now)

    broken: Any = BrokenRenderer()
    account = db.session.scalars(sa.select(ProviderAccount)).one()
    outbox = engine.outbox(account, Plan())
    engine.claim(campaign.id, outbox, broken, {"other": 9, "google": 9})
    for _ in range(4):
        outbox.report(SendResult(take(outbox).delivery_id, "sent", "250 ok", 250))
    assert outbox.take() is None
    engine.tick()
    db.session.rollback()
    rows = db.session.execute(
        sa.select(Delivery.id, Reply.text)
        .join(Reply, Reply.id == Delivery.reply_id)
        .where(Delivery.status == "failed", Delivery.reason == "unrenderable")
        .order_by(Delivery.id)
    )
    assert [(number, Reason.unpack(text)) for number, text in rows] == [
        (1, Reason("template.half_character")),
        (2, Reason("outcome.render_failed")),
    ]


def test_a_failing_account_releases_everything(engine: Engine, campaign: Campaign) -> None:
    outbox = filled_outbox(engine, campaign)
    message = take(outbox)
    outbox.report(SendResult(message.delivery_id, "sent", "250 ok", 250))
    outbox.account_failed(ProviderTroubleError(AWAY, permanent=False))
    engine.tick()
    assert engine.is_idle
    assert sorted(delivery_statuses()) == ["queued"] * 5 + ["sent"]
    account = db.session.scalars(sa.select(ProviderAccount)).one()
    assert account.trouble == AWAY.pack()


def test_a_provider_is_woken_while_messages_wait_for_it(engine: Engine, campaign: Campaign) -> None:
    outbox = filled_outbox(engine, campaign)
    provider: Any = engine._pool._providers[outbox.provider_id][1]
    before = provider.wakes
    engine.tick()  # it may have found the source empty just before
    assert provider.wakes > before


def test_a_failing_account_rests_with_an_empty_outbox(engine: Engine, campaign: Campaign) -> None:
    outbox = filled_outbox(engine, campaign)
    message = take(outbox)
    outbox.account_failed(ProviderTroubleError(AWAY, permanent=False))
    engine.tick()
    assert delivery_statuses().count("queued") == 5
    outbox.release(message)  # the connection it was meant for failed
    engine.tick()
    assert engine.is_idle
    assert delivery_statuses() == ["queued"] * 6


def test_closing_records_known_results(engine: Engine, campaign: Campaign) -> None:
    outbox = filled_outbox(engine, campaign)
    for _ in range(3):
        message = take(outbox)
        assert outbox.begin(message)
        outbox.report(SendResult(message.delivery_id, "sent", "250 ok", 250))
    left = take(outbox)
    assert outbox.begin(left)
    engine.close()
    db.session.rollback()
    sweep.recover_claims()
    assert sorted(delivery_statuses()) == ["queued", "queued", "sent", "sent", "sent", "unknown"]


def test_an_owners_expression_is_never_matched_inside_a_transaction(
    engine: Engine, campaign: Campaign, monkeypatch: pytest.MonkeyPatch
) -> None:
    with transaction():
        db.session.add(ReplyRule(note="Ours.", pattern="(a+)+!", action="suspend", minutes=5))
    searched: list[bool] = []
    find = expressions.find

    def watched(pattern: str, text: str) -> bool:
        searched.append(bool(db.session.info.get("campaigns_writing")))
        return find(pattern, text)

    monkeypatch.setattr(expressions, "find", watched)
    rules._first.cache_clear()  # replies searched in another test would not be searched again
    outbox = filled_outbox(engine, campaign)
    for number in range(3):
        message = outbox.take()
        assert message is not None
        assert outbox.begin(message)
        words = f"450 {'a' * 400} {number}"
        outbox.report(SendResult(message.delivery_id, "deferred", code=450, reply=words))
    engine.tick()
    assert not outbox.batches[0].results
    assert searched
    assert not any(searched)


# --- consent, at every speed -------------------------------------------------------------------


def recipient_of(delivery_id: int) -> int:
    found = db.session.get_one(Delivery, delivery_id).subscriber_id
    assert found is not None
    return found


def unsubscribe(delivery_id: int) -> None:
    leaver = recipient_of(delivery_id)
    with transaction():
        db.session.execute(
            sa.update(Subscription)
            .where(Subscription.subscriber_id == leaver)
            .values(state="unsubscribed")
        )


def suppress(delivery_id: int) -> None:
    address = db.session.get_one(Delivery, delivery_id).address
    with transaction():
        suppressions.suppress(address, reason="manual", source="test", now=utcnow())


def erase(delivery_id: int) -> None:
    leaver = recipient_of(delivery_id)
    with transaction():
        erasure.erase([leaver])


@pytest.mark.parametrize(
    ("withdraw", "reason"),
    [(unsubscribe, "unsubscribed"), (suppress, "suppressed"), (erase, "deleted")],
)
def test_a_withdrawal_while_waiting_or_on_the_wire_is_honoured(
    engine: Engine,
    campaign: Campaign,
    clock: ManualClock,
    withdraw: Callable[[int], None],
    reason: str,
) -> None:
    outbox = filled_outbox(engine, campaign)
    on_the_wire = take(outbox)
    waiting = next(n for n in range(1, 7) if n != on_the_wire.delivery_id)
    for number in (on_the_wire.delivery_id, waiting):
        withdraw(number)
    clock.advance(1.1)
    engine.tick()
    assert not outbox.begin(on_the_wire)
    outbox.release(on_the_wire)
    while (message := outbox.take()) is not None:
        assert message.delivery_id not in (on_the_wire.delivery_id, waiting)
        assert outbox.begin(message)
        outbox.report(SendResult(message.delivery_id, "sent", "250 ok", 250))
    engine.tick()
    assert engine.is_idle
    assert sorted(delivery_statuses()) == ["sent"] * 4 + ["skipped"] * 2
    reasons = db.session.scalars(sa.select(Delivery.reason).where(Delivery.status == "skipped"))
    assert set(reasons) == {reason}


def test_no_body_leaves_without_a_recent_consent_check(
    engine: Engine, campaign: Campaign, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the database stalls, nothing is sent and nothing fails; then sending continues."""
    outbox = filled_outbox(engine, campaign)
    message = take(outbox)
    clock.advance(2.6)
    assert not outbox.begin(message)
    outbox.release(message)
    assert outbox.take() is None
    assert delivery_statuses() == ["sending"] * 6
    engine.tick()
    assert outbox.begin(take(outbox))
    attempts = db.session.scalars(sa.select(Delivery.attempts))
    assert set(attempts) == {0}


def test_a_new_claim_is_not_checked_again_immediately(
    engine: Engine, campaign: Campaign, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled_outbox(engine, campaign)
    asked: list[object] = []
    monkeypatch.setattr(claims, "withdrawn", lambda ids: asked.append(ids))
    clock.advance(0.9)
    engine.tick()
    assert not asked


def test_the_time_of_a_check_is_taken_before_its_query(
    engine: Engine, campaign: Campaign, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    outbox = filled_outbox(engine, campaign)
    clock.advance(1.5)

    def slow(ids: Any) -> dict[int, str]:
        clock.advance(2.6)  # the time the statement takes
        return {}

    monkeypatch.setattr(claims, "withdrawn", slow)
    engine.tick()
    assert outbox.take() is None


def test_an_outbox_holds_two_seconds_of_work_at_the_current_speed(
    engine: Engine, campaign: Campaign, clock: ManualClock
) -> None:
    with transaction():
        news = db.session.scalars(sa.select(AudienceList)).one()
        for number in range(7, 51):
            a_delivery(campaign, a_subscriber(f"p{number}@example.org", news))
    account = db.session.scalars(sa.select(ProviderAccount)).one()
    outbox = engine.outbox(account, Plan())
    renderer: Any = FixedRenderer()
    engine.claim(campaign.id, outbox, renderer, {"other": 99, "google": 9})
    held = sum(batch.stock for batch in outbox.batches)
    assert held == 50
    for _ in range(5):  # 6 messages a second
        engine.tick()
        for _ in range(3):
            message = take(outbox)
            outbox.begin(message)
            outbox.report(SendResult(message.delivery_id, "sent", "250 ok", 250))
        clock.advance(0.5)
    engine.tick()
    held = sum(batch.stock for batch in outbox.batches)
    assert 0 < held <= 12
    left = 50 - 15 - held
    assert delivery_statuses().count("queued") == left
    assert set(db.session.scalars(sa.select(Delivery.not_before))) == {None}


def test_granted_messages_leave_at_the_granted_pace(
    engine: Engine, campaign: Campaign, clock: ManualClock
) -> None:
    outbox = filled_outbox(engine, campaign)
    now = clock.running()
    outbox.pace(campaign.id, Grant({"other": 3, "google": 3}, paces=Paces(Pace(0.0, 60.0))), now)
    take(outbox)
    assert outbox.take() is None
    assert outbox.next_at() == now + 60
    clock.advance(60)
    assert outbox.take() is None, "its consent check is too old"
    engine.tick()
    take(outbox)


def test_the_pace_of_a_mailbox_group_delays_no_other(
    engine: Engine, campaign: Campaign, clock: ManualClock
) -> None:
    outbox = filled_outbox(engine, campaign)
    paces = Paces(groups={"google": Pace(60.0, 60.0)})
    outbox.pace(campaign.id, Grant({"other": 3, "google": 3}, paces=paces), clock.running())
    groups = outbox.batches[0].groups
    left = []
    while (message := outbox.take()) is not None:
        left.append(groups[message.delivery_id])
    assert left
    assert set(left) == {"other"}


def test_few_messages_wait_for_a_stalled_server(
    engine: Engine, campaign: Campaign, clock: ManualClock
) -> None:
    with transaction():
        news = db.session.scalars(sa.select(AudienceList)).one()
        for number in range(7, 31):
            a_delivery(campaign, a_subscriber(f"p{number}@example.org", news))
    outbox = filled_outbox(engine, campaign, count=30)
    assert sum(batch.stock for batch in outbox.batches) > SMALLEST_STOCK
    for _ in range(5):
        engine.tick()
        clock.advance(0.5)
    assert sum(batch.stock for batch in outbox.batches) <= SMALLEST_STOCK
