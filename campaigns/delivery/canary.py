"""The test group: some recipients get a campaign first, and the results decide about the others.

    '' -> testing -> watching -> passed
             |___________|_____> stopped      (someone may send it anyway)

No row is marked. While a campaign is testing, each mailbox group is claimed only up to its quota.
Once these are sent, the campaign is watched for a while. Clearly bad results act at once: one
mailbox group is put on hold, or everything stops.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from campaigns.campaign import lifecycle
from campaigns.campaign.canary_plan import (
    FEWEST_OF_GROUP,
    USUAL_MINUTES,
    how_many,
    plan_in,
)
from campaigns.campaign.models import Campaign, Delivery, HeldGroup
from campaigns.db import db, in_order, insert_ignoring, rows_changed
from campaigns.delivery import claims
from campaigns.delivery.canary_policy import CanaryVerdict, Figures, sum_of
from campaigns.delivery.canary_policy import judge as judge_figures

STAGES = ("testing", "watching")
LONGEST_LIMIT_WAIT = timedelta(minutes=5)
"""Longest wait for a limit; after it, the deliveries so far are enough."""


def quotas(people: Mapping[str, int], percent: float) -> dict[str, int]:
    """Return the test group per mailbox group: its share, but at least a few of each."""
    total = sum(people.values())
    first = how_many(total, percent)
    if not first:
        return {}
    shares = {
        group: min(count, max(FEWEST_OF_GROUP, round(first * count / total)))
        for group, count in people.items()
    }
    return shares if sum(shares.values()) < total else {}


def begin(campaign: Campaign) -> None:
    """Begin the test, if the campaign has one. Called right after expansion."""
    campaign.canary_state, campaign.canary_quota = "", {}
    if not campaign.canary_percent:
        return
    rows = db.session.execute(
        sa.select(Delivery.mailbox_group, sa.func.count())
        .where(
            Delivery.campaign_id == campaign.id, Delivery.status == sa.literal_column("'queued'")
        )
        .group_by(Delivery.mailbox_group)
    )
    people = {group: count for group, count in rows}  # noqa: C416
    campaign.canary_quota = quotas(people, campaign.canary_percent)
    campaign.canary_state = "testing" if campaign.canary_quota else ""


# --- the quota -----------------------------------------------------------------------------------


def allowance(
    campaign: Campaign, groups: Collection[str], *, now: datetime
) -> dict[str, int] | None:
    """Return how many more of each group may be claimed. None: no test is running."""
    if campaign.canary_state not in STAGES:
        return None
    if campaign.canary_state == "watching":
        return dict.fromkeys(groups, 0)
    seen = figures(campaign.id)
    return {group: _left(campaign.canary_quota, seen, group) for group in groups}


def cap(campaign_id: int, wants: Mapping[str, int]) -> Mapping[str, int]:
    """Limit a claim to the allowance, in its transaction, however many workers claim.

    Workers wait for each other here, but only during the test.
    """
    state = sa.select(Campaign.canary_state).where(Campaign.id == campaign_id)
    if db.session.scalar(state) not in STAGES:
        return wants
    found = db.session.execute(
        sa.select(Campaign.canary_state, Campaign.canary_quota)
        .where(Campaign.id == campaign_id)
        .with_for_update(key_share=True)
    ).one()
    if found.canary_state not in STAGES:
        return wants
    if found.canary_state == "watching":
        return {}
    seen = figures(campaign_id)
    return {
        group: min(count, _left(found.canary_quota, seen, group)) for group, count in wants.items()
    }


def _left(quota: Mapping[str, int], seen: Mapping[str, Figures], group: str) -> int:
    used = seen[group].used if group in seen else 0
    return max(0, quota.get(group, 0) - used)


def figures(campaign_id: int) -> dict[str, Figures]:
    """Return the results of the test group so far, by mailbox group.

    A deferred delivery waits in the queue with a reason and counts as sent: otherwise a server that
    defers everything would be offered one recipient after the other.
    """
    return {group: found for group, (found, _) in _look(campaign_id).items()}


_COUNT = sa.func.count()


def _look(campaign_id: int) -> dict[str, tuple[Figures, datetime]]:
    """Return the figures, and when they last changed."""
    status = Delivery.status
    moment = Delivery.updated_at.type
    handed_over = sa.select(
        Delivery.mailbox_group,
        sa.func.sum(sa.case((status == "sending", 1), else_=0)).label("open"),
        sa.func.sum(sa.case((status == "sending", 0), else_=1)).label("results"),
        sa.func.sum(sa.case((status.in_(("failed", "held")), 1), else_=0)).label("refusals"),
        sa.literal(0).label("deferrals"),
        sa.func.count(Delivery.bounced_at).label("bounces"),
        sa.func.count(Delivery.complained_at).label("complaints"),
        sa.func.max(Delivery.updated_at, type_=moment).label("last"),
    ).where(
        Delivery.campaign_id == campaign_id,
        status.in_(("sending", "sent", "failed", "held", "unknown")),
    )
    deferred = sa.select(
        Delivery.mailbox_group,
        sa.literal(0).label("open"),
        _COUNT.label("results"),
        sa.literal(0).label("refusals"),
        _COUNT.label("deferrals"),
        sa.literal(0).label("bounces"),
        sa.literal(0).label("complaints"),
        sa.func.max(Delivery.updated_at, type_=moment).label("last"),
    ).where(
        Delivery.campaign_id == campaign_id,
        status == "queued",
        # Must match the partial index of deliveries with a reason literally.
        Delivery.reason != sa.literal_column("''"),
    )
    found: dict[str, tuple[Figures, datetime]] = {}
    for query in (handed_over, deferred):
        for group, *counts, last in db.session.execute(query.group_by(Delivery.mailbox_group)):
            before, earlier = found.get(group, (Figures(), last))
            found[group] = sum_of((before, Figures(*counts))), max(earlier, last)
    return found


# --- the verdict ---------------------------------------------------------------------------------


def under_way() -> list[int]:
    """Return the campaigns whose test group is being sent or watched."""
    return list(
        db.session.scalars(
            sa.select(Campaign.id).where(
                Campaign.status == "sending", Campaign.canary_state.in_(STAGES)
            )
        )
    )


def judge(campaign_id: int, *, now: datetime) -> CanaryVerdict | None:
    """Return what to do now, for `act`. Reads only."""
    campaign = db.session.get(Campaign, campaign_id, populate_existing=True)
    if campaign is None or campaign.status != "sending" or campaign.canary_state not in STAGES:
        return None
    seen = _look(campaign_id)
    kept_out = held(campaign_id)
    groups = {
        group: seen[group][0] if group in seen else Figures()
        for group in campaign.canary_quota
        if group not in kept_out
    }
    until = campaign.canary_until
    is_over = campaign.canary_state == "watching" and until is not None and now >= until
    verdict = judge_figures(
        groups,
        plan_in(campaign).bands,
        is_over=is_over,
        may_hold="canary" not in kept_out.values(),
    )
    if verdict is None and campaign.canary_state == "testing":
        last = max((at for group, (_, at) in seen.items() if group in groups), default=now)
        if _is_tested(campaign, groups, last, now):
            return CanaryVerdict("watch")
    return verdict


def held(campaign_id: int) -> dict[str, str]:
    """Return mailbox groups that were held by a test, and the kind of each hold."""
    rows = db.session.execute(
        sa.select(HeldGroup.mailbox_group, HeldGroup.kind).where(
            HeldGroup.campaign_id == campaign_id,
            sa.or_(HeldGroup.decision == "", HeldGroup.kind == "canary"),
        )
    )
    return {row.mailbox_group: row.kind for row in rows}


def _is_tested(
    campaign: Campaign, groups: Mapping[str, Figures], last: datetime, now: datetime
) -> bool:
    """Return whether all of the test group have a result, and no more can be sent now."""
    total = sum_of(groups.values())
    if total.open or not total.results:
        return False
    missing = {
        group for group, found in groups.items() if found.used < campaign.canary_quota[group]
    }
    if not missing or now - last >= LONGEST_LIMIT_WAIT:
        return True
    return missing.isdisjoint(claims.due_groups(campaign.id, now=now))


def act(campaign_id: int, verdict: CanaryVerdict, *, now: datetime) -> bool:
    """Carry out a verdict. False: it was carried out already, or someone stopped the campaign."""
    if verdict.what == "watch":
        minutes = db.session.scalar(
            sa.select(Campaign.canary_minutes).where(Campaign.id == campaign_id)
        )
        until = now + timedelta(minutes=minutes or USUAL_MINUTES)
        return _move(campaign_id, ("testing",), canary_state="watching", canary_until=until)
    if verdict.what == "hold":
        return _hold(campaign_id, verdict, now)
    is_good = verdict.what == "go_on"
    words = lifecycle.packed(verdict.reason)
    moved = _move(
        campaign_id,
        STAGES,
        canary_state="passed" if is_good else "stopped",
        canary_words=words,
        canary_seen={group: asdict(found) for group, found in figures(campaign_id).items()},
    )
    if moved and not is_good:
        lifecycle.pause(campaign_id, now=now, reason=verdict.reason)
    return moved


def _move(campaign_id: int, old: Sequence[str], **values: Any) -> bool:
    changed = db.session.execute(
        sa.update(Campaign)
        .where(
            Campaign.id == campaign_id,
            Campaign.status == "sending",
            Campaign.canary_state.in_(old),
        )
        .values(**values)
        .execution_options(synchronize_session=False)
    )
    return rows_changed(changed) == 1


def _hold(campaign_id: int, verdict: CanaryVerdict, now: datetime) -> bool:
    if not _move(campaign_id, STAGES, updated_at=now):
        return False
    values = {
        "held_at": now,
        "words": lifecycle.packed(verdict.reason),
        "decision": "",
        "kind": "canary",
    }
    key = {"campaign_id": campaign_id, "mailbox_group": verdict.group}
    added = insert_ignoring(HeldGroup).values(key | values).returning(HeldGroup.campaign_id)
    if db.session.scalar(added) is not None:
        return True
    # Someone has decided about a refusal spike of this group; this is a separate decision.
    changed = db.session.execute(
        sa.update(HeldGroup)
        .where(
            *_is(campaign_id, verdict.group), HeldGroup.decision != "", HeldGroup.kind == "flood"
        )
        .values(**values)
        .execution_options(synchronize_session=False)
    )
    return rows_changed(changed) == 1


def is_asking(campaign: Campaign) -> bool:
    """Return whether it is paused by its test group, so that resuming means "send anyway"."""
    return (
        campaign.status == "paused"
        and campaign.canary_state == "stopped"
        and campaign.status_reason == campaign.canary_words
    )


# --- a mailbox group that was held ---------------------------------------------------------------


def send_to_group(campaign_id: int, mailbox_group: str) -> bool:
    """Send to a held group anyway. False: there was nothing to decide."""
    return _decide(campaign_id, mailbox_group, "again")


def skip_group(campaign_id: int, mailbox_group: str, *, now: datetime) -> int | None:
    """Skip the rest of a held group. Returns how many; None: there was nothing to decide."""
    if not _decide(campaign_id, mailbox_group, "left"):
        return None
    queued = sa.select(Delivery.id).where(
        Delivery.campaign_id == campaign_id,
        Delivery.mailbox_group == mailbox_group,
        Delivery.status == "queued",
    )
    changed = db.session.execute(
        sa.update(Delivery)
        .where(Delivery.id.in_(in_order(queued)))
        .values(status="cancelled", reason="left_out", not_before=None, updated_at=now)
        .execution_options(synchronize_session=False)
    )
    return rows_changed(changed)


def _decide(campaign_id: int, mailbox_group: str, decision: str) -> bool:
    changed = db.session.execute(
        sa.update(HeldGroup)
        .where(
            *_is(campaign_id, mailbox_group), HeldGroup.decision == "", HeldGroup.kind == "canary"
        )
        .values(decision=decision)
        .execution_options(synchronize_session=False)
    )
    return rows_changed(changed) == 1


def _is(campaign_id: int, mailbox_group: str) -> tuple[sa.ColumnElement[bool], ...]:
    return HeldGroup.campaign_id == campaign_id, HeldGroup.mailbox_group == mailbox_group
