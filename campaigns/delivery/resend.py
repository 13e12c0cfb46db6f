"""Manual resends, always by explicit decision.

send_again      unknown  -> queued   may arrive twice
leave           unknown  -> unknown  no longer asked about
retry_failed    failed   -> queued   attempts and time limit start over
send_remaining  cancelled-> queued   the rest of a cancelled campaign
release         held     -> queued   deliveries on hold

Each changes existing rows only: people who joined a list later are not reached. A finished campaign
is `sending` again. The claim skips people who unsubscribed or are suppressed.

A small resend is carried out at once. The rest of a large one follows slice by slice (`carry_on`):
its row contains the position reached, so each slice is done once or not at all. Deliveries that
fail or become unknown again in between are not included a second time.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa

from campaigns.accounts.workspace import workspace_zone
from campaigns.campaign import lifecycle
from campaigns.campaign.models import Campaign, Delivery, HeldGroup
from campaigns.db import db, in_order, lock_in_order, rows_changed
from campaigns.delivery import quiet_hours
from campaigns.delivery.models import ResendRun

NEVER_RETRIED_IN_BULK = ("no_mailbox", "disabled")
"""Reasons excluded from "all": retrying such addresses harms the sender's reputation."""
BATCH_SIZE = 10_000
"""Deliveries changed at once."""
SLICE = 5_000
"""Deliveries changed in each later slice."""
What = Literal["unknown", "left", "failed", "cancelled", "kept", "flood"]
_NEW = {
    "status": "queued",
    "reason": "",
    "attempts": 0,
    "not_before": None,
    "deferred_since": None,
    "claim_token": None,
}


def send_again(campaign_id: int, ids: Collection[int] | None = None, *, now: datetime) -> int:
    """Queue unknown deliveries: these, or all that were not left as they are.

    Returns how many were queued, like the functions below.
    """
    resolve_stamped(campaign_id, now=now)
    if ids is None:
        return _decide(campaign_id, "unknown", now=now)
    return _queue(campaign_id, ids, "unknown", now=now)


def leave(campaign_id: int, ids: Collection[int] | None = None, *, now: datetime) -> int:
    """Leave deliveries unknown, and do not ask about them again. Returns how many."""
    if ids is None:
        return _decide(campaign_id, "left", now=now)
    return _change(campaign_id, Delivery.status == "unknown", _among(ids), reason="left")


def retry_failed(campaign_id: int, ids: Collection[int] | None = None, *, now: datetime) -> int:
    """Queue failed deliveries: these, or all except those to missing mailboxes."""
    if ids is None:
        return _decide(campaign_id, "failed", now=now)
    return _queue(campaign_id, ids, "failed", now=now)


def send_remaining(campaign_id: int, *, now: datetime) -> int:
    """Queue cancelled deliveries."""
    return _decide(campaign_id, "cancelled", now=now)


def release(campaign_id: int, *, now: datetime) -> int:
    """Queue deliveries on hold for a reason other than a refusal spike."""
    return _decide(campaign_id, "kept", now=now)


def retry_group(campaign_id: int, mailbox_group: str, *, now: datetime) -> int:
    """Queue the held deliveries of a mailbox group whose refusals were a mistake."""
    db.session.execute(
        sa.update(HeldGroup)
        .where(
            HeldGroup.campaign_id == campaign_id,
            HeldGroup.mailbox_group == mailbox_group,
            HeldGroup.decision == "",
            HeldGroup.kind == "flood",
        )
        .values(decision="again")
        .execution_options(synchronize_session=False)
    )
    return _decide(campaign_id, "flood", mailbox_group, now=now)


def held_groups(campaign_id: int, *, kind: str = "") -> frozenset[str]:
    """Return mailbox groups on hold until someone decides; all, or of one kind."""
    found = sa.select(HeldGroup.mailbox_group).where(
        HeldGroup.campaign_id == campaign_id, HeldGroup.decision == ""
    )
    return frozenset(db.session.scalars(found.where(HeldGroup.kind == kind) if kind else found))


def _queue(campaign_id: int, ids: Collection[int], status: str, *, now: datetime) -> int:
    """Queue individually chosen deliveries."""
    if not lifecycle.lock_started(campaign_id):
        return 0
    chosen = Delivery.status == status, _among(ids)
    count = _change(campaign_id, *chosen, **_NEW, updated_at=now)
    if count:
        _make_due(campaign_id, _among(ids), now=now)
    return count


def _make_due(campaign_id: int, *among: sa.ColumnElement[bool], now: datetime) -> None:
    """Make queued deliveries due, within the campaign's sending hours."""
    lifecycle.reopen(campaign_id, now=now)
    campaign = db.session.get_one(Campaign, campaign_id, populate_existing=True)
    quiet_hours.hold_back(campaign, workspace_zone(), *among, now=now)


def _among(ids: Collection[int]) -> sa.ColumnElement[bool]:
    return Delivery.id.in_(sorted(ids))


def _change(campaign_id: int, *conditions: Any, **values: Any) -> int:
    chosen = sa.select(Delivery.id).where(Delivery.campaign_id == campaign_id, *conditions)
    changed = db.session.execute(
        sa.update(Delivery)
        .where(Delivery.id.in_(in_order(chosen)))
        .values(**values)
        .execution_options(synchronize_session=False)
    )
    return rows_changed(changed)


# --- all of a kind --------------------------------------------------------------------------------


def _decide(campaign_id: int, what: What, mailbox_group: str = "", *, now: datetime) -> int:
    """Begin a resend of all of a kind. Returns how many are done at once.

    Also 0 if the same resend is already in progress.
    """
    if not lifecycle.lock_started(campaign_id):
        return 0
    if db.session.get(ResendRun, (campaign_id, what, mailbox_group)) is not None:
        return 0
    run = ResendRun(
        campaign_id=campaign_id,
        what=what,
        mailbox_group=mailbox_group,
        decided_at=now,
        position=0,
        done=0,
    )
    if _slice(run, BATCH_SIZE, now):
        run.total = run.done + _count_left(run)
        db.session.add(run)
    return run.done


def carry_on(campaign_id: int, *, now: datetime) -> bool:
    """Carry out the next slice of a large resend. False: it is complete."""
    if not lifecycle.lock_started(campaign_id):
        return False
    run = db.session.scalar(
        sa.select(ResendRun)
        .where(ResendRun.campaign_id == campaign_id)
        .order_by(ResendRun.decided_at, ResendRun.what, ResendRun.mailbox_group)
        .limit(1)
    )
    if run is None:
        return False
    status = db.session.scalar(sa.select(Campaign.status).where(Campaign.id == campaign_id))
    # The resend had made it `sending`, so it was cancelled since.
    is_off = status == "cancelled" and run.what != "left"
    if is_off or not _slice(run, SLICE, now):
        db.session.delete(run)
        # In the same transaction: without the run, a page relies on the stored counts again.
        lifecycle.touch(campaign_id, now=now)
    return True


def under_way(campaign_id: int) -> list[ResendRun]:
    """Return the resends in progress, oldest first."""
    return list(
        db.session.scalars(
            sa.select(ResendRun)
            .where(ResendRun.campaign_id == campaign_id)
            .order_by(ResendRun.decided_at, ResendRun.what, ResendRun.mailbox_group)
        )
    )


def with_more() -> list[int]:
    """Return the campaigns with resends in progress."""
    return list(db.session.scalars(sa.select(ResendRun.campaign_id).distinct()))


def _slice(run: ResendRun, most: int, now: datetime) -> bool:
    """Change at most this many. Returns whether there may be more."""
    left = _left(run)
    next_ones = (
        sa.select(Delivery.id)
        .where(Delivery.campaign_id == run.campaign_id, *left)
        .order_by(Delivery.id)
        .limit(most)
        .subquery()
    )
    last, found = db.session.execute(sa.select(sa.func.max(next_ones.c.id), sa.func.count())).one()
    if not found:
        return False
    is_queued = run.what != "left"
    values = {**_NEW, "updated_at": now} if is_queued else {"reason": "left"}
    count = _change(run.campaign_id, *left, Delivery.id <= last, **values)
    if count and is_queued:
        of_slice = Delivery.id > run.position, Delivery.id <= last, Delivery.updated_at == now
        _make_due(run.campaign_id, *of_slice, now=now)
    run.position = last
    run.done += count
    return bool(found == most)


def _count_left(run: ResendRun) -> int:
    counted = sa.select(sa.func.count()).where(Delivery.campaign_id == run.campaign_id, *_left(run))
    return db.session.scalar(counted) or 0


def _left(run: ResendRun) -> list[sa.ColumnElement[bool]]:
    """Return the deliveries that a resend has yet to change."""
    status, reason = Delivery.status, Delivery.reason
    wanted: dict[str, tuple[sa.ColumnElement[bool], ...]] = {
        "unknown": (status == "unknown", reason != "left"),
        "left": (status == "unknown", reason != "left"),
        "failed": (status == "failed", reason.not_in(NEVER_RETRIED_IN_BULK)),
        "cancelled": (status == "cancelled",),
        "kept": (status == "held", reason != "flood"),
        "flood": (
            status == "held",
            reason == "flood",
            Delivery.mailbox_group == run.mailbox_group,
        ),
    }
    conditions = list(wanted[run.what])
    if run.position:
        # Deliveries that changed later are not part of the decision.
        conditions += [Delivery.id > run.position, Delivery.updated_at <= run.decided_at]
    return conditions


# --- unknown deliveries resolved by events --------------------------------------------------------


def resolve_unknown(delivery_ids: Collection[int], *, has_arrived: bool, now: datetime) -> int:
    """Resolve unknown deliveries by an event: sent, or failed if they bounced.

    Skips all others. Returns how many were resolved.
    """
    if not delivery_ids:
        return 0
    return _resolve([Delivery.id.in_(sorted(delivery_ids))], has_arrived=has_arrived, now=now)


def resolve_stamped(campaign_id: int, *, now: datetime) -> int:
    """Resolve unknown deliveries by events that came before they became unknown."""
    if not lifecycle.lock_started(campaign_id):  # before the deliveries, as a resend does
        return 0
    came_back = [Delivery.campaign_id == campaign_id, Delivery.bounced_at.is_not(None)]
    arrived = [Delivery.campaign_id == campaign_id, Delivery.bounced_at.is_(None), _ARRIVED]
    resolvable = sa.or_(sa.and_(*came_back), sa.and_(*arrived))
    lock_in_order(sa.select(Delivery.id).where(Delivery.status == "unknown", resolvable))
    return _resolve(came_back, has_arrived=False, now=now) + _resolve(
        arrived, has_arrived=True, now=now
    )


_ARRIVED = sa.or_(
    Delivery.delivered_at.is_not(None),
    Delivery.first_opened_at.is_not(None),
    Delivery.complained_at.is_not(None),
    Delivery.unsubscribed_at.is_not(None),
)


def _resolve(conditions: Sequence[Any], *, has_arrived: bool, now: datetime) -> int:
    values: dict[str, Any] = (
        # It was sent at about the time it became unknown.
        {"status": "sent", "reason": "", "sent_at": Delivery.updated_at}
        if has_arrived
        else {"status": "failed", "reason": "bounced"}
    )
    chosen = sa.select(Delivery.id).where(Delivery.status == "unknown", *conditions)
    changed = db.session.execute(
        sa.update(Delivery)
        .where(Delivery.id.in_(in_order(chosen)))
        .values(**values, claim_token=None, updated_at=now)
        .execution_options(synchronize_session=False)
    )
    return rows_changed(changed)
