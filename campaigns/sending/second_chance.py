"""What was not simply sent, once more: by somebody's decision, never by itself.

send_again      unknown  -> queued   it may have arrived, so it may arrive twice
leave           unknown  -> unknown  it stays as it is, and nobody is asked again
retry_failed    failed   -> queued   tries and time begin anew
send_remaining  cancelled-> queued   what a cancelled campaign had not handed over
release         held     -> queued   what was kept back

Each takes rows that exist: whoever joined a list since is never reached by it. A campaign that
was over is `sending` again. Who has left or is suppressed is passed over when it is claimed.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from campaigns.db import db, rows_changed
from campaigns.sending import lifecycle
from campaigns.sending.models import Delivery, HeldGroup

NOT_BY_ALL = ("no_mailbox", "disabled")
"""Reasons of failure that "all" leaves out: to ask such addresses again harms the sender."""
_NEW = {
    "status": "queued",
    "reason": "",
    "attempts": 0,
    "not_before": None,
    "deferred_since": None,
    "claim_token": None,
}


def send_again(campaign_id: int, ids: Collection[int] | None = None, *, now: datetime) -> int:
    """Queue what may or may not have arrived: these, or all that was not left. Returns how many.

    Those that have shown since that they arrived are no longer unknown.
    """
    resolve_stamped(campaign_id, now=now)
    conditions = [Delivery.status == "unknown"]
    if ids is None:
        conditions.append(Delivery.reason != "left")
    return _queue(campaign_id, ids, *conditions, now=now)


def leave(campaign_id: int, ids: Collection[int] | None = None, *, now: datetime) -> int:
    """Leave unknown what is unknown: it is no longer asked about. Returns how many."""
    return _change(campaign_id, ids, Delivery.status == "unknown", reason="left")


def retry_failed(campaign_id: int, ids: Collection[int] | None = None, *, now: datetime) -> int:
    """Queue what failed: these, or all but the mailboxes that do not exist. Returns how many."""
    conditions = [Delivery.status == "failed"]
    if ids is None:
        conditions.append(Delivery.reason.not_in(NOT_BY_ALL))
    return _queue(campaign_id, ids, *conditions, now=now)


def send_remaining(campaign_id: int, *, now: datetime) -> int:
    """Queue what was cancelled before its turn. Returns how many."""
    return _queue(campaign_id, None, Delivery.status == "cancelled", now=now)


def release(campaign_id: int, *, now: datetime) -> int:
    """Queue what was kept back for another reason than a flood. Returns how many."""
    is_other = Delivery.reason != "flood"
    return _queue(campaign_id, None, Delivery.status == "held", is_other, now=now)


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
    is_held = Delivery.status == "held"
    return _queue(
        campaign_id,
        None,
        is_held,
        Delivery.reason == "flood",
        Delivery.mailbox_group == mailbox_group,
        now=now,
    )


def held_groups(campaign_id: int, *, kind: str = "") -> frozenset[str]:
    """Mailbox groups to which nothing is sent until somebody has decided; all, or of a kind."""
    found = sa.select(HeldGroup.mailbox_group).where(
        HeldGroup.campaign_id == campaign_id, HeldGroup.decision == ""
    )
    return frozenset(db.session.scalars(found.where(HeldGroup.kind == kind) if kind else found))


def _queue(campaign_id: int, ids: Collection[int] | None, *conditions: Any, now: datetime) -> int:
    if not lifecycle.lock_started(campaign_id):
        return 0
    count = _change(campaign_id, ids, *conditions, **_NEW, updated_at=now)
    if count:
        lifecycle.reopen(campaign_id, now=now)
    return count


def _change(campaign_id: int, ids: Collection[int] | None, *conditions: Any, **values: Any) -> int:
    chosen = () if ids is None else (Delivery.id.in_(sorted(ids)),)
    changed = db.session.execute(
        sa.update(Delivery)
        .where(Delivery.campaign_id == campaign_id, *conditions, *chosen)
        .values(**values)
        .execution_options(synchronize_session=False)
    )
    return rows_changed(changed)


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
