"""The sending engine of a worker process: from claims to recorded outcomes.

Four threads share the work. The job (engine.serve) claims deliveries and puts them into the
outbox of their provider account. The provider's thread takes messages from there, which renders
them, and reports their outcomes. The recorder writes the outcomes to the database, in bulk. A
fourth thread repeats the consent check for everything still open. So no connection waits for the
database, and messages in progress outlive a single job.
"""

import secrets
import threading
from collections.abc import Mapping
from datetime import timedelta

from flask import Flask

from campaigns.clock import SYSTEM_CLOCK, Clock
from campaigns.content.mime.compile import Compiled
from campaigns.context import services
from campaigns.db import transaction
from campaigns.delivery import canary, claims
from campaigns.delivery.journal import Journal
from campaigns.delivery.retry import limits_of
from campaigns.engine.batch import Batch
from campaigns.engine.consent import ConsentCheck
from campaigns.engine.outbox import FIRST_STOCK, Outbox
from campaigns.engine.provider_pool import ProviderPool
from campaigns.engine.recorder import Recorder
from campaigns.providers.models import ProviderAccount
from campaigns.throttling.plan import Plan

DRAIN_INTERVAL_SECONDS = 0.02
THREAD_END_SECONDS = 5.0
"""Time limit for a thread to end, in seconds."""


class Engine:
    """Everything that a worker process is sending. One per process.

    `start` runs it in threads; without them, `tick` does one round.
    """

    def __init__(self, app: Flask, clock: Clock = SYSTEM_CLOCK) -> None:
        """Create an engine without messages and without threads."""
        with app.app_context():
            settings = services().settings
            self._lease = timedelta(seconds=settings.lease_seconds)
            limits = limits_of(settings)
        self.name = secrets.token_hex(6)
        """This process's name for the limiter."""
        self._clock = clock
        self._activity = threading.Condition()
        """Notified when there are outcomes to record, and after recording."""
        self._closed = threading.Event()
        self._pool = ProviderPool(self.name, self._activity, clock)
        self._recorder = Recorder(app, self._pool, self._activity, limits, self._lease, clock)
        self._consent = ConsentCheck(app, self._pool, clock)
        self._threads: list[threading.Thread] = []

    def start(self) -> "Engine":
        """Start the threads that record and check consent, until `close`."""
        for name, run in (("recorder", self._recorder.run), ("consent", self._consent.run)):
            thread = threading.Thread(target=run, args=(self._closed,), name=name, daemon=True)
            self._threads.append(thread)
            thread.start()
        return self

    def tick(self) -> None:
        """Do one round of what the threads do: check consent, then record."""
        self._consent.tick()
        self._recorder.tick()

    # --- the job's side --------------------------------------------------------------------

    def room(self, provider_id: int) -> int:
        """Return how many more deliveries the outbox of this account can take."""
        outbox = self._pool.find(provider_id)
        return FIRST_STOCK if outbox is None else outbox.room

    def outbox(self, account: ProviderAccount, plan: Plan) -> Outbox:
        """Return the outbox of this account, served by this worker's share of its connections.

        Raises UnusableAccountError, SecretUnreadableError, RedisError.
        """
        return self._pool.open(account, plan)

    def keep_shares(self) -> None:
        """Renew the shares of connections that are in use or needed. Raises RedisError."""
        self._pool.keep_shares()

    def claim(
        self, campaign_id: int, outbox: Outbox, compiled: Compiled, wants: Mapping[str, int]
    ) -> Mapping[str, int]:
        """Claim deliveries and put them into the outbox. Returns the number claimed per group."""
        token = secrets.token_hex(12)
        checked_at = self._clock.running_seconds()  # read before the statement that checks consent
        journal = Journal(services().settings.journal_dir, token)
        try:
            # Durable before anything is sent: a power cut must not undo the claim of sent messages.
            with transaction(durable=True):
                allowed = canary.cap(campaign_id, wants)  # may wait for another worker
                claimed = claims.claim(
                    campaign_id,
                    allowed,
                    token=token,
                    lease=self._lease,
                    now=self._clock.now(),
                    with_tags=compiled.uses_tags,
                )
                if not claimed.recipients:
                    claims.close([token])
        except BaseException:
            journal.close()  # the claim may have been committed: leave it to recovery
            raise
        if not claimed.recipients:
            journal.remove()
            return claimed.taken
        outbox.account.resting_until = 0.0  # the limiter granted this, so it may be tried
        batch = Batch(
            token,
            campaign_id,
            compiled,
            journal,
            deadline=self._recorder.usable_until(checked_at),
            checked_at=checked_at,
            renewed_at=self._clock.monotonic(),
        )
        outbox.put(batch, claimed.recipients)
        self._pool.wake(outbox)
        return claimed.taken

    def has_batches_of(self, campaign_id: int) -> bool:
        """Return whether this process has open deliveries of this campaign."""
        return self._pool.has_batches_of(campaign_id)

    @property
    def is_idle(self) -> bool:
        """Return whether the outcome of every delivery claimed here is recorded."""
        return all(outbox.is_idle for outbox in self._pool.outboxes)

    def wait_for_results(self, seconds: float) -> None:
        """Wait until something was recorded, at most this many seconds."""
        with self._activity:
            self._activity.wait(seconds)

    # --- the end -----------------------------------------------------------------------------

    def drain(self, seconds: float) -> None:
        """Begin nothing more; wait for open replies and record them."""
        self._recorder.is_draining = True
        deadline = self._clock.monotonic() + seconds
        while not self.is_idle and self._clock.monotonic() < deadline:
            self._notify()
            self._closed.wait(DRAIN_INTERVAL_SECONDS)

    def close(self, *, drain_seconds: float = 0.0) -> None:
        """Close everything. Recovery settles messages still without a reply, from the journals."""
        self.drain(drain_seconds)
        self._pool.close_providers()
        self._closed.set()
        self._notify()
        for thread in self._threads:
            thread.join(THREAD_END_SECONDS)
        if not self._threads:
            self._recorder.tick()
        self._pool.close_journals()

    def _notify(self) -> None:
        with self._activity:
            self._activity.notify_all()
