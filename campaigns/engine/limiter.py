"""The limiter's counters in Redis: one script call for all limits of an account."""

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

from flask import current_app
from redis import Redis

from campaigns.clock import utcnow
from campaigns.context import services
from campaigns.delivery import sent_counts
from campaigns.engine.redis_connection import connect
from campaigns.throttling.hold_reasons import hold
from campaigns.throttling.plan import (
    NO_LIMIT,
    AccountHold,
    Grant,
    GrantRequest,
    GroupPlan,
    Pace,
    Paces,
    Plan,
)

SCRIPT = Path(__file__).with_name("limiter.lua")


@dataclass(frozen=True, slots=True)
class AccountUsage:
    """The use of an account's limits, and its learned rates."""

    used: Mapping[str, int]
    learned: Mapping[str, float]
    ends: Mapping[str, datetime] = field(default_factory=dict)
    """Estimated end of each learned rate, if sending continues without throttling."""


class RedisLimiter:
    """Enforces limits across all workers and machines (see throttling.plan.Limiter).

    It uses the clock of Redis, so differences between the workers' clocks do not matter. `clock`
    replaces it in tests.
    """

    def __init__(self, redis: Redis, clock: Callable[[], float] | None = None) -> None:
        self._script = redis.register_script(SCRIPT.read_text("utf-8"))
        self._clock = clock

    def acquire(self, ask: GrantRequest, plan: Plan) -> Grant:
        """Grant as much of these requests as the limits of the account allow."""
        question = _question(ask, plan)
        answer = self._run(ask.provider_id, "acquire", question)
        if "missing" in answer:
            self._fill(ask.provider_id, answer["missing"])
            answer = self._run(ask.provider_id, "acquire", question)
        now = self._now()
        holds = {
            group: hold(
                held["kind"], group, plan, datetime.fromtimestamp(float(held["at"]), UTC), now=now
            )
            for group, held in answer["holds"].items()
        }
        held = answer.get("account")
        account = AccountHold(held["kind"], float(held["seconds"])) if held else None
        paces = Paces(
            _pace(answer.get("account_pace")),
            _pace(answer.get("campaign_pace")),
            {group: pace for group, told in answer["group_paces"].items() if (pace := _pace(told))},
        )
        return Grant(
            answer["counts"], float(answer["wait"]), holds, answer["at_once"], account, paces
        )

    def give_back(self, ask: GrantRequest, counts: Mapping[str, int]) -> None:
        """Return unused grants."""
        unused = {group: count for group, count in counts.items() if count > 0}
        if unused:
            question = {"campaign": ask.campaign_id, "counts": unused}
            self._run(ask.provider_id, "give_back", question)

    def connections(
        self, provider_id: int, holder: str, plan: Plan, *, held: int = 0, is_idle: bool = False
    ) -> int:
        """Return how many connections `holder` may have now.

        Each call also shows that the worker is alive: the share of a worker that stops calling goes
        to the others.
        """
        question = {
            "holder": holder, "most": plan.connections, "open": held, "is_idle": is_idle,
        }  # fmt: skip
        return min(NO_LIMIT, int(self._run(provider_id, "lease", question)["count"]))

    def feedback(self, provider_id: int, group: str, sent: int, throttled: int) -> None:
        """Adapt the learned rate of a mailbox group to its replies."""
        question = {"group": group, "sent": sent, "throttled": throttled}
        self._run(provider_id, "feedback", question)

    def standing(self, provider_id: int, groups: Sequence[str]) -> AccountUsage:
        """Return the usage to show. The learned rate under '' is that of the whole account."""
        shown = self._run(provider_id, "show", {"groups": ["", *groups]})
        learned = {group: float(rate) for group, rate in shown["learned"].items()}
        ends = {
            group: datetime.fromtimestamp(float(at), UTC) for group, at in shown["ends"].items()
        }
        return AccountUsage(shown["used"], learned, ends)

    def forget_learned(self, provider_id: int, group: str) -> None:
        """Forget the learned rate of a mailbox group."""
        self._run(provider_id, "forget", {"group": group})

    def _fill(self, provider_id: int, missing: list[dict[str, str]]) -> None:
        """Count sent deliveries in the database for counters that Redis lost or never had."""
        wanted = {lost["group"] for lost in missing}
        past: Counter[tuple[float, str]] = Counter()
        for at, group, count in sent_counts.sent_in_last_day(provider_id, now=self._now()):
            for name in wanted & {"", group}:  # '' means the whole account
                past[at.timestamp(), name] += count
        sent = [{"at": at, "group": group, "count": count} for (at, group), count in past.items()]
        self._run(provider_id, "fill", {"missing": missing, "sent": sent})

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock(), UTC) if self._clock else utcnow()

    def _run(self, provider_id: int, action: str, question: Mapping[str, Any]) -> dict[str, Any]:
        moment = repr(self._clock()) if self._clock else ""
        answer = self._script(
            keys=[f"campaigns:limit:{provider_id}:"], args=[action, moment, json.dumps(question)]
        )
        return cast("dict[str, Any]", json.loads(cast("bytes", answer)))


def limiter() -> RedisLimiter:
    """Return the limiter of the running app, created on first use."""
    found = current_app.extensions.get("campaigns.limiter")
    if found is None:
        found = RedisLimiter(connect(services().settings.redis_connection_url))
        current_app.extensions["campaigns.limiter"] = found
    return cast("RedisLimiter", found)


def _pace(told: Mapping[str, str] | None) -> Pace | None:
    return Pace(float(told["delay"]), float(told["every"])) if told else None


def _question(ask: GrantRequest, plan: Plan) -> dict[str, Any]:
    windows = {name: most for name, most in asdict(plan.windows).items() if most}
    cap = plan.warm_up_per_day
    is_warm_up = cap is not None and cap < windows.get("day", NO_LIMIT)
    if cap is not None and is_warm_up:
        windows["day"] = cap
    return _known(
        campaign=ask.campaign_id,
        holder=ask.holder,
        on_wire={group: count for group, count in ask.on_wire.items() if count} or None,
        wants={group: want for group, want in ask.wants.items() if want > 0},
        windows=windows,
        is_warm_up=is_warm_up,
        closed_until=_epoch(plan.suspended_until),
        probe=plan.probe,
        slow=plan.slow_per_second or None,
        pace=plan.pace_per_second or None,
        groups={group: _group(own) for group, own in plan.groups.items() if group in ask.wants},
    )


def _group(own: GroupPlan) -> dict[str, Any]:
    return _known(
        rate=own.per_second or None,
        day=own.per_day or None,
        at_once=own.at_once or None,
        closed_until=_epoch(own.suspended_until),
    )


def _known(**values: object) -> dict[str, Any]:
    """Leave out None: the script would mistake a null for a value."""
    return {name: value for name, value in values.items() if value is not None}


def _epoch(moment: datetime | None) -> float | None:
    return moment.timestamp() if moment is not None else None
