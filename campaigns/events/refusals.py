"""Refusals during sending: bounce events and suppressions, by the table in `events.policy`.

Called when outcomes are recorded, in the same transaction. `hold` revokes implausibly many refusals
(rule B4): the server of a whole mailbox group may be faulty.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from campaigns.addresses import normalise
from campaigns.audience import suppressions
from campaigns.audience.suppressions import Evidence
from campaigns.campaign.models import Delivery, HeldGroup, Reply
from campaigns.db import db, in_order, insert_ignoring, rows_changed
from campaigns.delivery import resend
from campaigns.events import bounce_history, feedback_rules
from campaigns.events.bounce_history import REFUSED
from campaigns.events.models import Event
from campaigns.events.policy import BOUNCES

BOUNCE_REASONS = ("no_mailbox", "disabled")
"""Delivery reasons that are bounces; a full mailbox is none, but may become one."""
CHUNK = 1_000


def bounce(campaign_id: int, delivery_ids: Collection[int], *, now: datetime) -> int:
    """Record bounces of deliveries that have just failed because of their mailbox.

    Skips all others. Returns how many addresses were suppressed: a missing mailbox at once, a
    disabled or full one if it repeats as often as the workspace's rules say.
    """
    ids = sorted(delivery_ids)
    return sum(
        _bounce(campaign_id, ids[start : start + CHUNK], now) for start in range(0, len(ids), CHUNK)
    )


def _bounce(campaign_id: int, ids: Sequence[int], now: datetime) -> int:
    _hold_open(campaign_id, ids, now)
    rows = db.session.execute(
        sa.select(
            Delivery.id,
            Delivery.subscriber_id,
            Delivery.reason,
            Delivery.reply_ref,
            Delivery.address,
            sa.func.coalesce(Reply.text, "").label("reply"),
        )
        .outerjoin(Reply, Reply.id == Delivery.reply_id)
        .where(
            Delivery.id.in_(ids),
            Delivery.campaign_id == campaign_id,
            Delivery.status == "failed",
            Delivery.reason.in_(sorted(REFUSED)),
        )
        .order_by(Delivery.id)
    ).all()
    _write_events(campaign_id, [row for row in rows if row.reason in BOUNCE_REASONS], now)
    counted = {row.subscriber_id for row in rows if row.subscriber_id and not _at_once(row.reason)}
    repeated = bounce_history.repeated(counted, feedback_rules.load(), now=now)
    return suppressions.suppress_bounced(
        [
            # Not the address that the person has since: a user may decide days later.
            Evidence(
                normalise(row.address),
                campaign_id,
                row.id,
                row.reply.replace("{ref}", row.reply_ref),
            )
            for row in rows
            if row.subscriber_id is not None
            and (_at_once(row.reason) or row.subscriber_id in repeated)
        ],
        now=now,
    )


def _at_once(reason: str) -> bool:
    return BOUNCES[REFUSED[reason]].person == "suppress"


def _write_events(campaign_id: int, rows: Sequence[Any], now: datetime) -> None:
    """Write one event each. `bounced_at` stays empty: it is for bounces after acceptance."""
    if rows:
        db.session.execute(
            insert_ignoring(Event),
            [
                {
                    "delivery_id": row.id,
                    "campaign_id": campaign_id,
                    "kind": "bounced",
                    "at": now,
                    "dedupe": f"refused:{row.id}:{int(now.timestamp())}",
                    "user_agent": "",
                    "reply_class": REFUSED[row.reason],
                    "detail": row.reply.replace("{ref}", row.reply_ref),
                }
                for row in rows
            ],
        )


def _hold_open(campaign_id: int, ids: Sequence[int], now: datetime) -> None:
    """Hold deliveries that were being sent to a mailbox group when it was put on hold."""
    if held := resend.held_groups(campaign_id, kind="flood"):
        failed = sa.select(Delivery.id).where(
            Delivery.id.in_(ids),
            Delivery.campaign_id == campaign_id,
            Delivery.status == "failed",
            Delivery.reason.in_(BOUNCE_REASONS),
            Delivery.mailbox_group.in_(sorted(held)),
        )
        db.session.execute(
            sa.update(Delivery)
            .where(Delivery.id.in_(in_order(failed)))
            .values(status="held", reason="flood", updated_at=now)
            .execution_options(synchronize_session=False)
        )


# --- refusal spikes -----------------------------------------------------------------------------


def hold(
    campaign_id: int, mailbox_group: str, *, since: datetime, words: str, now: datetime
) -> int:
    """Hold a mailbox group that suddenly refuses very many, and revoke the consequences.

    Deliveries that failed there since then as "no such mailbox" become `held`; their events are
    deleted and their suppressions lifted. Returns how many; 0 also if a user has decided that this
    group's refusals are true.
    """
    if not _close(campaign_id, mailbox_group, words, now):
        return 0
    refused = sa.select(Delivery.id).where(
        Delivery.campaign_id == campaign_id,
        Delivery.mailbox_group == mailbox_group,
        Delivery.status == "failed",
        Delivery.reason.in_(BOUNCE_REASONS),
        # Must match the partial index of deliveries with a reason literally, for SQLite.
        Delivery.reason != sa.literal_column("''"),
        Delivery.updated_at >= since,
    )
    failed = db.session.scalars(
        sa.update(Delivery)
        .where(Delivery.id.in_(in_order(refused)))
        .values(status="held", reason="flood", updated_at=now)
        .returning(Delivery.id)
        .execution_options(synchronize_session=False)
    ).all()
    _delete_events(failed, since)
    suppressions.lift_bounced(failed)
    return len(failed)


def _close(campaign_id: int, mailbox_group: str, words: str, now: datetime) -> bool:
    """Hold the group. False if its refusals are accepted as true."""
    row = {
        "campaign_id": campaign_id,
        "mailbox_group": mailbox_group,
        "held_at": now,
        "words": words,
        "decision": "",
        "kind": "flood",
    }
    db.session.execute(insert_ignoring(HeldGroup), [row])
    changed = db.session.execute(
        sa.update(HeldGroup)
        .where(
            HeldGroup.campaign_id == campaign_id,
            HeldGroup.mailbox_group == mailbox_group,
            HeldGroup.decision != "gone",
        )
        .values(held_at=now, words=words, decision="", kind="flood")
        .execution_options(synchronize_session=False)
    )
    return rows_changed(changed) == 1


def _delete_events(delivery_ids: Sequence[int], since: datetime) -> None:
    for start in range(0, len(delivery_ids), CHUNK):
        db.session.execute(
            sa.delete(Event)
            .where(
                Event.delivery_id.in_(delivery_ids[start : start + CHUNK]),
                Event.kind == "bounced",
                Event.at >= since,
            )
            .execution_options(synchronize_session=False)
        )


def believe(campaign_id: int, mailbox_group: str, *, now: datetime) -> int | None:
    """Accept the refusals as true: held deliveries fail, and their addresses are suppressed.

    Sending to the group continues. Returns how many failed; None if there was nothing (more) to
    decide.
    """
    decided = db.session.execute(
        sa.update(HeldGroup)
        .where(*_undecided(campaign_id, mailbox_group))
        .values(decision="gone")
        .execution_options(synchronize_session=False)
    )
    if not rows_changed(decided):
        return None
    held = sa.select(Delivery.id).where(
        Delivery.campaign_id == campaign_id,
        Delivery.mailbox_group == mailbox_group,
        Delivery.status == "held",
        Delivery.reason == "flood",
    )
    failed = db.session.scalars(
        sa.update(Delivery)
        .where(Delivery.id.in_(in_order(held)))
        .values(status="failed", reason="no_mailbox", updated_at=now)
        .returning(Delivery.id)
        .execution_options(synchronize_session=False)
    ).all()
    bounce(campaign_id, failed, now=now)
    return len(failed)


def _undecided(campaign_id: int, mailbox_group: str) -> tuple[Any, ...]:
    return (
        HeldGroup.campaign_id == campaign_id,
        HeldGroup.mailbox_group == mailbox_group,
        HeldGroup.decision == "",
        HeldGroup.kind == "flood",
    )
