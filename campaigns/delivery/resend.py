"""Manual resends, always by explicit decision.

send_again      unknown  -> queued   it may have arrived, so it may arrive twice
leave           unknown  -> unknown  it stays as it is, and nobody is asked again
retry_failed    failed   -> queued   attempts and time start over
send_remaining  cancelled-> queued   what a cancelled campaign had not handed over
release         held     -> queued   what was kept back

Each takes rows that exist: whoever joined a list since is never reached by it. A campaign that
was over is `sending` again. Who has left or is suppressed is passed over when it is claimed.

A decision about few is carried out at once. Of one about very many the rest follows slice by
slice (`carry_on`): its row tells up to which delivery it has come, so that a slice is done once
or not at all. What fails or is unknown again meanwhile is not taken a second time.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa

from campaigns.accounts.workspace import workspace_zone
from campaigns.campaign import lifecycle
from campaigns.campaign.models import Campaign, Delivery, HeldGroup
from campaigns.db import db, rows_changed
from campaigns.delivery import quiet_hours
from campaigns.delivery.models import ResendRun

NOT_BY_ALL = ("no_mailbox", "disabled")
"""Reasons that "all" excludes: trying such addresses again harms the sender."""
BATCH_SIZE = 10_000
"""Deliveries changed within the decision itself."""
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
    """Queue what may or may not have arrived: these, or all that was not left.

    Returns how many were queued, as all of these do. Those that have shown since that they
    arrived are no longer unknown.
    """
    resolve_stamped(campaign_id, now=now)
    if ids is None:
        return _decide(campaign_id, "unknown", now=now)
    return _queue(campaign_id, ids, "unknown", now=now)


def leave(campaign_id: int, ids: Collection[int] | None = None, *, now: datetime) -> int:
    """Leave unknown what is unknown: it is no longer asked about. Returns how many."""
    if ids is None:
        return _decide(campaign_id, "left", now=now)
    return _change(campaign_id, Delivery.status == "unknown", _among(ids), reason="left")


def retry_failed(campaign_id: int, ids: Collection[int] | None = None, *, now: datetime) -> int:
    """Queue what failed: these, or all but the mailboxes that do not exist."""
    if ids is None:
        return _decide(campaign_id, "failed", now=now)
    return _queue(campaign_id, ids, "failed", now=now)


def send_remaining(campaign_id: int, *, now: datetime) -> int:
    """Queue what was cancelled before its turn."""
    return _decide(campaign_id, "cancelled", now=now)


def release(campaign_id: int, *, now: datetime) -> int:
    """Queue what was kept back for another reason than a flood."""
    return _decide(campaign_id, "kept", now=now)


def try_group_again(campaign_id: int, mailbox_group: str, *, now: datetime) -> int:
    """A mailbox group whose flood of refusals was a mistake: its held ones are queued again."""
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
    """Mailbox groups to which nothing is sent until somebody has decided; all, or of a kind."""
    found = sa.select(HeldGroup.mailbox_group).where(
        HeldGroup.campaign_id == campaign_id, HeldGroup.decision == ""
    )
    return frozenset(db.session.scalars(found.where(HeldGroup.kind == kind) if kind else found))


def _queue(campaign_id: int, ids: Collection[int], status: str, *, now: datetime) -> int:
    """Queue these, one by one as they were chosen."""
    if not lifecycle.lock_started(campaign_id):
        return 0
    chosen = Delivery.status == status, _among(ids)
    count = _change(campaign_id, *chosen, **_NEW, updated_at=now)
    if count:
        _let_go(campaign_id, _among(ids), now=now)
    return count


def _let_go(campaign_id: int, *among: sa.ColumnElement[bool], now: datetime) -> None:
    """These are queued again: they may go, within the hours that the campaign keeps to."""
    lifecycle.reopen(campaign_id, now=now)
    campaign = db.session.get_one(Campaign, campaign_id, populate_existing=True)
    quiet_hours.hold_back(campaign, workspace_zone(), *among, now=now)


def _among(ids: Collection[int]) -> sa.ColumnElement[bool]:
    return Delivery.id.in_(sorted(ids))


def _change(campaign_id: int, *conditions: Any, **values: Any) -> int:
    changed = db.session.execute(
        sa.update(Delivery)
        .where(Delivery.campaign_id == campaign_id, *conditions)
        .values(**values)
        .execution_options(synchronize_session=False)
    )
    return rows_changed(changed)


# --- all of a kind --------------------------------------------------------------------------------


def _decide(campaign_id: int, what: What, mailbox_group: str = "", *, now: datetime) -> int:
    """Begin to carry out a decision about all of a kind; how many are done at once.

    0 also while the same decision is being carried out already.
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
    """The next slice of what was decided about very many. False: there is no more to be done."""
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
    # The decision had made it `sending`: it was cancelled since.
    is_off = status == "cancelled" and run.what != "left"
    if is_off or not _slice(run, SLICE, now):
        db.session.delete(run)
    return True


def under_way(campaign_id: int) -> list[ResendRun]:
    """The decisions about very many that are being carried out, the first one first."""
    return list(
        db.session.scalars(
            sa.select(ResendRun)
            .where(ResendRun.campaign_id == campaign_id)
            .order_by(ResendRun.decided_at, ResendRun.what, ResendRun.mailbox_group)
        )
    )


def with_more() -> list[int]:
    """The campaigns of which something is being carried out."""
    return list(db.session.scalars(sa.select(ResendRun.campaign_id).distinct()))


def _slice(run: ResendRun, most: int, now: datetime) -> bool:
    """Do so many at most; whether there may be more."""
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
        of_slice = Delivery.id > run.position, Delivery.id <= last
        _let_go(run.campaign_id, *of_slice, now=now)
    run.position = last
    run.done += count
    return bool(found == most)


def _count_left(run: ResendRun) -> int:
    counted = sa.select(sa.func.count()).where(Delivery.campaign_id == run.campaign_id, *_left(run))
    return db.session.scalar(counted) or 0


def _left(run: ResendRun) -> list[sa.ColumnElement[bool]]:
    """Whom a decision is about, without those up to its position."""
    status, reason = Delivery.status, Delivery.reason
    wanted: dict[str, tuple[sa.ColumnElement[bool], ...]] = {
        "unknown": (status == "unknown", reason != "left"),
        "left": (status == "unknown", reason != "left"),
        "failed": (status == "failed", reason.not_in(NOT_BY_ALL)),
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
        # What changed since then was not decided about.
        conditions += [Delivery.id > run.position, Delivery.updated_at <= run.decided_at]
    return conditions


# --- the unknown, resolved by what came back ------------------------------------------------------


def resolve_unknown(delivery_ids: Collection[int], *, has_arrived: bool, now: datetime) -> int:
    """An event tells what became of unknown deliveries: sent, or failed when it came back.

    All others are passed over. Returns how many were resolved.
    """
    if not delivery_ids:
        return 0
    return _resolve([Delivery.id.in_(sorted(delivery_ids))], has_arrived=has_arrived, now=now)


def resolve_stamped(campaign_id: int, *, now: datetime) -> int:
    """As `resolve_unknown`, for events that came while a delivery was not yet unknown."""
    came_back = [Delivery.campaign_id == campaign_id, Delivery.bounced_at.is_not(None)]
    arrived = [Delivery.campaign_id == campaign_id, Delivery.bounced_at.is_(None), _ARRIVED]
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
        # It left when its fate became unknown.
        {"status": "sent", "reason": "", "sent_at": Delivery.updated_at}
        if has_arrived
        else {"status": "failed", "reason": "bounced"}
    )
    changed = db.session.execute(
        sa.update(Delivery)
        .where(Delivery.status == "unknown", *conditions)
        .values(**values, claim_token=None, updated_at=now)
        .execution_options(synchronize_session=False)
    )
    return rows_changed(changed)
