"""The plan of an account, and the requests and answers of a limiter. Values only."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from typing import Protocol

from campaigns.reason import Reason


@dataclass(frozen=True, slots=True)
class Windows:
    """Limits per second, minute, hour and 24 hours. 0: no limit."""

    second: int = 0
    minute: int = 0
    hour: int = 0
    day: int = 0


@dataclass(frozen=True, slots=True)
class GroupPlan:
    """Limits of a mailbox group at an account. 0: no limit."""

    per_second: float = 0.0
    per_day: int = 0
    """Today's cap of the group's warm-up."""
    at_once: int = 0
    """Messages on the wire at the same time, from all workers."""
    suspended_until: datetime | None = None
    why: Reason | None = None
    """The server's reply, if it caused any of this."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How fast an account may send now, and a campaign through it."""

    name: str = ""
    """The account's name, to show to users."""
    windows: Windows = Windows()
    connections: int = 0
    """Limit of simultaneous connections, over all workers. 0: no limit."""
    groups: Mapping[str, GroupPlan] = field(default_factory=dict)
    warm_up_per_day: int | None = None
    """Today's cap of the account's warm-up, if it has one."""
    slow_per_second: float = 0.0
    """Rate while the account is slowed; 0 if it is not."""
    suspended_until: datetime | None = None
    is_quota: bool = False
    """It is suspended only because a quota is used up."""
    why: Reason | None = None
    """The server's reply, if it caused any of this."""
    is_down: bool = False
    """The account's server does not work, for an unknown time."""
    probe: bool = False
    """The account had trouble: send single messages to find out whether it works again."""
    pace_per_second: float = 0.0
    """The campaign's own pace. 0: as fast as the account allows."""
    zone: tzinfo = UTC
    """Time zone of the times shown to users."""

    @property
    def is_free(self) -> bool:
        """Whether the account itself is not limited, apart from its groups."""
        return (
            self.windows == Windows()
            and self.warm_up_per_day is None
            and self.suspended_until is None
            and not self.slow_per_second
            and not self.probe
        )


@dataclass(frozen=True, slots=True)
class GrantRequest:
    """A worker's request to send. `wants`: largest number by mailbox group.

    `campaign_id` 0 means email to one person (a confirmation, a test).
    """

    provider_id: int
    campaign_id: int
    wants: Mapping[str, int]
    holder: str = ""
    """The worker's name: shares of limits on the wire are leased to it."""
    on_wire: Mapping[str, int] = field(default_factory=dict)
    """Messages that the holder has on the wire now, by mailbox group."""


@dataclass(frozen=True, slots=True)
class Hold:
    """Why a group gets less than requested, and until when if known."""

    why: Reason
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class AccountHold:
    """A limit on the whole account: a `kind` of limiter.lua, and for how long."""

    kind: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Pace:
    """When granted messages may leave: the first after `delay` seconds, then one every `every`."""

    delay: float
    every: float


@dataclass(frozen=True, slots=True)
class Paces:
    """The paces of a grant; without one, there is no limit per second."""

    account: Pace | None = None
    campaign: Pace | None = None
    groups: Mapping[str, Pace] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Grant:
    """How many messages of each group may go now.

    `wait_seconds`: when to ask again for what was not granted; 0 if everything was. A worker that
    got all it asked for in a group may ask for more at once. `at_once`: messages of these groups
    that this worker may have on the wire at the same time. `account`: why nothing at all was
    granted, if the whole account is limited. `paces`: when they may leave.
    """

    counts: Mapping[str, int]
    wait_seconds: float = 0.0
    holds: Mapping[str, Hold] = field(default_factory=dict)
    at_once: Mapping[str, int] = field(default_factory=dict)
    account: AccountHold | None = None
    paces: Paces = Paces()

    @property
    def total(self) -> int:
        """Number of messages granted."""
        return sum(self.counts.values())


class Limiter(Protocol):
    """Limits what all workers together send. Every call is one round trip to Redis."""

    def acquire(self, ask: GrantRequest, plan: Plan) -> Grant:
        """Take tokens for messages that may be sent now. Never waits."""
        ...

    def give_back(self, ask: GrantRequest, counts: Mapping[str, int]) -> None:
        """Return unused tokens of this request to all windows, soon after it."""
        ...

    def connections(
        self, provider_id: int, holder: str, plan: Plan, *, held: int = 0, is_idle: bool = False
    ) -> int:
        """Return how many connections this worker may hold now. Call it about every second.

        `held`: connections that it has open, so that others get only closed ones. With `is_idle` it
        keeps its share only while no other worker asks. A share not renewed goes to the others.
        Returns NO_LIMIT if the plan has 0 connections, which means no limit.
        """
        ...

    def feedback(self, provider_id: int, group: str, sent: int, throttled: int) -> None:
        """Adapt to the replies of a batch: halve the rate of a server that throttles, then recover.

        A group named '' is the whole account.
        """
        ...


NO_LIMIT = 1_000_000_000
