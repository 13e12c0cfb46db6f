"""What a limiter is asked, what it answers, and the plan it keeps to. Values only."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from typing import Protocol

from campaigns.reason import Reason


@dataclass(frozen=True, slots=True)
class Windows:
    """The most mails in any second, minute, hour and 24 hours. 0: no limit."""

    second: int = 0
    minute: int = 0
    hour: int = 0
    day: int = 0


@dataclass(frozen=True, slots=True)
class GroupPlan:
    """What one mailbox group may get through an account. 0: no limit."""

    per_second: float = 0.0
    per_day: int = 0
    """The warm-up of this group: its cap of today."""
    at_once: int = 0
    """Messages on the wire at the same time, over all workers."""
    suspended_until: datetime | None = None
    why: Reason | None = None
    """What its server said, if that is the reason for any of this."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How fast one account may send now, and one campaign through it."""

    name: str = ""
    """The account's name, for people."""
    windows: Windows = Windows()
    connections: int = 0
    """The most connections at the same time, over all workers. 0: no limit."""
    groups: Mapping[str, GroupPlan] = field(default_factory=dict)
    warm_up_per_day: int | None = None
    """The account's cap of today while it is warmed up."""
    slow_per_second: float = 0.0
    """The account asked us to slow down. 0: it did not."""
    suspended_until: datetime | None = None
    is_quota: bool = False
    """It is suspended because it said that a quota is used up, and for nothing worse."""
    why: Reason | None = None
    """What it said, when that is the reason for any of this."""
    is_down: bool = False
    """The account's server does not work: nobody knows when it will."""
    probe: bool = False
    """The account had trouble: one message at a time finds out whether it works again."""
    pace_per_second: float = 0.0
    """The campaign's own pace. 0: as fast as the account allows."""
    zone: tzinfo = UTC
    """In which times are told to people."""

    @property
    def is_free(self) -> bool:
        """Whether nothing holds the account itself back, whatever its groups may get."""
        return (
            self.windows == Windows()
            and self.warm_up_per_day is None
            and self.suspended_until is None
            and not self.slow_per_second
            and not self.probe
        )


@dataclass(frozen=True, slots=True)
class Ask:
    """A worker wants to send. `wants`: mailbox group -> how many at most.

    `campaign_id` 0 stands for mail to one person (a confirmation, a test).
    """

    provider_id: int
    campaign_id: int
    wants: Mapping[str, int]
    holder: str = ""
    """Who asks, the same each time: what may be on the wire at once is lent to it for a while."""
    on_wire: Mapping[str, int] = field(default_factory=dict)
    """How many of each mailbox group the holder has on the wire now."""


@dataclass(frozen=True, slots=True)
class Hold:
    """Why a group gets less than was wanted, and until when if known."""

    why: Reason
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class AccountHold:
    """What holds back the whole account: a word of limiter.lua, and for how long."""

    kind: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Pace:
    """When what was granted may leave: the first after `delay` seconds, then one each `every`."""

    delay: float
    every: float


@dataclass(frozen=True, slots=True)
class Paces:
    """The paces of a grant; None, or no entry: no limit per second there."""

    account: Pace | None = None
    campaign: Pace | None = None
    groups: Mapping[str, Pace] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Grant:
    """How many messages of each group may go now.

    `wait_seconds`: when to come back for what was not granted; 0 when everything was. Who got
    all of a group that was asked for may ask for more of it at once. `at_once`: of these groups
    only so many may be on this worker's wire at the same moment. `account`: why nothing at all
    was granted, when that is not the mailbox groups' doing. `paces`: when exactly they may leave.
    """

    counts: Mapping[str, int]
    wait_seconds: float = 0.0
    holds: Mapping[str, Hold] = field(default_factory=dict)
    at_once: Mapping[str, int] = field(default_factory=dict)
    account: AccountHold | None = None
    paces: Paces = Paces()

    @property
    def total(self) -> int:
        """Number of messages that were granted."""
        return sum(self.counts.values())


class Limiter(Protocol):
    """Counts what all workers together send. Every call is one round trip to Redis."""

    def acquire(self, ask: Ask, plan: Plan) -> Grant:
        """Take tokens for what may go now. Nobody waits in here."""
        ...

    def give_back(self, ask: Ask, counts: Mapping[str, int]) -> None:
        """Return tokens of this ask that were not used, soon after: to all its windows."""
        ...

    def connections(
        self, provider_id: int, holder: str, plan: Plan, *, held: int = 0, is_idle: bool = False
    ) -> int:
        """How many connections this worker may hold now. To be asked every few seconds.

        `held` are those that it really has open: others get only what it has closed. Who
        `is_idle` keeps its share only while nobody else asks. A share that is not asked for again
        is free after a while. 0 connections in the plan are no limit: then this is NO_LIMIT.
        """
        ...

    def feedback(self, provider_id: int, group: str, sent: int, throttled: int) -> None:
        """How a batch went: a server that throttles is sent half as much, then slowly more.

        A group named '' is the whole account.
        """
        ...


NO_LIMIT = 1_000_000_000
