"""Changes of a campaign's state: guarded UPDATEs with the old state in WHERE.

Each function returns whether this call changed it. False is normal: someone else was first.

    draft -> scheduled -> preparing -> sending <-> paused
      ^________|             |            |          |
                             +---- cancelled --------+      sending -> sent
    sent, cancelled -> sending: resent or retried
"""

from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from campaigns.campaign import frozen_content
from campaigns.campaign.models import Campaign
from campaigns.db import db, rows_changed
from campaigns.providers import health
from campaigns.providers.models import SenderAddress
from campaigns.reason import Reason

ON_HOLD = sa.and_(Campaign.status == "paused", Campaign.restored_at.is_not(None))
"""Campaigns of a restored database that wait for a decision about the remaining recipients."""


def packed(reason: Reason | None) -> str:
    """Return the text of `status_reason`; "" without a reason."""
    return reason.pack() if reason else ""


def _move(
    campaign_id: int,
    old: tuple[str, ...],
    now: datetime,
    *also: sa.ColumnElement[bool],
    **values: Any,
) -> bool:
    changed = db.session.execute(
        sa.update(Campaign)
        .where(Campaign.id == campaign_id, Campaign.status.in_(old), *also)
        .values(updated_at=now, **values)
    )
    return rows_changed(changed) == 1


def _move_all(condition: sa.ColumnElement[bool], now: datetime, **values: Any) -> list[int]:
    """Change all campaigns that match the condition. Returns their ids."""
    return list(
        db.session.scalars(
            sa.update(Campaign)
            .where(condition)
            .values(updated_at=now, **values)
            .returning(Campaign.id)
        )
    )


def launch(campaign_id: int, *, at: datetime | None, undo_seconds: int, now: datetime) -> bool:
    """Launch a draft: at a set time, or now after an undo window. Freezes what it is made from.

    Without either, it is `preparing` at once, and the edge rings for its expansion.
    """
    launched = _launched(campaign_id, at, undo_seconds, now)
    if launched:
        frozen_content.freeze(campaign_id, now=now)
    return launched


def _launched(campaign_id: int, at: datetime | None, undo_seconds: int, now: datetime) -> bool:
    if at is not None:
        return _move(
            campaign_id, ("draft",), now, status="scheduled", scheduled_at=at, is_undo_window=False
        )
    if undo_seconds > 0:
        at = now + timedelta(seconds=undo_seconds)
        return _move(
            campaign_id, ("draft",), now, status="scheduled", scheduled_at=at, is_undo_window=True
        )
    return _start(campaign_id, ("draft",), now)


def _start(
    campaign_id: int, old: tuple[str, ...], now: datetime, *also: sa.ColumnElement[bool]
) -> bool:
    """Freeze the account, and leave the campaign `preparing` for its expansion."""
    provider = (
        sa.select(SenderAddress.provider_id)
        .where(SenderAddress.id == Campaign.sender_id)
        .scalar_subquery()
    )
    return _move(
        campaign_id,
        old,
        now,
        *also,
        status="preparing",
        is_undo_window=False,
        started_at=now,
        provider_id=provider,
        status_reason="",
    )


def back_to_draft(campaign_id: int, *, now: datetime) -> bool:
    """Undo a launch while the campaign is only scheduled."""
    return _move(
        campaign_id,
        ("scheduled",),
        now,
        status="draft",
        scheduled_at=None,
        asked_at=None,
        restored_at=None,
        is_undo_window=False,
        status_reason="",
    )


def start_due(*, overdue: timedelta, now: datetime) -> list[int]:
    """Start every scheduled campaign that is due. Returns their ids, for the doorbell.

    A campaign overdue by more than `overdue` is left for `schedule.ask`. The time is part of the
    UPDATE's condition, as someone may just have changed it.
    """
    due = _is_due(now, overdue)
    found = db.session.scalars(
        sa.select(Campaign.id)
        .where(Campaign.status == "scheduled", *due)
        .order_by(Campaign.scheduled_at)
    ).all()
    return [campaign_id for campaign_id in found if _start(campaign_id, ("scheduled",), now, *due)]


def _is_due(now: datetime, overdue: timedelta) -> tuple[sa.ColumnElement[bool], ...]:
    return (
        Campaign.scheduled_at <= now,
        Campaign.scheduled_at >= now - overdue,
        Campaign.asked_at.is_(None),
    )


def pause(
    campaign_id: int, *, now: datetime, reason: Reason | None = None, through: int | None = None
) -> bool:
    """Pause a campaign. Messages on the wire are finished and recorded.

    `through`: only while it uses this account. Late replies from an account that it no longer uses
    are no reason to pause.
    """
    also = [] if through is None else [Campaign.provider_id == through]
    return _move(
        campaign_id, ("sending",), now, *also, status="paused", status_reason=packed(reason)
    )


def hold_restored(*, now: datetime, reason: Reason) -> list[int]:
    """Pause every campaign of a restored database until someone decides about the rest.

    Includes paused ones: they may have been resumed after the backup. Returns all ids.
    """
    return _move_all(
        Campaign.status.in_(("sending", "paused")),
        now,
        status="paused",
        status_reason=packed(reason),
        restored_at=now,
    )


def return_restored_to_draft(*, now: datetime, reason: Reason) -> list[int]:
    """Return restored campaigns without an audience to draft. Returns their ids."""
    return _move_all(
        Campaign.status == "preparing",
        now,
        status="draft",
        status_reason=packed(reason),
        scheduled_at=None,
        started_at=None,
    )


def resume(campaign_id: int, *, now: datetime) -> bool:
    """Resume a campaign. Its account is retried at once, whatever trouble it had."""
    moved = _move(
        campaign_id, ("paused",), now, status="sending", status_reason="", restored_at=None
    )
    if moved:
        _clear_trouble(campaign_id)
    return moved


def resume_restored(*, now: datetime) -> list[int]:
    """Resume every campaign that is on hold after a restore. Returns their ids."""
    accounts = set(
        db.session.scalars(
            sa.select(Campaign.provider_id)
            .where(ON_HOLD, Campaign.provider_id.is_not(None))
            .distinct()
        )
    )
    moved = _move_all(ON_HOLD, now, status="sending", status_reason="", restored_at=None)
    for provider_id in accounts:
        if provider_id is not None:
            health.clear(provider_id)
    return moved


def mark_restored_unknown(*, now: datetime) -> list[int]:
    """End every campaign that is on hold after a restore. Returns their ids.

    The sweep marks their waiting deliveries `unknown`: there may be millions.
    """
    return _move_all(ON_HOLD, now, status="cancelled", status_reason="", finished_at=now)


def _clear_trouble(campaign_id: int) -> None:
    campaign = db.session.get_one(Campaign, campaign_id, populate_existing=True)
    if campaign.provider_id is not None:
        health.clear(campaign.provider_id)


def mark_unknown(campaign_id: int, *, now: datetime) -> bool:
    """End a campaign that is on hold after a restore. For `delivery.completion`.

    Only while it is on hold: an old page must not overrule a later decision to send the rest.
    """
    return _move(campaign_id, ("paused",), now, ON_HOLD, **_ended(now))


def cancel(campaign_id: int, *, now: datetime) -> bool:
    """End a campaign early.

    For `delivery.completion`, which also marks the waiting deliveries.
    """
    return _move(campaign_id, ("preparing", "sending", "paused"), now, **_ended(now))


def _ended(now: datetime) -> dict[str, Any]:
    return {"status": "cancelled", "status_reason": "", "finished_at": now}


def lock_cancelled(campaign_id: int) -> bool:
    """Lock a cancelled campaign until the end of the transaction; False for others."""
    return _lock(campaign_id, ("cancelled",))


def lock_started(campaign_id: int) -> bool:
    """Lock a campaign whose audience is frozen, in any later state; False for others.

    Until the end of the transaction, nobody else can finish or cancel it.
    """
    return _lock(campaign_id, ("sending", "paused", "sent", "cancelled"))


def _lock(campaign_id: int, states: tuple[str, ...]) -> bool:
    found = sa.select(Campaign.id).where(Campaign.id == campaign_id, Campaign.status.in_(states))
    return db.session.scalar(found.with_for_update(key_share=True)) is not None


def reopen(campaign_id: int, *, now: datetime) -> bool:
    """Continue a finished campaign of which deliveries have been queued again.

    If its account has been deleted, it uses the current one of its sender address.
    """
    moved = _move(
        campaign_id,
        ("sent", "cancelled"),
        now,
        status="sending",
        status_reason="",
        finished_at=None,
        restored_at=None,
        provider_id=sa.func.coalesce(Campaign.provider_id, _provider_of_sender()),
    )
    if moved:
        _clear_trouble(campaign_id)
    return moved


def _provider_of_sender() -> sa.ScalarSelect[Any]:
    return (
        sa.select(SenderAddress.provider_id)
        .where(SenderAddress.id == Campaign.sender_id)
        .scalar_subquery()
    )


def return_to_draft(campaign_id: int, *, now: datetime, reason: Reason) -> bool:
    """Return a campaign that cannot be expanded to draft.

    There it can be fixed; the reason stays until then.
    """
    return _move(
        campaign_id,
        ("preparing",),
        now,
        status="draft",
        status_reason=packed(reason),
        scheduled_at=None,
        started_at=None,
    )


def touch(campaign_id: int, *, now: datetime) -> None:
    """Note that deliveries of a campaign change, which invalidates its stored counts.

    Call it before changing them, so that everyone locks in the same order.
    """
    db.session.execute(sa.update(Campaign).where(Campaign.id == campaign_id).values(updated_at=now))


def explain(campaign_id: int, reason: Reason | None) -> None:
    """Store why a sending campaign is slow; None if it is not."""
    db.session.execute(
        sa.update(Campaign)
        .where(Campaign.id == campaign_id, Campaign.status == "sending")
        .values(status_reason=packed(reason))
    )
