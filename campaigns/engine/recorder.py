"""Write outcomes to the database, in bulk, several times a second."""

import threading
import time
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
import structlog
from flask import Flask
from redis.exceptions import RedisError
from sqlalchemy.exc import SQLAlchemyError

from campaigns.campaign import lifecycle
from campaigns.campaign.models import Campaign
from campaigns.clock import Clock
from campaigns.context import services
from campaigns.db import db, transaction
from campaigns.delivery import claims, outcomes
from campaigns.delivery.retry import Limits
from campaigns.engine.batch import Batch, PendingResults
from campaigns.engine.feedback import Judge, LimiterUpdate, rule_book, tell_limiter
from campaigns.engine.outbox import Outbox
from campaigns.engine.provider_pool import ProviderPool
from campaigns.outages import outages
from campaigns.providers import health
from campaigns.providers.base import ProviderTroubleError
from campaigns.transactional.alerts import alert_owners

log = structlog.get_logger()

USABLE_LEASE = 0.8
"""Fraction of a lease after which nothing of its batch is begun."""
RENEW_AFTER = 0.25
"""Fraction of a lease after which it is renewed."""
RECORD_INTERVAL_SECONDS = 0.4
JOURNAL_RETRY_SECONDS = 2.0
"""Interval between attempts to write a failed journal, in seconds."""
POLL_INTERVAL_SECONDS = 0.5
"""Interval between checks for paused or cancelled campaigns, in seconds."""
SHARE_OVERDUE_SECONDS = 1.0
"""Age of a connection share at which the recorder renews it instead of the jobs, in seconds."""
ERROR_PAUSE_SECONDS = 1.0
"""Pause after an error other than an outage, in seconds."""


@dataclass(frozen=True, slots=True)
class Round:
    """What one transaction writes for one outbox."""

    failure: ProviderTroubleError | None
    pending: Sequence[PendingResults]
    expiring: Sequence[Batch]
    """Batches whose lease must be renewed."""
    finished: Sequence[Batch]
    """Batches that are complete after this round."""

    def __bool__(self) -> bool:
        return bool(self.pending or self.expiring or self.failure)


@dataclass(frozen=True, slots=True)
class Written:
    """The results of a round's transaction."""

    feedback: Sequence[LimiterUpdate]
    """One for each of the pending results."""
    renewed: Collection[str]
    """Tokens of the batches whose lease was renewed."""
    alert_ids: Sequence[int]
    """Ids of emails to the owners, to ring for."""


class Recorder:
    """Records outcomes, renews leases, and withdraws what must no longer be sent."""

    def __init__(
        self,
        app: Flask,
        pool: ProviderPool,
        activity: threading.Condition,
        limits: Limits,
        lease: timedelta,
        clock: Clock,
    ) -> None:
        """Create a recorder for this pool; `activity` wakes it and is notified after writes."""
        self._app = app
        self._pool = pool
        self._activity = activity
        self._limits = limits
        self._lease = lease
        self._clock = clock
        self._judge = Judge(limits)
        self._polled_at = self._retried_at = 0.0
        self.is_draining = False
        """Nothing more is begun: all waiting messages go back to the queue."""

    def usable_until(self, leased_at: float) -> float:
        """Return the deadline of a batch whose lease began at this time (running seconds)."""
        return leased_at + self._lease.total_seconds() * USABLE_LEASE

    def tick(self) -> None:
        """Write new outcomes, renew leases, withdraw what must no longer be sent."""
        with self._app.app_context():
            self._recall_stopped_campaigns()
            self._retry_journals()
            for outbox in self._pool.outboxes:
                is_resting = outbox.account.is_resting(self._clock.monotonic())
                if self.is_draining or is_resting or outbox.account.failure is not None:
                    outbox.recall_all()
                self._record(outbox)
                # Messages may have been added while the provider found the outbox closed: after a
                # failure, after the deadline, or just before a renewal.
                if outbox.has_work:
                    self._pool.wake(outbox)
            self._pool.close_retired()
            with suppress(RedisError):  # shares are renewed once Redis is back
                self._pool.keep_shares(overdue_seconds=SHARE_OVERDUE_SECONDS, give_up_idle=True)

    def run(self, closed: threading.Event) -> None:
        """Tick until closed, then once more."""
        is_last = False
        while not is_last:
            with self._activity:
                is_last = closed.is_set() or (
                    not self._activity.wait(RECORD_INTERVAL_SECONDS) and closed.is_set()
                )
            try:
                self.tick()
            except (SQLAlchemyError, RedisError, OSError) as error:
                outages.began("recorder", error)
                time.sleep(RECORD_INTERVAL_SECONDS)
            except Exception:
                # Outcomes are safe in the journals, and this thread must not end.
                log.exception("outcomes cannot be recorded; trying again")
                time.sleep(ERROR_PAUSE_SECONDS)
            else:
                outages.over("recorder")

    def _recall_stopped_campaigns(self) -> None:
        """Withdraw messages of campaigns that were paused or cancelled."""
        if self._clock.monotonic() - self._polled_at < POLL_INTERVAL_SECONDS:
            return
        self._polled_at = self._clock.monotonic()
        batches = [(outbox, batch) for outbox in self._pool.outboxes for batch in outbox.batches]
        if not batches:
            return
        ids = {batch.campaign_id for _, batch in batches}
        sending = set(
            db.session.scalars(
                sa.select(Campaign.id).where(Campaign.id.in_(ids), Campaign.status == "sending")
            )
        )
        for outbox, batch in batches:
            if batch.campaign_id not in sending:
                outbox.recall(batch)

    def _retry_journals(self) -> None:
        """Retry failed journals: a disk that was full may have space again."""
        if self._clock.monotonic() - self._retried_at < JOURNAL_RETRY_SECONDS:
            return
        self._retried_at = self._clock.monotonic()
        is_any = False
        for outbox in self._pool.outboxes:
            if outbox.account.journal_error is not None:
                is_any = True
                outages.began("journal", outbox.account.journal_error)
                outbox.account.journal_error = None
                self._pool.wake(outbox)
        if not is_any:
            outages.over("journal")

    # --- one round for one outbox -------------------------------------------------------------

    def _record(self, outbox: Outbox) -> None:
        round_ = self._collect(outbox)
        if not round_:
            return
        deadline = self.usable_until(self._clock.running_seconds())
        written = self._write(outbox, round_)
        self._release(outbox, round_, written, deadline)
        self._notify(outbox, round_, written)

    def _collect(self, outbox: Outbox) -> Round:
        failure = outbox.account.failure  # before the batches: it may come with a result
        pending = [found for batch in outbox.batches if (found := batch.pending_results())]
        fresh = self._clock.monotonic() - self._lease.total_seconds() * RENEW_AFTER
        expiring = [batch for batch in outbox.batches if batch.renewed_at < fresh]
        finished = [found.batch for found in pending if found.complete_the_batch]
        return Round(failure, pending, expiring, finished)

    def _write(self, outbox: Outbox, round_: Round) -> Written:
        """Write a round in one transaction, after matching replies against the rules."""
        readings = [outcomes.read(found.results) for found in round_.pending]
        replies = ((found.batch.groups, found.results) for found in round_.pending)
        book = rule_book(outbox.provider_id, replies)
        with transaction():
            now = self._clock.now()
            outcomes.lock([number for found in round_.pending for number in found.delivery_ids()])
            feedback = []
            for found, reading in zip(round_.pending, readings, strict=True):
                token = found.batch.token
                recorded = outcomes.record(
                    token,
                    found.results,
                    now=now,
                    groups=found.batch.groups,
                    unrenderable=found.unrenderable,
                    limits=self._limits,
                    reading=reading,
                )
                feedback.append(
                    self._judge.apply(
                        outbox.provider_id, found.batch.campaign_id, recorded, now=now, book=book
                    )
                )
                outcomes.release(token, found.recalled, now=now)
                claims.skip(token, found.withdrawn, now=now)
            expiring = [batch.token for batch in round_.expiring]
            renewed = claims.renew(expiring, lease=self._lease, now=now)
            claims.close([batch.token for batch in round_.finished])
            alert_ids = self._note_health(outbox, round_, now)
        return Written(feedback, renewed, alert_ids)

    def _note_health(self, outbox: Outbox, round_: Round, now: datetime) -> Sequence[int]:
        """Record whether the account works. Returns the ids of emails to the owners."""
        if round_.failure is not None:
            return self._note_failure(outbox, round_.failure, now)
        if any(result.outcome == "sent" for found in round_.pending for result in found.results):
            health.clear(outbox.provider_id)
        return []

    def _note_failure(
        self, outbox: Outbox, failure: ProviderTroubleError, now: datetime
    ) -> Sequence[int]:
        retry_at = health.note_trouble(outbox.provider_id, failure.reason, now=now)
        rest = (retry_at - now).total_seconds()
        outbox.account.resting_until = self._clock.monotonic() + rest
        if failure.permanent:
            for campaign_id in {batch.campaign_id for batch in outbox.batches}:
                lifecycle.pause(
                    campaign_id,
                    now=now,
                    reason=failure.reason,
                    through=outbox.provider_id,
                )
        return alert_owners(outbox.provider_id, now=now, is_permanent=failure.permanent)

    def _release(self, outbox: Outbox, round_: Round, written: Written, deadline: float) -> None:
        """Remove from memory what is now in the database."""
        for found in round_.pending:
            found.mark_written()
        for batch in round_.expiring:
            if batch.token in written.renewed:
                outbox.renewed(batch, deadline)
            else:
                outbox.lost(batch)
        for batch in round_.finished:
            outbox.batches.remove(batch)
            batch.journal.remove()
        if round_.failure is not None:
            outbox.account.failure = None
        for found, told in zip(round_.pending, written.feedback, strict=True):
            if told.is_held:
                outbox.recall(found.batch)

    def _notify(self, outbox: Outbox, round_: Round, written: Written) -> None:
        """Notify jobs of this process, other workers and the limiter."""
        with self._activity:
            self._activity.notify_all()
        doorbell = services().doorbell
        if any(not self._pool.has_batches_of(batch.campaign_id) for batch in round_.finished):
            # The campaign may be complete. The job that claimed this has ended, and later jobs may
            # have found nothing to do.
            doorbell.ring("send")
        for email_id in written.alert_ids:
            doorbell.ring("transactional", email_id)
        for told in written.feedback:
            tell_limiter(outbox.provider_id, told)
