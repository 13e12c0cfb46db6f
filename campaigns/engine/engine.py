"""The sending engine of a worker process: from the claim to the wire, and back to the ledger.

Three threads work on it. The job (jobs.send) claims deliveries and puts them into the outbox of
their provider account. The provider's thread takes messages from there, which are rendered at
that moment, and reports what became of them. The recorder writes that to the ledger, in bulk.
So no connection waits for the database, and what is on its way outlives a single job.

A fourth thread repeats the consent check for what waits or is on the wire. A body leaves only if
its last check began less than OLDEST_CHECK_SECONDS ago, whatever the database or the server does.
"""

import secrets
import threading
import time
from collections import Counter, deque
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta

import sqlalchemy as sa
import structlog
from flask import Flask
from redis.exceptions import RedisError
from sqlalchemy.exc import SQLAlchemyError

from campaigns.campaign import lifecycle
from campaigns.campaign.models import Campaign
from campaigns.clock import running_seconds, utcnow
from campaigns.content.mime.compile import Compiled, RenderError
from campaigns.context import services
from campaigns.db import db, transaction
from campaigns.delivery import canary, claims, outcomes
from campaigns.delivery.journal import Journal
from campaigns.delivery.retry import limits_of
from campaigns.engine.feedback import Judge, rule_book, tell_limiter
from campaigns.engine.limiter import buckets
from campaigns.engine.pacer import Pacer
from campaigns.messages import Message, Recipient, SendResult
from campaigns.outages import outages
from campaigns.providers import health
from campaigns.providers.base import Provider, ProviderTroubleError
from campaigns.providers.models import ProviderAccount
from campaigns.providers.registry import open_provider
from campaigns.reason import Reason
from campaigns.throttling.loading import load_plan
from campaigns.throttling.plan import Grant, Pace, Plan
from campaigns.transactional.alerts import alert_owners

log = structlog.get_logger()

LEASE_USED = 0.8
"""After this part of a lease nothing of it is begun any more."""
RENEW_AFTER = 0.25
"""After this part of a lease it is renewed."""
RECORD_SECONDS = 0.4
RECORD_AT = 2000
"""So many results are written at once, without waiting for the next round."""
TRY_AGAIN_SECONDS = 2.0
"""So often a journal that could not be written is tried again."""
LOOK_SECONDS = 0.5
"""So often is looked whether a campaign was paused or cancelled."""
FIRST_STOCK, SMALLEST_STOCK, LARGEST_STOCK = 100, 8, 4000
STOCK_SECONDS = 1.0
"""An outbox is filled for about so long: enough never to run dry, little to give back."""
LONGEST_STOCK_SECONDS = 2.0
"""Work held beyond this, at the speed of the last two seconds, goes back to the queue."""
SPEED_SAMPLES = 5
CONNECTIONS = 10
"""Of one worker to one account, where the account's own limit is not lower."""
SHARE_SECONDS = 0.5
"""Interval between requests for a share of an account's connections."""
HANDOVER_SECONDS = 0.1
"""The same, while connections pass from one worker to another."""
SHARE_OVERDUE_SECONDS = 1.0
"""After this the recorder asks in place of a job that does not."""
CHECK_INTERVAL_SECONDS = 0.5
"""Interval between rounds of the consent check."""
CHECK_AFTER_SECONDS = 1.0
"""Age at which a consent check is repeated."""
OLDEST_OFFER_SECONDS = 2.0
"""Age of a consent check beyond which a message is not offered to the server any more."""
OLDEST_CHECK_SECONDS = 2.5
"""Age of a consent check beyond which no body leaves."""


@dataclass(slots=True, eq=False)
class Batch:
    """One claim of this process, until every delivery of it has its fate in the ledger."""

    token: str
    campaign_id: int
    compiled: Compiled
    journal: Journal
    deadline: float
    """By `running_seconds`: after this no body of it is begun."""
    checked_at: float = field(default_factory=running_seconds)
    """By `running_seconds`: when the last consent check that covers all of it began."""
    waiting: dict[str, deque[Recipient]] = field(default_factory=dict)
    """By mailbox group."""
    groups: dict[int, str] = field(default_factory=dict)
    """The mailbox group of each delivery."""
    left: int = 0
    """Deliveries whose fate is not in the ledger yet."""
    renewed_at: float = 0.0
    # What the ledger does not know yet. Others only append; the recorder deletes what it wrote.
    results: list[SendResult] = field(default_factory=list)
    unrenderable: list[tuple[int, str]] = field(default_factory=list)
    recalled: list[int] = field(default_factory=list)
    withdrawn: list[tuple[int, str]] = field(default_factory=list)

    @property
    def stock(self) -> int:
        return sum(map(len, self.waiting.values()))

    def news(self) -> "News":
        return News(
            self,
            list(self.results),
            list(self.unrenderable),
            list(self.recalled),
            list(self.withdrawn),
        )


@dataclass(frozen=True, slots=True)
class News:
    """What became of some deliveries of a batch, to be written now."""

    batch: Batch
    results: list[SendResult]
    unrenderable: list[tuple[int, str]]
    recalled: list[int]
    withdrawn: list[tuple[int, str]]

    def __len__(self) -> int:
        return len(self.results) + len(self.unrenderable) + len(self.recalled) + len(self.withdrawn)

    def are_written(self) -> None:
        """They are committed."""
        del self.batch.results[: len(self.results)]
        del self.batch.unrenderable[: len(self.unrenderable)]
        del self.batch.recalled[: len(self.recalled)]
        del self.batch.withdrawn[: len(self.withdrawn)]
        self.batch.left -= len(self)


class Outbox:
    """What waits to be sent by one account. The provider takes from it and reports to it.

    A `Source` (providers.base): its methods are called from the provider's thread.
    """

    def __init__(self, provider_id: int, on_news: threading.Condition) -> None:
        self.provider_id = provider_id
        self.broken: ProviderTroubleError | None = None
        """The account does not work: nothing is offered until it is tried again."""
        self.resting_until = 0.0
        """By `time.monotonic`: it had trouble, and is left alone until then."""
        self.connections = 0
        """So many may empty it. 0: other workers hold all that the account may have."""
        self.share_asked_at = -SHARE_SECONDS
        """By `time.monotonic`: when a share of the account's connections was last asked for."""
        self.fault: OSError | None = None
        """The journal could not be written: nothing more may leave."""
        self.at_once: Mapping[str, int] = {}
        """Of these mailbox groups only so many may be on the wire at the same moment."""
        self.batches: list[Batch] = []
        self._pacers: dict[str | int, Pacer] = {}  # of the account (""), a campaign, a group
        self._next_at: float | None = None
        self._news = on_news
        self._lock = threading.Lock()
        self._turns: deque[tuple[Batch, str]] = deque()
        self._on_the_way: dict[int, tuple[Batch, Recipient]] = {}
        self._gone: dict[int, str] = {}  # on the way, and consent was withdrawn: the reason
        self._settled = 0
        self._speeds: deque[tuple[float, int]] = deque(maxlen=SPEED_SAMPLES)
        self._rate, self._rated_at, self._rated_count = 0.0, time.monotonic(), 0

    # --- the provider's side ---------------------------------------------------------------

    def take(self) -> Message | None:
        """The next message, rendered now. Campaigns and claims take turns."""
        while True:
            with self._lock:
                found = self._next()
                if found is None:
                    return None
                batch, recipient = found
                self._on_the_way[recipient.delivery_id] = found
            try:
                return batch.compiled.render(recipient, now=utcnow())
            except RenderError as error:
                self._cannot_render(batch, recipient, str(error))
            except Exception:
                log.exception("rendering failed", delivery=recipient.delivery_id)
                self._cannot_render(batch, recipient, "Something went wrong; see the log.")

    def _next(self) -> tuple[Batch, Recipient] | None:
        if self.broken is not None or self.fault is not None:
            return None
        self._next_at = None
        moment = time.monotonic() if self._pacers else 0.0
        if self._pacers and self._must_wait(moment, ""):
            return None
        now = running_seconds()
        for _ in range(len(self._turns)):
            batch, group = self._turns[0]
            is_late = now >= batch.deadline or now >= batch.checked_at + OLDEST_OFFER_SECONDS
            if is_late or not batch.waiting[group]:
                self._turns.popleft()  # it comes back when something is put back, or renewed
                continue
            self._turns.rotate(-1)
            if self._pacers and self._must_wait(moment, group, batch.campaign_id):
                continue
            if self._may_go(group):
                for key in ("", group, batch.campaign_id) if self._pacers else ():
                    if (pacer := self._pacers.get(key)) is not None:
                        pacer.use(moment)
                self._next_at = None
                return batch, batch.waiting[group].popleft()
        return None

    def _must_wait(self, now: float, *keys: str | int) -> bool:
        """Whether the pace of any of these forbids a message now; notes when it may leave."""
        due = max(
            (self._pacers[key].due_at(now) for key in keys if key in self._pacers), default=now
        )
        if due <= now:
            return False
        self._next_at = due if self._next_at is None else min(due, self._next_at)
        return True

    def next_at(self) -> float | None:
        """When `take` may give something after it gave nothing; None: after a `wake`."""
        return self._next_at

    def _may_go(self, group: str) -> bool:
        """Whether another of this group may be on the wire now. Hardly ever is that limited."""
        most = self.at_once.get(group)
        if most is None:
            return True
        here = sum(person.mailbox_group == group for _, person in self._on_the_way.values())
        return here < most

    def begin(self, message: Message) -> bool:
        """Journal that this body leaves. False: it must not leave any more."""
        batch, _ = self._on_the_way[message.delivery_id]
        if message.delivery_id in self._gone:
            return False
        try:
            # In this order: a process that was stopped in between for an hour finds either its
            # time over here, or its intent in the journal by which the claim was settled.
            batch.journal.intent(message.delivery_id)
            if running_seconds() < min(batch.deadline, batch.checked_at + OLDEST_CHECK_SECONDS):
                return True
            batch.journal.reply(SendResult(message.delivery_id, "unsent", scope="connection"))
        except OSError as error:
            self.fault = error
        return False

    def put_back(self, message: Message) -> None:
        """It was not begun after all, or not taken for a reason of the session alone."""
        batch, _ = self._on_the_way[message.delivery_id]
        try:
            # It may have been begun: a crash must not find it open.
            batch.journal.put_back(message.delivery_id)
        except OSError as error:
            self.fault = error
        with self._lock:
            batch, recipient = self._on_the_way.pop(message.delivery_id)
            reason = self._gone.pop(message.delivery_id, "")
            if reason:
                batch.withdrawn.append((message.delivery_id, reason))
                return
            batch.waiting[recipient.mailbox_group].appendleft(recipient)
            self._give_turns(batch)

    def settle(self, result: SendResult) -> None:
        """The fate of a message is known."""
        with self._lock:
            batch, _ = self._on_the_way.pop(result.delivery_id)
            if self._gone:
                self._gone.pop(result.delivery_id, None)
            self._settled += 1
        try:
            batch.journal.reply(result)
        except OSError as error:
            self.fault = error  # the result is in memory; nothing more may leave
        batch.results.append(result)
        if result.scope == "sender" and result.outcome != "sent":
            self.trouble(
                ProviderTroubleError(
                    f"The server refuses this sender: {result.reply}",
                    permanent=result.outcome == "failed",
                )
            )
        elif self._settled % RECORD_AT == 0:
            self._tell()

    def trouble(self, trouble: ProviderTroubleError) -> None:
        """The account does not work."""
        self.broken = trouble
        self._tell()

    def _cannot_render(self, batch: Batch, recipient: Recipient, words: str) -> None:
        with self._lock:
            del self._on_the_way[recipient.delivery_id]
            self._gone.pop(recipient.delivery_id, None)
        batch.unrenderable.append((recipient.delivery_id, words))

    def _tell(self) -> None:
        with self._news:
            self._news.notify_all()

    # --- the worker's side -----------------------------------------------------------------

    def put(self, batch: Batch, recipients: Collection[Recipient]) -> None:
        batch.left = len(recipients)
        with self._lock:
            for recipient in recipients:
                batch.groups[recipient.delivery_id] = recipient.mailbox_group
                if recipient.delivery_id in self._on_the_way:
                    # Of a claim that we lost: it has to end before it may be offered anew.
                    batch.recalled.append(recipient.delivery_id)
                else:
                    batch.waiting.setdefault(recipient.mailbox_group, deque()).append(recipient)
            self.batches.append(batch)
            self._give_turns(batch)

    def on_wire(self) -> Mapping[str, int]:
        """Messages of each mailbox group that the provider has taken and not settled."""
        with self._lock:
            return Counter(person.mailbox_group for _, person in self._on_the_way.values())

    def pace(self, campaign_id: int, grant: Grant, now: float) -> None:
        """What was granted leaves at these moments; `now` is when that was said, monotonic."""
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
                self._pacers.clear()  # of campaigns and limits that are over
            for key, (pace, count) in paces.items():
                if pace is None:
                    self._pacers.pop(key, None)  # there is no limit any more
                else:
                    pacer = self._pacers.setdefault(key, Pacer())
                    pacer.add(now + pace.delay, pace.every, count)

    def limit_at_once(self, groups: Collection[str], limits: Mapping[str, int]) -> None:
        """Of these groups only so many may be on the wire at the same moment, if any limit.

        Where that is none, because other workers send all that may, what waits goes back to them.
        """
        others = {group: most for group, most in self.at_once.items() if group not in groups}
        self.at_once = {**others, **limits}
        closed = [group for group, most in limits.items() if not most]
        for batch in list(self.batches) if closed else ():
            self.recall(batch, closed)

    def _give_turns(self, batch: Batch) -> None:
        for group, people in batch.waiting.items():
            if people and (batch, group) not in self._turns:
                self._turns.append((batch, group))

    @property
    def room(self) -> int:
        """How many more it should hold, by how fast they leave; 0 while it is still half full.

        So claims are large and few.
        """
        stock = int(self._measured_rate() * STOCK_SECONDS)
        smallest = SMALLEST_STOCK if self._settled else FIRST_STOCK
        wanted = max(smallest, min(LARGEST_STOCK, stock))
        held = sum(batch.stock for batch in list(self.batches))
        return wanted - held if held <= wanted / 2 else 0

    def _measured_rate(self) -> float:
        """Messages a second, lately. A new outbox is tried with little."""
        now = time.monotonic()
        passed = now - self._rated_at
        if passed >= 0.1:
            rate = (self._settled - self._rated_count) / passed
            # Up at once, down slowly: a short pause is no reason to run dry after it.
            self._rate = max(rate, self._rate * 0.8 + rate * 0.2)
            self._rated_at, self._rated_count = now, self._settled
        return self._rate

    def release_surplus(self, now: float) -> None:
        """Give back what would wait for more than two seconds at the speed of now.

        `now` is by `time.monotonic`. To be called every CHECK_INTERVAL_SECONDS.
        """
        if not self.batches:
            self._speeds.clear()
            return
        self._speeds.append((now, self._settled))
        if len(self._speeds) < SPEED_SAMPLES:
            return
        since, before = self._speeds[0]
        batches = list(self.batches)
        few = SMALLEST_STOCK * len({batch.campaign_id for batch in batches})
        speed = (self._settled - before) / (now - since)
        surplus = sum(batch.stock for batch in batches)
        surplus -= max(few, int(speed * LONGEST_STOCK_SECONDS))
        for batch in reversed(batches):  # what was claimed last would wait longest
            if surplus <= 0:
                return
            surplus -= self._shorten(batch, surplus)

    def _shorten(self, batch: Batch, many: int) -> int:
        """Give back up to so many of a batch, evenly from its groups; how many it were."""
        given = 0
        with self._lock:
            while given < many and batch.stock:
                longest = max(batch.waiting.values(), key=len)
                batch.recalled.append(longest.pop().delivery_id)
                given += 1
        return given

    # --- consent ---------------------------------------------------------------------------

    def to_check(self, now: float) -> list[tuple[Batch, list[int]]]:
        """Batches whose consent check is due, and what of each has not begun or is on the wire."""
        old = [batch for batch in list(self.batches)
               if now - batch.checked_at >= CHECK_AFTER_SECONDS]  # fmt: skip
        if not old:
            return []
        found: dict[str, list[int]] = {batch.token: [] for batch in old}
        with self._lock:
            for number, (batch, _) in self._on_the_way.items():
                if batch.token in found:
                    found[batch.token].append(number)
            for batch in old:
                for people in batch.waiting.values():
                    found[batch.token] += [recipient.delivery_id for recipient in people]
        return [(batch, found[batch.token]) for batch in old if found[batch.token]]

    def checked(self, batch: Batch, at: float, gone: Mapping[int, str]) -> None:
        """A consent check of this batch that began at this moment has found these reasons."""
        with self._lock:
            if gone:
                for group, people in batch.waiting.items():
                    lost = [person.delivery_id for person in people if person.delivery_id in gone]
                    if lost:
                        batch.waiting[group] = deque(
                            person for person in people if person.delivery_id not in gone
                        )
                        batch.withdrawn += [(number, gone[number]) for number in lost]
                for number, (owner, _) in self._on_the_way.items():
                    if owner is batch and number in gone:
                        self._gone[number] = gone[number]
            batch.checked_at = at
            self._give_turns(batch)

    @property
    def is_idle(self) -> bool:
        return not self.batches

    @property
    def has_work(self) -> bool:
        """Whether the provider would get something."""
        is_open = self.broken is None and self.fault is None
        return is_open and any(batch.stock for batch in list(self.batches))

    def renewed(self, batch: Batch, deadline: float) -> None:
        """The lease of a batch began anew: it is in turn again."""
        batch.deadline, batch.renewed_at = deadline, time.monotonic()
        with self._lock:
            self._give_turns(batch)

    def lost(self, batch: Batch) -> None:
        """Its lease ran out and others may have settled it: nothing of it may begin any more."""
        batch.deadline = 0.0
        self.recall(batch)

    def recall(self, batch: Batch, groups: Collection[str] | None = None) -> None:
        """Take back what is not on its way yet; of these mailbox groups, or of all."""
        with self._lock:
            for group, people in batch.waiting.items():
                if groups is None or group in groups:
                    batch.recalled += [recipient.delivery_id for recipient in people]
                    people.clear()


class Engine:
    """Everything a worker process has on its way. One for each process."""

    def __init__(self, app: Flask) -> None:
        self._app = app
        with app.app_context():
            settings = services().settings
            self._lease = timedelta(seconds=settings.lease_seconds)
            self._limits = limits_of(settings)
        self.name = secrets.token_hex(6)
        """By which the limiter knows this process."""
        self._judge = Judge(self._limits)
        self._outboxes: dict[int, Outbox] = {}
        self._providers: dict[int, tuple[int, Provider]] = {}
        self._retired: list[tuple[int, Provider]] = []
        self._share_lock = threading.Lock()  # a job and the recorder both ask for shares
        self._news = threading.Condition()
        self._is_closing = self._is_closed = False
        self._looked_at = self._tried_again_at = 0.0
        self._recorder = threading.Thread(target=self._record_until_closed, name="recorder")
        self._recorder.daemon = True
        self._recorder.start()
        self._closing = threading.Event()
        self._checker = threading.Thread(target=self._check_until_closed, name="consent")
        self._checker.daemon = True
        self._checker.start()

    # --- the job's side --------------------------------------------------------------------

    def room(self, provider_id: int) -> int:
        """How much more is wanted for this account."""
        outbox = self._outboxes.get(provider_id)
        return FIRST_STOCK if outbox is None else outbox.room

    def outbox(self, account: ProviderAccount, plan: Plan) -> Outbox:
        """The outbox of this account, being emptied by this worker's share of its connections.

        Raises SecretUnreadableError, RedisError.
        """
        outbox = self._outboxes.get(account.id)
        if outbox is None:
            outbox = self._outboxes[account.id] = Outbox(account.id, self._news)
        kept = self._providers.get(account.id)
        if kept is None or kept[0] != account.version:
            provider = open_provider(account, services().vault)
            if kept is not None:  # the account was changed: what is on its way finishes
                kept[1].serve(outbox, 0)
                self._retired.append((account.id, kept[1]))
            self._providers[account.id] = (account.version, provider)
            outbox.share_asked_at = -SHARE_SECONDS
        self._ask_for_share(outbox, plan)
        return outbox

    def keep_shares(self, *, overdue_seconds: float = SHARE_SECONDS) -> None:
        """Ask for connections while something waits for them or is open. Raises RedisError.

        Not only to claim more: what others hold changes. Who is idle lets others have its share.
        """
        for outbox in list(self._outboxes.values()):
            is_held = outbox.connections or self._open_connections(outbox.provider_id)
            is_due = time.monotonic() - outbox.share_asked_at >= overdue_seconds
            if is_due and (is_held or not outbox.is_idle):
                self._ask_for_share(outbox, load_plan(outbox.provider_id, now=utcnow()))

    def _ask_for_share(self, outbox: Outbox, plan: Plan) -> None:
        with self._share_lock:
            now = time.monotonic()
            if now - outbox.share_asked_at < SHARE_SECONDS:
                return
            is_idle = outbox.is_idle and threading.current_thread() is self._recorder
            held = self._open_connections(outbox.provider_id)
            count = buckets().connections(
                outbox.provider_id, self.name, plan, held=held, is_idle=is_idle
            )
            outbox.share_asked_at = now
            if is_idle and not count:  # given up: asked for again as soon as there is work
                outbox.share_asked_at = -SHARE_SECONDS
            elif held > count or not count:
                outbox.share_asked_at += HANDOVER_SECONDS - SHARE_SECONDS
            self.connect(outbox.provider_id, min(count, CONNECTIONS))

    def _open_connections(self, provider_id: int) -> int:
        """Of this account, also those of its former settings that still finish."""
        former = sum(old.open_connections for number, old in self._retired if number == provider_id)
        return former + self._providers[provider_id][1].open_connections

    def connect(self, provider_id: int, connections: int) -> None:
        """Let so many connections empty the outbox of this account. 0: it gives all back."""
        outbox = self._outboxes[provider_id]
        outbox.connections = connections
        self._providers[provider_id][1].serve(outbox, connections)

    def claim(
        self, campaign_id: int, outbox: Outbox, compiled: Compiled, wants: Mapping[str, int]
    ) -> Mapping[str, int]:
        """Claim deliveries and let them leave. Returns how many were taken of each group."""
        token = secrets.token_hex(12)
        checked_at = running_seconds()  # before the statement that looks at consent
        deadline = checked_at + self._lease.total_seconds() * LEASE_USED
        journal = Journal(services().settings.journal_dir, token)
        try:
            # On the disk before anything leaves: else a power cut could make it never have been.
            with transaction(durable=True):
                allowed = canary.cap(campaign_id, wants)
                claimed = claims.claim(
                    campaign_id, allowed, token=token, lease=self._lease, now=utcnow()
                )
                if not claimed.recipients:
                    claims.close([token])
        except BaseException:
            journal.close()  # it may have been committed: the sweep settles it
            raise
        if not claimed.recipients:
            journal.remove()
            return claimed.taken
        outbox.resting_until = 0.0  # whoever granted this knows better
        batch = Batch(
            token, campaign_id, compiled, journal, deadline, checked_at,
            renewed_at=time.monotonic(),
        )  # fmt: skip
        outbox.put(batch, claimed.recipients)
        self._providers[outbox.provider_id][1].wake()
        return claimed.taken

    def has_batches_of(self, campaign_id: int) -> bool:
        return any(
            batch.campaign_id == campaign_id
            for outbox in self._outboxes.values()
            for batch in outbox.batches
        )

    @property
    def is_idle(self) -> bool:
        """Whether every delivery that was claimed here has its fate in the ledger."""
        return all(outbox.is_idle for outbox in self._outboxes.values())

    def wait_for_news(self, seconds: float) -> None:
        """Until something was recorded, at most so long."""
        with self._news:
            self._news.wait(seconds)

    def drain(self, seconds: float) -> None:
        """Begin nothing more; wait for the answers that are due and record them."""
        self._is_closing = True
        deadline = time.monotonic() + seconds
        while not self.is_idle and time.monotonic() < deadline:
            self._tell()
            time.sleep(0.02)

    def close(self, *, drain_seconds: float = 0.0) -> None:
        """Let go of everything. What has no answer by then is left to the journals."""
        self.drain(drain_seconds)
        for _, provider in (*self._retired, *self._providers.values()):
            provider.close()
        self._is_closed = True
        self._closing.set()
        self._tell()
        self._recorder.join(5)
        self._checker.join(5)
        for outbox in self._outboxes.values():
            for batch in outbox.batches:
                batch.journal.close()

    def _tell(self) -> None:
        with self._news:
            self._news.notify_all()

    # --- the consent check -----------------------------------------------------------------

    def _check_until_closed(self) -> None:
        """In a thread of its own: a write that waits for others must not make the checks late."""
        while not self._closing.wait(CHECK_INTERVAL_SECONDS):
            try:
                self._check_consent()
            except SQLAlchemyError as error:  # nothing leaves until it can be checked
                outages.began("consent check", error)
            except Exception:
                log.exception("consent cannot be checked; nothing leaves until it can")
            else:
                outages.over("consent check")

    def _check_consent(self) -> None:
        """Repeat the consent check where it is due, and give back what would wait too long."""
        for outbox in list(self._outboxes.values()):
            outbox.release_surplus(time.monotonic())
            due = outbox.to_check(running_seconds())
            if not due:
                continue
            at = running_seconds()
            with self._app.app_context():
                gone = claims.withdrawn([number for _, ids in due for number in ids])
            for batch, _ in due:
                outbox.checked(batch, at, gone)

    # --- the recorder ----------------------------------------------------------------------

    def _record_until_closed(self) -> None:
        is_last = False
        while not is_last:
            with self._news:
                is_last = self._is_closed or (
                    not self._news.wait(RECORD_SECONDS) and self._is_closed
                )
            try:
                with self._app.app_context():
                    self._record()
            except (SQLAlchemyError, RedisError, OSError) as error:
                outages.began("recorder", error)
                time.sleep(RECORD_SECONDS)
            except Exception:
                # Whatever it is: results are in the journals, and this thread must not end.
                log.exception("outcomes cannot be recorded; trying on")
                time.sleep(1)
            else:
                outages.over("recorder")

    def _record(self) -> None:
        """Write what is new, renew what takes long, take back what must not leave any more."""
        self._recall_the_stopped()
        self._try_faulty_again()
        for outbox in list(self._outboxes.values()):
            is_resting = time.monotonic() < outbox.resting_until or not outbox.connections
            if self._is_closing or is_resting or outbox.broken is not None:
                for batch in outbox.batches:
                    outbox.recall(batch)
            self._write(outbox)
            # What waits may have been put there while the provider was told that there is
            # nothing: in trouble, after its deadline, or just before it was renewed.
            if outbox.has_work:
                self._providers[outbox.provider_id][1].wake()
        for retired in [retired for retired in self._retired if retired[1].is_idle()]:
            retired[1].close()
            self._retired.remove(retired)
        with suppress(RedisError):  # the share runs out, and is asked for when it is back
            self.keep_shares(overdue_seconds=SHARE_OVERDUE_SECONDS)

    def _recall_the_stopped(self) -> None:
        """Campaigns that were paused or cancelled send nothing more."""
        if time.monotonic() - self._looked_at < LOOK_SECONDS:
            return
        self._looked_at = time.monotonic()
        outboxes = list(self._outboxes.values())
        batches = [(outbox, batch) for outbox in outboxes for batch in outbox.batches]
        if not batches:
            return
        wanted = {batch.campaign_id for _, batch in batches}
        going = set(
            db.session.scalars(
                sa.select(Campaign.id).where(Campaign.id.in_(wanted), Campaign.status == "sending")
            )
        )
        for outbox, batch in batches:
            if batch.campaign_id not in going:
                outbox.recall(batch)

    def _try_faulty_again(self) -> None:
        """A disk that was full may have room again."""
        if time.monotonic() - self._tried_again_at < TRY_AGAIN_SECONDS:
            return
        self._tried_again_at = time.monotonic()
        faulty = [outbox for outbox in self._outboxes.values() if outbox.fault is not None]
        if not faulty:
            outages.over("journal")
        for outbox in faulty:
            if outbox.fault is not None:
                outages.began("journal", outbox.fault)
                outbox.fault = None
                self._providers[outbox.provider_id][1].wake()

    def _write(self, outbox: Outbox) -> None:
        trouble = outbox.broken
        news = [found for batch in outbox.batches if (found := batch.news())]
        fresh = time.monotonic() - self._lease.total_seconds() * RENEW_AFTER
        late = [batch for batch in outbox.batches if batch.renewed_at < fresh]
        if not (news or late or trouble):
            return
        deadline = running_seconds() + self._lease.total_seconds() * LEASE_USED
        done = [found.batch for found in news if len(found) == found.batch.left]
        readings = [outcomes.read(found.results) for found in news]
        book = rule_book(outbox.provider_id, ((n.batch.groups, n.results) for n in news))
        with transaction():
            now = utcnow()
            feedback = []
            for found, reading in zip(news, readings, strict=True):
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
                    self._judge.heed(
                        outbox.provider_id, found.batch.campaign_id, recorded, now=now, book=book
                    )
                )
                outcomes.release(token, found.recalled, now=now)
                claims.skip(token, found.withdrawn, now=now)
            renewed = claims.renew([batch.token for batch in late], lease=self._lease, now=now)
            claims.close([batch.token for batch in done])
            mails = self._note_health(outbox, news, trouble)
        for found in news:
            found.are_written()
        for batch in late:
            if batch.token in renewed:
                outbox.renewed(batch, deadline)
            else:
                outbox.lost(batch)
        for batch in done:
            outbox.batches.remove(batch)
            batch.journal.remove()
        if trouble is not None:
            outbox.broken = None
        self._tell()
        for found, told in zip(news, feedback, strict=True):
            if told.is_held:
                outbox.recall(found.batch)
        if any(not self.has_batches_of(batch.campaign_id) for batch in done):
            # It may be done. The job that claimed this is over, and whoever answered its ring
            # since may have seen nothing to do.
            services().doorbell.ring("send")
        for mail_id in mails:
            services().doorbell.ring("transactional", mail_id)
        for told in feedback:
            tell_limiter(outbox.provider_id, told)

    def _note_health(
        self, outbox: Outbox, news: Collection[News], trouble: ProviderTroubleError | None
    ) -> list[int]:
        """What this tells about the account, and about the campaigns that use it.

        Gives the ids of mails to the owners, for the doorbell.
        """
        if trouble is not None:
            now = utcnow()
            retry_at = health.note_trouble(outbox.provider_id, str(trouble), now=now)
            outbox.resting_until = time.monotonic() + (retry_at - now).total_seconds()
            if trouble.permanent:
                for campaign_id in {batch.campaign_id for batch in outbox.batches}:
                    lifecycle.pause(
                        campaign_id,
                        now=now,
                        reason=Reason.unpack(str(trouble)),
                        through=outbox.provider_id,
                    )
            return alert_owners(outbox.provider_id, now=now, is_permanent=trouble.permanent)
        if any(result.outcome == "sent" for found in news for result in found.results):
            health.clear(outbox.provider_id)
        return []
