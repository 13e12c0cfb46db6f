"""The outbox of an account: messages waiting to be sent, and messages on the wire."""

import threading
from collections import Counter, deque
from collections.abc import Collection, Mapping

import structlog

from campaigns.clock import SYSTEM_CLOCK, Clock
from campaigns.content.mime.compile import RenderError
from campaigns.engine.account_state import AccountState
from campaigns.engine.batch import Batch
from campaigns.engine.pacer import Pacer
from campaigns.engine.rates import SmoothedRate, WindowRate
from campaigns.messages import Message, Recipient, SendResult
from campaigns.providers.base import ProviderTroubleError
from campaigns.reason import Reason
from campaigns.throttling.plan import Grant, Pace

log = structlog.get_logger()

FIRST_STOCK, SMALLEST_STOCK, LARGEST_STOCK = 100, 8, 4000
STOCK_SECONDS = 1.0
"""Seconds of sending for which an outbox is filled: it never runs dry, and returns little when a
campaign stops."""
LONGEST_STOCK_SECONDS = 2.0
"""Seconds of sending above which the rest goes back to the queue."""
RECORD_BATCH_SIZE = 2000
"""Number of results that triggers recording before the next interval."""
CHECK_AFTER_SECONDS = 1.0
"""Age at which a consent check is repeated, in seconds."""
OLDEST_OFFER_SECONDS = 2.0
"""Age of a consent check beyond which a message is no longer offered, in seconds."""
OLDEST_CHECK_SECONDS = 2.5
"""Age of a consent check beyond which no body is sent, in seconds."""


class Outbox:
    """The messages of one account. The provider takes from it and reports to it.

    A `Source` (providers.base): the provider calls its methods from its own thread.
    """

    def __init__(
        self, provider_id: int, activity: threading.Condition, clock: Clock = SYSTEM_CLOCK
    ) -> None:
        """Create an empty outbox. `activity` is notified when there are results to record."""
        self.provider_id = provider_id
        self.account = AccountState()
        self.concurrency_limits: Mapping[str, int] = {}
        """Limits for messages of a mailbox group on the wire at the same time."""
        self.batches: list[Batch] = []
        self._pacers: dict[str | int, Pacer] = {}
        """Pacers of the account (""), of campaigns (by id) and of mailbox groups (by name)."""
        self._next_at: float | None = None
        self._activity = activity
        self._now, self._monotonic = clock.now, clock.monotonic
        self._running_seconds = clock.running_seconds
        self._lock = threading.Lock()
        self._turns: deque[tuple[Batch, str]] = deque()
        self._on_wire: dict[int, tuple[Batch, Recipient]] = {}
        self._withdrawn: dict[int, str] = {}
        """Deliveries on the wire whose consent was withdrawn, with the reason."""
        self._finished = 0
        self._rate = SmoothedRate(clock.monotonic())
        self._recent_rate = WindowRate()

    # --- the provider's side ---------------------------------------------------------------

    def take(self) -> Message | None:
        """Return the next message, rendered now. Campaigns and claims take turns."""
        while True:
            with self._lock:
                found = self._next()
                if found is None:
                    return None
                batch, recipient = found
                self._on_wire[recipient.delivery_id] = found
            try:
                return batch.compiled.render(recipient, now=self._now())
            except RenderError as error:
                self._drop_unrenderable(batch, recipient, error.problem.located)
            except Exception:
                log.exception("rendering failed", delivery=recipient.delivery_id)
                self._drop_unrenderable(batch, recipient, Reason("outcome.render_failed"))

    def _next(self) -> tuple[Batch, Recipient] | None:
        account = self.account
        if account.failure is not None or account.journal_error is not None:
            return None
        self._next_at = None
        moment = self._monotonic() if self._pacers else 0.0
        if self._pacers and self._must_wait(moment, ""):
            return None
        now = self._running_seconds()
        for _ in range(len(self._turns)):
            batch, group = self._turns[0]
            is_late = now >= batch.deadline or now >= batch.checked_at + OLDEST_OFFER_SECONDS
            if is_late or not batch.waiting[group]:
                self._turns.popleft()  # until a release, a renewal or a consent check
                continue
            self._turns.rotate(-1)
            if self._pacers and self._must_wait(moment, group, batch.campaign_id):
                continue
            if self._may_start(group):
                for key in ("", group, batch.campaign_id) if self._pacers else ():
                    if (pacer := self._pacers.get(key)) is not None:
                        pacer.use(moment)
                self._next_at = None
                return batch, batch.waiting[group].popleft()
        return None

    def _must_wait(self, now: float, *keys: str | int) -> bool:
        """Return whether a pace forbids a message now, and note when the next one may leave."""
        due = max(
            (self._pacers[key].due_at(now) for key in keys if key in self._pacers), default=now
        )
        if due <= now:
            return False
        self._next_at = due if self._next_at is None else min(due, self._next_at)
        return True

    def next_at(self) -> float | None:
        """Return when `take` may have a message again; None: only after `wake`."""
        return self._next_at

    def _may_start(self, group: str) -> bool:
        """Return whether another message of this group may go on the wire now. Rarely limited."""
        limit = self.concurrency_limits.get(group)
        if limit is None:
            return True
        current = sum(person.mailbox_group == group for _, person in self._on_wire.values())
        return current < limit

    def begin(self, message: Message) -> bool:
        """Journal that this body is about to be sent. False: it must not be sent."""
        batch, _ = self._on_wire[message.delivery_id]
        if message.delivery_id in self._withdrawn:
            return False
        try:
            # Write the intent first. If this process is suspended in between, either the check
            # below finds the deadline passed, or the worker that settled the claim has read the
            # intent.
            batch.journal.intent(message.delivery_id)
            if self._running_seconds() < min(
                batch.deadline, batch.checked_at + OLDEST_CHECK_SECONDS
            ):
                return True
            batch.journal.reply(SendResult(message.delivery_id, "unsent", scope="connection"))
        except OSError as error:
            self.account.journal_error = error
        return False

    def release(self, message: Message) -> None:
        """Take back a message that was not begun, or was refused only because of the session."""
        batch, _ = self._on_wire[message.delivery_id]
        try:
            # Its body may have begun: without this note, recovery would find it unanswered.
            batch.journal.revoke(message.delivery_id)
        except OSError as error:
            self.account.journal_error = error
        with self._lock:
            batch, recipient = self._on_wire.pop(message.delivery_id)
            reason = self._withdrawn.pop(message.delivery_id, "")
            if reason:
                batch.withdrawn.append((message.delivery_id, reason))
                return
            batch.waiting[recipient.mailbox_group].appendleft(recipient)
            self._give_turns(batch)

    def report(self, result: SendResult) -> None:
        """Store the outcome of a message for the recorder."""
        with self._lock:
            batch, _ = self._on_wire.pop(result.delivery_id)
            if self._withdrawn:
                self._withdrawn.pop(result.delivery_id, None)
            self._finished += 1
        try:
            batch.journal.reply(result)
        except OSError as error:
            self.account.journal_error = error  # the result is kept in memory; nothing more leaves
        batch.results.append(result)
        if result.scope == "sender" and result.outcome != "sent":
            self.account_failed(
                ProviderTroubleError(
                    Reason("status.sender_refused", {"reply": result.reply}),
                    permanent=result.outcome == "failed",
                )
            )
        elif self._finished % RECORD_BATCH_SIZE == 0:
            self._notify()

    def account_failed(self, error: ProviderTroubleError) -> None:
        """Stop offering messages: the account does not work."""
        self.account.failure = error
        self._notify()

    def _drop_unrenderable(self, batch: Batch, recipient: Recipient, why: Reason) -> None:
        with self._lock:
            del self._on_wire[recipient.delivery_id]
            self._withdrawn.pop(recipient.delivery_id, None)
        batch.unrenderable.append((recipient.delivery_id, why.pack()))

    def _notify(self) -> None:
        with self._activity:
            self._activity.notify_all()

    # --- the worker's side -----------------------------------------------------------------

    def put(self, batch: Batch, recipients: Collection[Recipient]) -> None:
        """Add a claim."""
        batch.unrecorded = len(recipients)
        with self._lock:
            for recipient in recipients:
                batch.groups[recipient.delivery_id] = recipient.mailbox_group
                if recipient.delivery_id in self._on_wire:
                    # Still on the wire from a claim that we lost: it has to end first.
                    batch.recalled.append(recipient.delivery_id)
                else:
                    batch.waiting.setdefault(recipient.mailbox_group, deque()).append(recipient)
            self.batches.append(batch)
            self._give_turns(batch)

    def on_wire(self) -> Mapping[str, int]:
        """Count the messages on the wire, by mailbox group."""
        with self._lock:
            return Counter(person.mailbox_group for _, person in self._on_wire.values())

    def pace(self, campaign_id: int, grant: Grant, now: float) -> None:
        """Spread what was granted over time. `now`: when the grant was made, monotonic."""
        paces: dict[str | int, tuple[Pace | None, int]] = {
            "": (grant.paces.account, grant.total),
            campaign_id: (grant.paces.campaign, grant.total),
            **{group: (grant.paces.groups.get(group), count)
               for group, count in grant.counts.items()},
        }  # fmt: skip
        if not self._pacers and not any(pace for pace, _ in paces.values()):
            return
        with self._lock:
            if not self.batches:
                self._pacers.clear()  # of finished campaigns and lifted limits
            for key, (pace, count) in paces.items():
                if pace is None:
                    self._pacers.pop(key, None)  # the limit was lifted
                else:
                    pacer = self._pacers.setdefault(key, Pacer())
                    pacer.add(now + pace.delay, pace.every, count)

    def limit_concurrency(self, groups: Collection[str], limits: Mapping[str, int]) -> None:
        """Set the limits of these groups; a group that `limits` does not name has none.

        A limit of 0 means that other workers use all of it: what waits here goes back to them.
        """
        others = {
            group: limit for group, limit in self.concurrency_limits.items() if group not in groups
        }
        self.concurrency_limits = {**others, **limits}
        closed = [group for group, limit in limits.items() if not limit]
        for batch in list(self.batches) if closed else ():
            self.recall(batch, closed)

    def _give_turns(self, batch: Batch) -> None:
        for group, people in batch.waiting.items():
            if people and (batch, group) not in self._turns:
                self._turns.append((batch, group))

    @property
    def room(self) -> int:
        """How many more recipients it should get; 0 while it is more than half full.

        So claims are few and large.
        """
        rate = self._rate.measure(self._finished, self._monotonic())
        smallest = SMALLEST_STOCK if self._finished else FIRST_STOCK
        target = max(smallest, min(LARGEST_STOCK, int(rate * STOCK_SECONDS)))
        stock = self._stock()
        return target - stock if stock <= target / 2 else 0

    def _stock(self) -> int:
        return sum(batch.stock for batch in list(self.batches))

    def release_surplus(self, now: float) -> None:
        """Give back what would wait for more than LONGEST_STOCK_SECONDS at the current speed.

        `now` is by a monotonic clock. Has to be called at every interval of the consent check.
        """
        if not self.batches:
            self._recent_rate.clear()
            return
        rate = self._recent_rate.sample(self._finished, now)
        if rate is None:
            return
        batches = list(self.batches)
        smallest = SMALLEST_STOCK * len({batch.campaign_id for batch in batches})
        surplus = self._stock() - max(smallest, int(rate * LONGEST_STOCK_SECONDS))
        for batch in reversed(batches):  # what was claimed last would wait longest
            if surplus <= 0:
                return
            surplus -= self._shorten(batch, surplus)

    def _shorten(self, batch: Batch, count: int) -> int:
        """Return up to `count` of a batch to the queue, from its longest group each time.

        Returns how many.
        """
        given = 0
        with self._lock:
            while given < count and batch.stock:
                longest = max(batch.waiting.values(), key=len)
                batch.recalled.append(longest.pop().delivery_id)
                given += 1
        return given

    # --- consent ---------------------------------------------------------------------------

    def to_check(self, now: float) -> list[tuple[Batch, list[int]]]:
        """Return batches whose consent check is due, with their unfinished delivery ids."""
        due = [batch for batch in list(self.batches)
               if now - batch.checked_at >= CHECK_AFTER_SECONDS]  # fmt: skip
        if not due:
            return []
        found: dict[str, list[int]] = {batch.token: [] for batch in due}
        with self._lock:
            for number, (batch, _) in self._on_wire.items():
                if batch.token in found:
                    found[batch.token].append(number)
            for batch in due:
                for people in batch.waiting.values():
                    found[batch.token] += [recipient.delivery_id for recipient in people]
        return [(batch, found[batch.token]) for batch in due if found[batch.token]]

    def apply_check(self, batch: Batch, at: float, withdrawn: Mapping[int, str]) -> None:
        """Apply a consent check of this batch that began at `at` and found these withdrawals."""
        with self._lock:
            if withdrawn:
                self._withdraw_waiting(batch, withdrawn)
                for number, (owner, _) in self._on_wire.items():
                    if owner is batch and number in withdrawn:
                        self._withdrawn[number] = withdrawn[number]
            batch.checked_at = at
            self._give_turns(batch)

    @staticmethod
    def _withdraw_waiting(batch: Batch, withdrawn: Mapping[int, str]) -> None:
        for group, people in batch.waiting.items():
            lost = [person.delivery_id for person in people if person.delivery_id in withdrawn]
            if lost:
                batch.waiting[group] = deque(
                    person for person in people if person.delivery_id not in withdrawn
                )
                batch.withdrawn += [(number, withdrawn[number]) for number in lost]

    # --- leases ------------------------------------------------------------------------------

    @property
    def is_idle(self) -> bool:
        """Return whether the outcome of every delivery in here is recorded."""
        return not self.batches

    @property
    def has_work(self) -> bool:
        """Return whether the provider would get a message."""
        return self.account.is_working and self._stock() > 0

    def renewed(self, batch: Batch, deadline: float) -> None:
        """Extend the deadline of a batch whose lease was renewed."""
        batch.deadline, batch.renewed_at = deadline, self._monotonic()
        with self._lock:
            self._give_turns(batch)

    def lost(self, batch: Batch) -> None:
        """Begin nothing more of a batch whose lease expired: others may have settled it."""
        batch.deadline = 0.0
        self.recall(batch)

    def recall(self, batch: Batch, groups: Collection[str] | None = None) -> None:
        """Withdraw what is not yet on the wire; of these mailbox groups, or of all."""
        with self._lock:
            for group, people in batch.waiting.items():
                if groups is None or group in groups:
                    batch.recalled += [recipient.delivery_id for recipient in people]
                    people.clear()

    def recall_all(self) -> None:
        """Withdraw everything that is not yet on the wire."""
        for batch in list(self.batches):
            self.recall(batch)
