"""Runs a plan with its own campaign, then checks the outcome of every recipient."""

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
from tests.arrivals import longest_pause_here
from tests.chaos.environment import CLOCKS, LEASE_SECONDS, WORKERS, Environment
from tests.chaos.plans import BEHAVIOURS, PLAIN, REFUSING, Plan
from tests.chaos.server import Behaviour
from tests.english import in_english
from tests.factories import (
    a_campaign,
    a_list,
    a_provider,
    a_sender,
    is_at_port,
    subscribers,
)
from tests.product import free_port

STANDSTILL_SECONDS = 120.0
"""Longest time without progress. A lost job is queued again after a minute, and a connection
lease ends after half of one.
"""
LONGEST_SECONDS = 1200.0
DRAIN_SECONDS = 10.0
AWAY_SECONDS = 0.5
LATEST_MAIL_SECONDS = 3.0
"""Longest time after a withdrawal during which an email may still arrive."""
PROMPT = {"kill_worker", "kill_all_workers", "kill_workers_and_clocks", "kill_clock", "kill_valkey",
          "flush_valkey"}  # fmt: skip
"""Steps after which sending continues within `longest_pause_here`."""
UNCOUNTED = {"freeze_worker", "kill_valkey", "flush_valkey"}
"""Steps after which Valkey no longer counts connections that are still open."""
WITHDRAWALS_AT_ONCE = 150


@dataclass
class Outcome:
    """The result: each recipient's status in the database, and what the server recorded."""

    deliveries: dict[str, str]
    reasons: Counter[tuple[str, str]]
    taken: Counter[str]
    unanswered: Counter[str]
    unknown_allowed: int
    messages: set[str] = field(default_factory=set)
    taken_at: dict[str, float] = field(default_factory=dict)
    """When the server accepted each message, in seconds of the monotonic clock."""
    withdrawn_at: dict[str, float] = field(default_factory=dict)
    """When each withdrawal of consent was committed."""
    pauses: list[tuple[str, float]] = field(default_factory=list)
    """Steps after which sending should continue soon, and the seconds until it did."""
    most_connections: int = 0
    delayed: float = 0.0
    """Longest time that the server itself waited for a processor, in seconds."""

    def with_status(self, status: str) -> set[str]:
        return {address for address, found in self.deliveries.items() if found == status}


class Scenario:
    """One run of a plan. The steps of a plan name its public methods."""

    def __init__(self, environment: Environment, plan: Plan, folder: Path) -> None:
        self._environment, self._plan = environment, plan
        self._chance = random.Random(plan.seed)  # noqa: S311
        self._port, self._record = free_port(), folder / "record"
        self._record.touch()
        self._unknown_allowed = 0
        self._messages: set[str] = set()
        self._withdrawn_at: dict[str, float] = {}
        self._done_at: list[tuple[str, float]] = []
        self._campaign_id = 0

    def run(self) -> Outcome:
        plan = self._plan
        if plan.sink:
            self._environment.start_smtp_sink(self._port, *plan.sink)
            self._unknown_allowed += MAX_CONNECTIONS * len(WORKERS)
        elif not plan.is_away:
            self._environment.start_smtp_server(self._port, self._record, plan.behaviour)
        with self._environment.app.app_context():
            try:
                campaign_id = self._launch()
                for step in plan.steps:
                    self._wait_for_progress(campaign_id, step.at, step.seconds)
                    getattr(self, step.what)()
                    self._done_at.append((step.what, time.monotonic()))
                if plan.pauses:
                    self._wait_for(lambda: self._status(campaign_id) == "paused", "it is paused")
                    self._resume(campaign_id)
                self._wait_for_end(campaign_id)
                self._collect_messages(campaign_id)
                return self._outcome(campaign_id)
            finally:
                if self._environment.is_running("smtp"):
                    self._environment.kill("smtp")
                self._environment.set_clock(timedelta())
                db.session.remove()

    # --- faults -------------------------------------------------------------------------------

    def kill_worker(self) -> None:
        self._kill_workers([self._chance.choice(WORKERS)])

    def kill_all_workers(self) -> None:
        self._kill_workers(WORKERS)

    def _kill_workers(self, names: Collection[str]) -> None:
        self._unknown_allowed += MAX_CONNECTIONS * len(names)
        for name in names:
            self._environment.kill(name)
        for name in names:
            self._environment.start(name)

    def kill_workers_and_clocks(self) -> None:
        """Kill everything, so that all of them recover the same work at once."""
        for name in CLOCKS:
            self._environment.kill(name)
        self._kill_workers(WORKERS)
        for name in CLOCKS:
            self._environment.start(name)

    def end_worker(self) -> None:
        name = self._chance.choice(WORKERS)
        self._environment.wait_until_it_handles_signals(name)
        code, seconds = self._environment.end(name)
        self._environment.start(name)
        assert code == 0, f"asked to end, it ended with {code}"
        assert seconds <= DRAIN_SECONDS, f"asked to end, it took {seconds:.1f} seconds"

    def freeze_worker(self) -> None:
        """Stop a worker until others have recovered its work, then let it continue."""
        name = self._chance.choice(WORKERS)
        self._unknown_allowed += MAX_CONNECTIONS
        self._environment.freeze(name)
        # Its lease must have expired, and a sweep must have noticed.
        self._tend_for(LEASE_SECONDS + 2 * SWEEP_SECONDS)
        self._environment.thaw(name)

    def freeze_clock(self) -> None:
        """Stop a clock; if it was the active one, the other takes over, and briefly both run."""
        name = self._chance.choice(CLOCKS)
        self._environment.freeze(name)
        self._tend_for(CLOCK_LEASE_SECONDS * 1.2)
        self._environment.thaw(name)

    def kill_clock(self) -> None:
        name = self._chance.choice(CLOCKS)
        self._environment.kill(name)
        self._environment.start(name)

    def _tend_for(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self._environment.tend()
            time.sleep(0.1)

    def set_clock(self) -> None:
        """Move the clock back or forward, by less than a lease or far more."""
        seconds = self._chance.choice((-3600, -30, -2, 2, 30, 3600))
        self._environment.set_clock(timedelta(seconds=seconds))

    def kill_valkey(self) -> None:
        self._environment.kill("valkey")
        time.sleep(AWAY_SECONDS)
        self._environment.start("valkey")
        self._environment.wait_for_servers()

    def flush_valkey(self) -> None:
        self._environment.flush_valkey()

    def kill_database(self) -> None:
        self._environment.kill("database")
        time.sleep(AWAY_SECONDS)
        self._environment.start("database")
        self._environment.wait_for_servers()

    def kill_database_and_worker(self) -> None:
        self._environment.kill("database")
        self.kill_worker()
        self._environment.start("database")
        self._environment.wait_for_servers()

    def kill_smtp(self) -> None:
        if not self._environment.is_running("smtp"):
            return  # no server was started
        self._unknown_allowed += MAX_CONNECTIONS * len(WORKERS)
        self._environment.kill("smtp")
        time.sleep(AWAY_SECONDS)
        self._environment.start("smtp")

    def withdraw_consent(self) -> None:
        """Unsubscribe, suppress or erase recipients who are waiting for their message."""
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
        for row in self._chance.sample(rows, min(WITHDRAWALS_AT_ONCE, len(rows))):
            with transaction():
                self._chance.choice(WITHDRAWALS)(row.subscriber_id, row.address)
            self._withdrawn_at[row.address] = time.monotonic()

    def restore_smtp(self) -> None:
        """Replace the server with one that accepts everything."""
        self._replace_smtp_server(PLAIN)

    def change_smtp(self) -> None:
        """Replace the server with one that behaves differently."""
        self._replace_smtp_server(self._chance.choice(BEHAVIOURS))

    def refuse_all(self) -> None:
        """Replace the server with one that answers 451 to everyone."""
        self._replace_smtp_server(REFUSING)

    def _replace_smtp_server(self, behaviour: Behaviour) -> None:
        if self._environment.is_running("smtp"):
            self._unknown_allowed += MAX_CONNECTIONS * len(WORKERS)
            self._environment.kill("smtp")
        self._environment.start_smtp_server(self._port, self._record, behaviour)

    # --- running the plan ---------------------------------------------------------------------

    def _launch(self) -> int:
        mark = self._port  # other scenarios use the same database
        with transaction():
            account = a_provider(
                f"Server {mark}",
                port=self._port,
                connections=self._plan.connections,
                per_second=self._plan.per_second,
            )
            sender = a_sender(f"news{mark}@example.org", account, is_default=False)
            audience = a_list(f"Readers {mark}")
            recipients = range(self._plan.recipients)
            subscribers((f"p{number}.{mark}@mail.example" for number in recipients), audience)
            campaign = a_campaign(audience, sender=sender)
            lifecycle.launch(campaign.id, at=None, undo_seconds=0, now=self._now())
        services().doorbell.ring("expand", campaign.id)
        self._campaign_id = campaign.id
        return campaign.id

    def _wait_for_progress(self, campaign_id: int, share: float, seconds: float) -> None:
        """Wait until this share was accepted, or this long since sending began."""
        self._wait_for(lambda: self._status(campaign_id) != "preparing", "it begins")
        deadline = time.monotonic() + seconds
        while len(self._lines("T")) < share * self._plan.recipients:
            if time.monotonic() > deadline or self._status(campaign_id) == "sent":
                break
            self._environment.tend()
            time.sleep(0.02)
        self._collect_messages(campaign_id)

    def _resume(self, campaign_id: int) -> None:
        """Resume the paused campaign, as a user does, after reading why it was paused."""
        reason = db.session.scalar(
            sa.select(Campaign.status_reason).where(Campaign.id == campaign_id)
        )
        assert reason, "paused without a reason"
        self._collect_messages(campaign_id)
        with transaction():
            lifecycle.resume(campaign_id, now=self._now())

    def _wait_for_end(self, campaign_id: int) -> None:
        def look() -> bool:
            self._skip_waits(campaign_id)
            status = self._status(campaign_id)
            if status == "paused":
                self._resume(campaign_id)
            return status == "sent"

        self._wait_for(look, "every delivery has an outcome")
        # A worker that was frozen may still receive an answer.
        self._wait_for(lambda: not self._claims(campaign_id), "all claims are closed")

    def _wait_for(self, is_true: object, what: str) -> None:
        assert callable(is_true)
        begun = moved = time.monotonic()
        seen = 0
        while True:
            try:
                if is_true():
                    return
            except DBAPIError:  # the database is restarting
                db.session.rollback()
            now, taken = time.monotonic(), len(self._lines("T"))
            if taken != seen:
                seen, moved = taken, now
            is_in_vain = now > moved + STANDSTILL_SECONDS or now > begun + LONGEST_SECONDS
            assert not is_in_vain, f"timed out waiting: {what}\n{self._diagnosis()}"
            self._environment.tend()
            time.sleep(0.1)

    def _skip_waits(self, campaign_id: int) -> None:
        """Make every postponed delivery and every resting account due now."""
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
        """Return the time by the product's wall clock."""
        return utcnow() + self._environment.clock_is_off

    # --- reading the outcome -------------------------------------------------------------------

    def _status(self, campaign_id: int) -> str:
        db.session.rollback()
        row = db.session.execute(
            sa.select(Campaign.status, Campaign.status_reason).where(Campaign.id == campaign_id)
        ).one()
        self._messages.add(in_english(row.status_reason))
        fine = {"preparing", "sending", "sent"} | ({"paused"} if self._plan.may_pause else set())
        assert row.status in fine, f"{row.status}: {row.status_reason}"
        return str(row.status)

    def _diagnosis(self) -> str:
        """Return everything that may explain a standstill."""
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
        return "\n".join(
            [
                f"now {self._now()}",
                *rows,
                self._environment.valkey_state(),
                self._environment.log_tail(),
            ]
        )

    def _claims(self, campaign_id: int) -> int:
        db.session.rollback()
        query = sa.select(sa.func.count()).where(Claim.campaign_id == campaign_id)
        return db.session.scalar(query) or 0

    def _collect_messages(self, campaign_id: int) -> None:
        """Remember what users can read about the campaign now."""
        db.session.rollback()
        words = sa.union(
            sa.select(Reply.text)
            .join(Delivery, Delivery.reply_id == Reply.id)
            .where(Delivery.campaign_id == campaign_id),
            sa.select(ProviderAccount.trouble).where(is_at_port(self._port)),
            sa.select(Campaign.status_reason).where(Campaign.id == campaign_id),
        )
        self._messages |= {in_english(text) for text in db.session.scalars(words) if text}

    def _lines(self, kind: str) -> list[str]:
        return [words[1] for words in self._notes(kind)]

    def _notes(self, kind: str) -> list[list[str]]:
        lines = self._record.read_text().splitlines()
        return [line.split(" ") for line in lines if line.startswith(kind)]

    def _pauses(self, taken_at: Collection[float]) -> list[tuple[str, float]]:
        """Return how long sending paused after each step, as long as the server worked."""
        last = max(taken_at, default=0.0)
        found: list[tuple[str, float]] = []
        for what, at in self._done_at:
            if what not in PROMPT:
                return found  # from here on the server or the database may be the cause
            if at < last:
                found.append((what, min(time for time in taken_at if time > at) - at))
        return found

    def _outcome(self, campaign_id: int) -> Outcome:
        db.session.rollback()
        rows = db.session.execute(
            sa.select(Delivery.id, Delivery.address, Delivery.status, Delivery.reason).where(
                Delivery.campaign_id == campaign_id
            )
        ).all()
        taken_at = {words[1]: float(words[2]) for words in self._notes("T")}
        is_steady = self._plan.behaviour == PLAIN and not self._plan.is_away
        return Outcome(
            {row.address or f"erased {row.id}": row.status for row in rows},
            Counter((row.status, row.reason) for row in rows),
            Counter(self._lines("T")),
            Counter(self._lines("Q")),
            self._unknown_allowed,
            self._messages,
            taken_at=taken_at,
            withdrawn_at=self._withdrawn_at,
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


def run(environment: Environment, plan: Plan, folder: Path) -> Outcome:
    """Run the plan. What it prints is enough to run it again."""
    print(f"{plan} on {environment.backend}, pid {os.getpid()}")
    begun = time.monotonic()
    outcome = Scenario(environment, plan, folder).run()
    seconds = time.monotonic() - begun
    print(f"{dict(outcome.reasons)}, taken {outcome.taken.total()}, in {seconds:.0f} seconds")
    print(f"pauses {outcome.pauses}, at most {outcome.most_connections} connections")
    return outcome


def check(plan: Plan, outcome: Outcome) -> None:
    """Check that nobody is lost or emailed twice, few are unknown, and problems are reported.

    Also check the times: no email after a withdrawal, no long pauses, no limit exceeded.
    """
    assert len(outcome.deliveries) == plan.recipients, "a recipient is missing"
    twice = [address for address, count in outcome.taken.items() if count > 1]
    assert twice == [], "a recipient was emailed twice"
    sent, unknown = outcome.with_status("sent"), outcome.with_status("unknown")
    skipped = outcome.with_status("skipped")
    assert len(sent) + len(unknown) + len(skipped) == plan.recipients, outcome.reasons
    named = {address for address in sent if not address.startswith("erased")}
    assert named <= outcome.taken.keys(), "marked sent, but never accepted"
    assert outcome.taken.keys() <= sent | unknown | outcome.withdrawn_at.keys()
    assert len(unknown) <= outcome.unknown_allowed + outcome.unanswered.total(), outcome.reasons
    reasons = {reason for status, reason in outcome.reasons if status == "unknown"}
    assert reasons <= {"lost_worker", "no_answer"}
    if plan.message:
        assert any(plan.message in text for text in outcome.messages), outcome.messages
    _check_times(plan, outcome)


def _check_times(plan: Plan, outcome: Outcome) -> None:
    late = {
        address: outcome.taken_at[address] - withdrawn_at
        for address, withdrawn_at in outcome.withdrawn_at.items()
        if outcome.taken_at.get(address, 0.0) > withdrawn_at + LATEST_MAIL_SECONDS
    }
    assert not late, "a recipient was emailed long after a withdrawal"
    allowed = longest_pause_here()
    long = [pause for pause in outcome.pauses if pause[1] > allowed]
    assert not long, "sending paused for too long"
    steps = {step.what for step in plan.steps}
    if plan.connections and not steps & UNCOUNTED:
        assert outcome.most_connections <= plan.connections, "more connections than allowed"
    if plan.per_second and plan.behaviour == PLAIN and not steps - PROMPT - {"withdraw_consent"}:
        _check_rate(plan.per_second, outcome)


def _check_rate(limit: int, outcome: Outcome) -> None:
    """Check that no second holds more than the limit and a small margin, nor do all of them.

    How late the server was says how late processes run on this machine just now. Both the server
    and the sender were up to that late: what left in one second may have arrived within less.
    """
    margin = max(3, limit / 10)
    length = max(0.5, 1.0 - 2 * outcome.delayed)
    moments = sorted(outcome.taken_at.values())
    most = max(bisect_left(moments, when + length) - number for number, when in enumerate(moments))
    assert most <= limit + margin, f"{most} messages in {length:.2f} seconds"
    seconds = moments[-1] - moments[0] + 2 * outcome.delayed
    assert len(moments) <= limit * (seconds + 1) + margin, f"all in {seconds:.1f} seconds"
