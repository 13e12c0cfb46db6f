"""Plays a plan with a campaign of its own, and settles the account afterwards."""

import os
import random
import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from campaigns.audience import subscriptions, suppressions
from campaigns.audience.consent import ConsentEvidence
from campaigns.campaign import lifecycle
from campaigns.campaign.models import Campaign, Claim, Delivery, Reply
from campaigns.clock import utcnow
from campaigns.context import services
from campaigns.db import db, transaction
from campaigns.engine.provider_pool import MAX_CONNECTIONS
from campaigns.jobs.clock import LEASE_SECONDS as CLOCK_LEASE_SECONDS
from campaigns.jobs.clock import SWEEP_SECONDS
from campaigns.privacy import erasure
from campaigns.providers.models import ProviderAccount
from campaigns.throttling.models import GroupState
from tests.chaos.environment import CLOCKS, LEASE_SECONDS, WORKERS, Stage
from tests.chaos.plans import MANNERS, PLAIN, REFUSING, Plan
from tests.chaos.server import Manners
from tests.factories import (
    a_campaign,
    a_list,
    a_provider,
    a_sender,
    is_at_port,
    subscribers,
)
from tests.product import free_port
from tests.saying import said

STANDSTILL_SECONDS = 120.0
"""So long nothing may move. A ring may be lost for a minute, a connection lent for half of one."""
LONGEST_SECONDS = 1200.0
DRAIN_SECONDS = 10.0
AWAY_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 5.0
"""Time within which the next message is taken after a worker, a clock or Valkey was killed."""
LATEST_MAIL_SECONDS = 3.0
"""Time after which nobody is mailed whose withdrawal was answered."""
PROMPT = {"kill_worker", "kill_all_workers", "kill_workers_and_clocks", "kill_clock", "kill_valkey",
          "flush_valkey"}  # fmt: skip
"""Steps after which sending goes on within `LONGEST_PAUSE_SECONDS`."""
UNCOUNTED = {"freeze_worker", "kill_valkey", "flush_valkey"}
"""Steps by which Valkey forgets, or gives to others, connections that are still open."""
LEAVING_AT_ONCE = 150


@dataclass
class Outcome:
    """How it ended: each person's status in the ledger, and what the server has noted."""

    ledger: dict[str, str]
    reasons: Counter[tuple[str, str]]
    taken: Counter[str]
    unanswered: Counter[str]
    unknown_allowed: int
    said: set[str] = field(default_factory=set)
    taken_at: dict[str, float] = field(default_factory=dict)
    """When the server took each message, in seconds of the monotonic clock."""
    left_at: dict[str, float] = field(default_factory=dict)
    """When a withdrawal was answered."""
    pauses: list[tuple[str, float]] = field(default_factory=list)
    """Steps after which sending should go on soon, and the seconds until it did."""
    most_connections: int = 0
    delayed: float = 0.0
    """The longest time for which the server itself waited for a processor, in seconds."""

    def with_status(self, status: str) -> set[str]:
        return {address for address, found in self.ledger.items() if found == status}


class Game:
    """One play. The methods that a plan names do the damage."""

    def __init__(self, stage: Stage, plan: Plan, folder: Path) -> None:
        self._stage, self._plan = stage, plan
        self._chance = random.Random(plan.seed)  # noqa: S311
        self._port, self._record = free_port(), folder / "record"
        self._record.touch()
        self._unknown_allowed = 0
        self._said: set[str] = set()
        self._left_at: dict[str, float] = {}
        self._done_at: list[tuple[str, float]] = []
        self._campaign_id = 0

    def play(self) -> Outcome:
        plan = self._plan
        if plan.sink:
            self._stage.serve_mail_by_sink(self._port, *plan.sink)
            self._unknown_allowed += MAX_CONNECTIONS * len(WORKERS)
        elif not plan.is_away:
            self._stage.serve_mail(self._port, self._record, plan.manners)
        with self._stage.app.app_context():
            try:
                campaign_id = self._launch()
                for step in plan.steps:
                    self._wait_for_moment(campaign_id, step.at, step.seconds)
                    getattr(self, step.what)()
                    self._done_at.append((step.what, time.monotonic()))
                if plan.pauses:
                    self._wait_for(lambda: self._status(campaign_id) == "paused", "it is paused")
                    self._resume(campaign_id)
                self._wait_for_end(campaign_id)
                self._listen(campaign_id)
                return self._outcome(campaign_id)
            finally:
                if self._stage.is_there("smtp"):
                    self._stage.kill("smtp")
                self._stage.set_clock(timedelta())
                db.session.remove()

    # --- what breaks --------------------------------------------------------------------------

    def kill_worker(self) -> None:
        self._kill_workers([self._chance.choice(WORKERS)])

    def kill_all_workers(self) -> None:
        self._kill_workers(WORKERS)

    def _kill_workers(self, names: Collection[str]) -> None:
        self._unknown_allowed += MAX_CONNECTIONS * len(names)
        for name in names:
            self._stage.kill(name)
        for name in names:
            self._stage.start(name)

    def kill_workers_and_clocks(self) -> None:
        """All of them settle at once what was left."""
        for name in CLOCKS:
            self._stage.kill(name)
        self._kill_workers(WORKERS)
        for name in CLOCKS:
            self._stage.start(name)

    def end_worker(self) -> None:
        name = self._chance.choice(WORKERS)
        self._stage.wait_until_at_work(name)
        code, seconds = self._stage.end(name)
        self._stage.start(name)
        assert code == 0, f"asked to end, it ended with {code}"
        assert seconds <= DRAIN_SECONDS, f"asked to end, it took {seconds:.1f} seconds"

    def freeze_worker(self) -> None:
        """Stopped, but not dead: others settle its work, and it comes back to that."""
        name = self._chance.choice(WORKERS)
        self._unknown_allowed += MAX_CONNECTIONS
        self._stage.freeze(name)
        # Its lease has to be over, and somebody has to have seen that.
        self._tend_for(LEASE_SECONDS + 2 * SWEEP_SECONDS)
        self._stage.thaw(name)

    def freeze_clock(self) -> None:
        """If it was at work the other takes over; and then there are two for a moment."""
        name = self._chance.choice(CLOCKS)
        self._stage.freeze(name)
        self._tend_for(CLOCK_LEASE_SECONDS * 1.2)
        self._stage.thaw(name)

    def kill_clock(self) -> None:
        name = self._chance.choice(CLOCKS)
        self._stage.kill(name)
        self._stage.start(name)

    def _tend_for(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self._stage.tend()
            time.sleep(0.1)

    def set_clock(self) -> None:
        """Back or forth, by less than a lease or by much more. Nothing becomes unknown by it."""
        seconds = self._chance.choice((-3600, -30, -2, 2, 30, 3600))
        self._stage.set_clock(timedelta(seconds=seconds))

    def kill_valkey(self) -> None:
        self._stage.kill("valkey")
        time.sleep(AWAY_SECONDS)
        self._stage.start("valkey")
        self._stage.wait_for_servers()

    def flush_valkey(self) -> None:
        self._stage.flush_valkey()

    def kill_database(self) -> None:
        self._stage.kill("database")
        time.sleep(AWAY_SECONDS)
        self._stage.start("database")
        self._stage.wait_for_servers()

    def kill_database_and_worker(self) -> None:
        self._stage.kill("database")
        self.kill_worker()
        self._stage.start("database")
        self._stage.wait_for_servers()

    def kill_smtp(self) -> None:
        if not self._stage.is_there("smtp"):
            return  # it never was
        self._unknown_allowed += MAX_CONNECTIONS * len(WORKERS)
        self._stage.kill("smtp")
        time.sleep(AWAY_SECONDS)
        self._stage.start("smtp")

    def leave(self) -> None:
        """People who wait for their message unsubscribe, are suppressed, deleted or erased."""
        db.session.rollback()
        rows = db.session.execute(
            sa.select(Delivery.subscriber_id, Delivery.address)
            .where(
                Delivery.campaign_id == self._campaign_id,
                Delivery.status.in_(("queued", "sending")),
                Delivery.subscriber_id.is_not(None),
            )
            .order_by(Delivery.id)
        ).all()
        for row in self._chance.sample(rows, min(LEAVING_AT_ONCE, len(rows))):
            with transaction():
                self._chance.choice(WITHDRAWALS)(row.subscriber_id, row.address)
            self._left_at[row.address] = time.monotonic()

    def mend_smtp(self) -> None:
        """From now on a plain server listens there."""
        self._serve_mail_anew(PLAIN)

    def change_smtp(self) -> None:
        """From now on the server has other manners."""
        self._serve_mail_anew(self._chance.choice(MANNERS))

    def refuse_all(self) -> None:
        """From now on the server says 451 to everybody."""
        self._serve_mail_anew(REFUSING)

    def _serve_mail_anew(self, manners: Manners) -> None:
        if self._stage.is_there("smtp"):
            self._unknown_allowed += MAX_CONNECTIONS * len(WORKERS)
            self._stage.kill("smtp")
        self._stage.serve_mail(self._port, self._record, manners)

    # --- the way through ----------------------------------------------------------------------

    def _launch(self) -> int:
        mark = self._port  # other plays are in the same database
        with transaction():
            account = a_provider(
                f"Server {mark}",
                port=self._port,
                connections=self._plan.connections,
                per_second=self._plan.per_second,
            )
            sender = a_sender(f"news{mark}@example.org", account, is_default=False)
            audience = a_list(f"Readers {mark}")
            people = range(self._plan.people)
            subscribers((f"p{number}.{mark}@mail.example" for number in people), audience)
            campaign = a_campaign(audience, sender=sender)
            lifecycle.launch(campaign.id, at=None, undo_seconds=0, now=self._now())
        services().doorbell.ring("expand", campaign.id)
        self._campaign_id = campaign.id
        return campaign.id

    def _wait_for_moment(self, campaign_id: int, share: float, seconds: float) -> None:
        """Until so much was taken; seconds after it began to be sent, it is late enough."""
        self._wait_for(lambda: self._status(campaign_id) != "preparing", "it begins")
        deadline = time.monotonic() + seconds
        while len(self._lines("T")) < share * self._plan.people:
            if time.monotonic() > deadline or self._status(campaign_id) == "sent":
                break
            self._stage.tend()
            time.sleep(0.02)
        self._listen(campaign_id)

    def _resume(self, campaign_id: int) -> None:
        """Somebody looks after the campaign, and reads why it stands."""
        reason = db.session.scalar(
            sa.select(Campaign.status_reason).where(Campaign.id == campaign_id)
        )
        assert reason, "paused, and nobody knows why"
        self._listen(campaign_id)
        with transaction():
            lifecycle.resume(campaign_id, now=self._now())

    def _wait_for_end(self, campaign_id: int) -> None:
        def look() -> bool:
            self._hurry(campaign_id)
            status = self._status(campaign_id)
            if status == "paused":
                self._resume(campaign_id)
            return status == "sent"

        self._wait_for(look, "everybody has a fate")
        # A worker that was frozen may still hear an answer.
        self._wait_for(lambda: not self._claims(campaign_id), "all claims are closed")

    def _wait_for(self, is_true: object, what: str) -> None:
        assert callable(is_true)
        begun = moved = time.monotonic()
        seen = 0
        while True:
            try:
                if is_true():
                    return
            except DBAPIError:  # the database is just being started again
                db.session.rollback()
            now, taken = time.monotonic(), len(self._lines("T"))
            if taken != seen:
                seen, moved = taken, now
            is_in_vain = now > moved + STANDSTILL_SECONDS or now > begun + LONGEST_SECONDS
            assert not is_in_vain, f"waited in vain: {what}\n{self._picture()}"
            self._stage.tend()
            time.sleep(0.1)

    def _hurry(self, campaign_id: int) -> None:
        """What is put off is due now; what rests is tried now."""
        now = self._now()
        late = now - timedelta(seconds=1)
        waits = Delivery.status == sa.literal_column("'queued'"), Delivery.not_before > now
        is_waiting = db.session.scalar(
            sa.select(Delivery.id).where(Delivery.campaign_id == campaign_id, *waits).limit(1)
        )
        rests = sa.select(ProviderAccount.id).where(
            is_at_port(self._port), ProviderAccount.retry_at > now
        )
        if is_waiting is None and db.session.scalar(rests) is None:
            return
        with transaction() as session:
            session.execute(
                sa.update(Delivery)
                .where(Delivery.campaign_id == campaign_id, *waits)
                .values(not_before=late)
            )
            session.execute(
                sa.update(ProviderAccount)
                .where(is_at_port(self._port))
                .values(retry_at=sa.case((ProviderAccount.retry_at.is_not(None), late)))
            )
            session.execute(sa.delete(GroupState))

    def _now(self) -> datetime:
        """What the product's wall clock shows."""
        return utcnow() + self._stage.clock_is_off

    # --- what there is to see -----------------------------------------------------------------

    def _status(self, campaign_id: int) -> str:
        db.session.rollback()
        row = db.session.execute(
            sa.select(Campaign.status, Campaign.status_reason).where(Campaign.id == campaign_id)
        ).one()
        self._said.add(said(row.status_reason))
        fine = {"preparing", "sending", "sent"} | ({"paused"} if self._plan.may_pause else set())
        assert row.status in fine, f"{row.status}: {row.status_reason}"
        return str(row.status)

    def _picture(self) -> str:
        """All that may tell why nothing moves."""
        newest = sa.select(sa.func.max(Campaign.id)).scalar_subquery()
        account = ProviderAccount
        questions: tuple[sa.Executable, ...] = (
            sa.select(Campaign.id, Campaign.status, Campaign.status_reason).where(
                Campaign.id == newest
            ),
            sa.select(account.trouble, account.trouble_count, account.retry_at).where(
                is_at_port(self._port)
            ),
            sa.select(Claim.token, Claim.lease_until).where(Claim.campaign_id == newest),
            sa.select(GroupState.mailbox_group, GroupState.why),
            sa.select(
                Delivery.status, Delivery.reason, sa.func.count(),
                sa.func.min(Delivery.not_before), sa.func.max(Delivery.attempts),
            ).where(Delivery.campaign_id == newest).group_by(Delivery.status, Delivery.reason),
        )  # fmt: skip
        db.session.rollback()
        rows = [str(tuple(row)) for query in questions for row in db.session.execute(query)]
        return "\n".join([f"now {self._now()}", *rows, self._stage.rings(), self._stage.log_tail()])

    def _claims(self, campaign_id: int) -> int:
        db.session.rollback()
        query = sa.select(sa.func.count()).where(Claim.campaign_id == campaign_id)
        return db.session.scalar(query) or 0

    def _listen(self, campaign_id: int) -> None:
        """Remember what people can read about it now."""
        db.session.rollback()
        words = sa.union(
            sa.select(Reply.text)
            .join(Delivery, Delivery.reply_id == Reply.id)
            .where(Delivery.campaign_id == campaign_id),
            sa.select(ProviderAccount.trouble).where(is_at_port(self._port)),
            sa.select(Campaign.status_reason).where(Campaign.id == campaign_id),
        )
        self._said |= {said(text) for text in db.session.scalars(words) if text}

    def _lines(self, kind: str) -> list[str]:
        return [words[1] for words in self._notes(kind)]

    def _notes(self, kind: str) -> list[list[str]]:
        lines = self._record.read_text().splitlines()
        return [line.split(" ") for line in lines if line.startswith(kind)]

    def _pauses(self, taken_at: Collection[float]) -> list[tuple[str, float]]:
        """How long nothing was taken after each step, while the server was well and work left."""
        last = max(taken_at, default=0.0)
        found: list[tuple[str, float]] = []
        for what, at in self._done_at:
            if what not in PROMPT:
                return found  # the server or the database may be unwell from here on
            if at < last:
                found.append((what, min(moment for moment in taken_at if moment > at) - at))
        return found

    def _outcome(self, campaign_id: int) -> Outcome:
        db.session.rollback()
        rows = db.session.execute(
            sa.select(Delivery.id, Delivery.address, Delivery.status, Delivery.reason).where(
                Delivery.campaign_id == campaign_id
            )
        ).all()
        taken_at = {words[1]: float(words[2]) for words in self._notes("T")}
        is_steady = self._plan.manners == PLAIN and not self._plan.is_away
        return Outcome(
            {row.address or f"erased {row.id}": row.status for row in rows},
            Counter((row.status, row.reason) for row in rows),
            Counter(self._lines("T")),
            Counter(self._lines("Q")),
            self._unknown_allowed,
            self._said,
            taken_at=taken_at,
            left_at=self._left_at,
            pauses=self._pauses(taken_at.values()) if is_steady else [],
            most_connections=max(map(int, self._lines("C")), default=0),
            delayed=max(map(float, self._lines("L")), default=0.0),
        )


def _unsubscribe(subscriber_id: int, address: str) -> None:
    subscriptions.unsubscribe(None, subscriber_id, ConsentEvidence("page", utcnow()))


def _suppress(subscriber_id: int, address: str) -> None:
    suppressions.suppress(address, reason="manual", source="chaos", now=utcnow())


def _erase(subscriber_id: int, address: str) -> None:
    erasure.erase([subscriber_id])


WITHDRAWALS = (_unsubscribe, _suppress, _erase)


def play(stage: Stage, plan: Plan, folder: Path) -> Outcome:
    """Play it. What it prints is enough to play it again."""
    print(f"{plan} on {stage.backend}, pid {os.getpid()}")
    begun = time.monotonic()
    outcome = Game(stage, plan, folder).play()
    seconds = time.monotonic() - begun
    print(f"{dict(outcome.reasons)}, taken {outcome.taken.total()}, in {seconds:.0f} seconds")
    print(f"pauses {outcome.pauses}, at most {outcome.most_connections} connections")
    return outcome


def check(plan: Plan, outcome: Outcome) -> None:
    """Nobody lost, nobody twice, few unknown, and words for what went wrong.

    And what is promised about time: no mail to people who left, no long pauses, no limit passed.
    """
    assert len(outcome.ledger) == plan.people, "somebody is lost"
    twice = [address for address, count in outcome.taken.items() if count > 1]
    assert twice == [], "somebody was mailed twice"
    sent, unknown = outcome.with_status("sent"), outcome.with_status("unknown")
    skipped = outcome.with_status("skipped")
    assert len(sent) + len(unknown) + len(skipped) == plan.people, outcome.reasons
    named = {address for address in sent if not address.startswith("erased")}
    assert named <= outcome.taken.keys(), "called sent, and never taken"
    assert outcome.taken.keys() <= sent | unknown | outcome.left_at.keys()
    assert len(unknown) <= outcome.unknown_allowed + outcome.unanswered.total(), outcome.reasons
    reasons = {reason for status, reason in outcome.reasons if status == "unknown"}
    assert reasons <= {"lost_worker", "no_answer"}
    if plan.says:
        assert any(plan.says in words for words in outcome.said), outcome.said
    _check_times(plan, outcome)


def _check_times(plan: Plan, outcome: Outcome) -> None:
    late = {
        address: outcome.taken_at[address] - left_at
        for address, left_at in outcome.left_at.items()
        if outcome.taken_at.get(address, 0.0) > left_at + LATEST_MAIL_SECONDS
    }
    assert not late, "somebody was mailed long after leaving"
    long = [pause for pause in outcome.pauses if pause[1] > LONGEST_PAUSE_SECONDS]
    assert not long, "sending stood still"
    steps = {step.what for step in plan.steps}
    if plan.connections and not steps & UNCOUNTED:
        assert outcome.most_connections <= plan.connections, "more connections than allowed"
    if plan.per_second and plan.manners == PLAIN and not steps - PROMPT - {"leave"}:
        _check_rate(plan.per_second, outcome)


def _check_rate(limit: int, outcome: Outcome) -> None:
    """No window of a second holds more than the limit and a little.

    The server notes a message too late when it had to wait itself: by that the windows shrink.
    """
    length = max(0.5, 1.0 - outcome.delayed)
    moments = sorted(outcome.taken_at.values())
    most = max(
        bisect_left(moments, moment + length) - number for number, moment in enumerate(moments)
    )
    assert most <= limit + max(3, limit / 10), f"{most} messages in {length:.2f} seconds"
