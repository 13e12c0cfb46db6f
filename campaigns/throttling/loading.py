"""Load the plan of an account from the database."""

from collections.abc import Collection, Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TypeVar

import sqlalchemy as sa

from campaigns.accounts.workspace import workspace_zone
from campaigns.db import db
from campaigns.providers import health
from campaigns.providers.models import ProviderAccount
from campaigns.reason import Reason
from campaigns.throttling import warm_up
from campaigns.throttling.models import GroupLimit, GroupState
from campaigns.throttling.plan import GroupPlan, Plan, Windows

ACCOUNT = ""
ONE_MORE_EVERY = timedelta(minutes=10)
"""Time without trouble after which a group limited by "too many at once" gets one more."""
AT_ONCE_ENDS = 20
"""Number of simultaneous messages at which that limit ends."""

N = TypeVar("N", int, float)
T = TypeVar("T", GroupLimit, GroupState)


def load_plan(provider_id: int, *, now: datetime, pace_per_second: float = 0.0) -> Plan:
    """Load the plan for an account, and for a campaign with this pace.

    A few lookups by key. Loaded for each slice, so that changes by users and servers apply at once.
    """
    account = db.session.get_one(ProviderAccount, provider_id, populate_existing=True)
    zone = workspace_zone()
    states = {row.mailbox_group: row for row in _rows(GroupState, provider_id)}
    plan = Plan(
        name=account.name,
        windows=Windows(account.per_second, account.per_minute, account.per_hour, account.per_day),
        connections=account.connections,
        groups=_groups(_rows(GroupLimit, provider_id), states, now),
        probe=health.is_open(account),
        pace_per_second=pace_per_second,
        zone=zone,
    )
    plan = _with_warm_up(plan, provider_id, now)
    if ACCOUNT in states:
        plan = _with_state(plan, states[ACCOUNT], now)
    if account.trouble:
        plan = replace(plan, why=Reason.unpack(account.trouble), is_quota=False, is_down=True)
        if account.retry_at is not None and account.retry_at > now:
            plan = replace(plan, suspended_until=_later(plan.suspended_until, account.retry_at))
    return plan


def next_tries(provider_ids: Collection[int]) -> dict[int, datetime]:
    """Return when paused accounts are tried again, by id: after trouble and suspension.

    The single time that pages show, since `load_plan` waits for the later of the two.
    """
    found = db.session.execute(
        sa.select(ProviderAccount.id, ProviderAccount.retry_at, GroupState.suspended_until)
        .outerjoin(
            GroupState,
            sa.and_(
                GroupState.provider_id == ProviderAccount.id, GroupState.mailbox_group == ACCOUNT
            ),
        )
        .where(ProviderAccount.id.in_(provider_ids), ProviderAccount.retry_at.is_not(None))
    )
    return {
        number: retry_at if suspended is None else max(retry_at, suspended)
        for number, retry_at, suspended in found
        if retry_at is not None
    }


def at_once_now(state: GroupState, now: datetime) -> int:
    """Return how many messages may be on the wire at once; grows by ONE_MORE_EVERY. 0: no limit."""
    if not state.at_once:
        return 0
    quiet = now - (state.at_once_from or state.changed_at)
    most = state.at_once + max(0, quiet // ONE_MORE_EVERY)
    return most if most < AT_ONCE_ENDS else 0


def slow_now(state: GroupState, now: datetime) -> float:
    """Return messages per second while the group is slowed; 0 if it is not."""
    if state.slow_until is None or state.slow_until <= now:
        return 0.0
    return state.slow_per_minute / 60


def suspended_now(state: GroupState, now: datetime) -> datetime | None:
    """Return until when a group is suspended; None if it is not."""
    until = state.suspended_until
    return until if until is not None and until > now else None


def _groups(
    limits: Iterable[GroupLimit], states: dict[str, GroupState], now: datetime
) -> dict[str, GroupPlan]:
    groups = {row.mailbox_group: GroupPlan(row.per_minute / 60, 0, row.at_once) for row in limits}
    for group, state in states.items():
        if group != ACCOUNT:
            groups[group] = _group_with_state(groups.get(group, GroupPlan()), state, now)
    return groups


def _group_with_state(own: GroupPlan, state: GroupState, now: datetime) -> GroupPlan:
    suspended, slow, at_once = (
        suspended_now(state, now), slow_now(state, now), at_once_now(state, now),
    )  # fmt: skip
    if not (suspended or slow or at_once):
        return own
    return replace(
        own,
        per_second=least(own.per_second, slow),
        at_once=least(own.at_once, at_once),
        suspended_until=suspended,
        why=Reason.unpack(state.why),
    )


def _with_state(plan: Plan, state: GroupState, now: datetime) -> Plan:
    """Apply the effects of reply rules on the whole account."""
    suspended, slow, at_once = (
        suspended_now(state, now), slow_now(state, now), at_once_now(state, now),
    )  # fmt: skip
    if not (suspended or slow or at_once):
        return plan
    return replace(
        plan,
        slow_per_second=slow,
        connections=least(plan.connections, at_once),
        suspended_until=suspended,
        is_quota=suspended is not None and state.is_quota,
        why=Reason.unpack(state.why),
    )


def _with_warm_up(plan: Plan, provider_id: int, now: datetime) -> Plan:
    today = now.astimezone(plan.zone).date()
    groups = dict(plan.groups)
    whole = None
    for group, row in warm_up.plans(provider_id).items():
        cap = warm_up.cap(row, today)
        if group == ACCOUNT:
            whole = cap
        elif cap is not None:
            groups[group] = replace(groups.get(group, GroupPlan()), per_day=cap)
    return replace(plan, groups=groups, warm_up_per_day=whole)


def least(one: N, other: N) -> N:
    """Return the smaller of two limits; 0 means none."""
    return min(one, other) if one and other else one or other


def _later(one: datetime | None, other: datetime) -> datetime:
    return other if one is None else max(one, other)


def _rows(model: type[T], provider_id: int) -> list[T]:
    rows = sa.select(model).where(model.provider_id == provider_id)
    return list(db.session.scalars(rows, execution_options={"populate_existing": True}))
