"""Count what can be resent or retried in a campaign."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from campaigns.campaign.models import Campaign, Delivery, HeldGroup
from campaigns.campaign.title import title_of
from campaigns.db import db
from campaigns.delivery.resend import NEVER_RETRIED_IN_BULK
from campaigns.events import quarantine


@dataclass(frozen=True, slots=True)
class UndecidedGroup:
    """A mailbox group that refused very many at once, and waits for a decision.

    Or one with bad results in the test group (`kind` canary), where nothing was revoked, or with
    very many later bounces (`kind` bounces). `held`: revoked refusals, or these bounces; `waiting`:
    not tried yet, and not tried until the decision.
    """

    mailbox_group: str
    held_at: datetime
    words: str
    held: int
    waiting: int
    kind: str = "flood"


@dataclass(frozen=True, slots=True)
class ResendOptions:
    """`unknown` may have arrived; so may `left`, which a user decided to leave unknown.

    `failed` can be retried; `gone` failed at mailboxes that do not exist. `kept` are on hold for a
    reason other than a refusal spike.
    """

    unknown: int = 0
    left: int = 0
    failed: int = 0
    gone: int = 0
    cancelled: int = 0
    kept: int = 0
    floods: Sequence[UndecidedGroup] = ()

    @property
    def is_any(self) -> bool:
        """Whether there is anything to decide."""
        return bool(self.unknown or self.failed or self.cancelled or self.kept)


def resend_options(campaign_id: int) -> ResendOptions:
    """Return what can be resent or retried, by one grouped query on a small index."""
    rows = db.session.execute(
        sa.select(Delivery.status, Delivery.reason, sa.func.count())
        .where(
            Delivery.campaign_id == campaign_id,
            Delivery.reason != sa.literal_column("''"),
            Delivery.status.in_(("unknown", "failed", "cancelled", "held")),
        )
        .group_by(Delivery.status, Delivery.reason)
    )
    counts = {(status, reason): count for status, reason, count in rows}

    def total(status: str, *, without: Sequence[str] = ()) -> int:
        return sum(
            count
            for (its_status, reason), count in counts.items()
            if its_status == status and reason not in without
        )

    return ResendOptions(
        unknown=total("unknown", without=("left",)),
        left=counts.get(("unknown", "left"), 0),
        failed=total("failed", without=NEVER_RETRIED_IN_BULK),
        gone=total("failed") - total("failed", without=NEVER_RETRIED_IN_BULK),
        cancelled=total("cancelled"),
        kept=total("held", without=("flood",)),
        floods=_floods(campaign_id),
    )


def _floods(campaign_id: int) -> list[UndecidedGroup]:
    """Return undecided groups: nearly always none, from a small table."""
    found = db.session.execute(
        sa.select(HeldGroup.mailbox_group, HeldGroup.held_at, HeldGroup.words, HeldGroup.kind)
        .where(HeldGroup.campaign_id == campaign_id, HeldGroup.decision == "")
        .order_by(HeldGroup.mailbox_group)
    ).all()
    return [
        UndecidedGroup(
            row.mailbox_group,
            row.held_at,
            row.words,
            held=(
                quarantine.waiting(campaign_id, row.mailbox_group)
                if row.kind == quarantine.KIND
                else _count(campaign_id, row.mailbox_group, "held")
            ),
            waiting=_count(campaign_id, row.mailbox_group, "queued"),
            kind=row.kind,
        )
        for row in found
    ]


@dataclass(frozen=True, slots=True)
class HeldBack:
    """A campaign with mailbox groups that wait for a decision, of one kind."""

    public_id: str
    title: str
    kind: str
    groups: list[str]


def campaigns_with_held_groups() -> list[HeldBack]:
    """Return campaigns with mailbox groups that wait for a decision, newest first."""
    rows = db.session.execute(
        sa.select(
            Campaign.public_id,
            Campaign.name,
            Campaign.subject,
            HeldGroup.kind,
            HeldGroup.mailbox_group,
        )
        .join(Campaign, Campaign.id == HeldGroup.campaign_id)
        .where(HeldGroup.decision == "")
        .order_by(Campaign.id.desc(), HeldGroup.mailbox_group)
        .limit(20)
    )
    found: dict[tuple[str, str], HeldBack] = {}
    for row in rows:
        title = title_of(row.name, row.subject)
        entry = found.setdefault(
            (row.public_id, row.kind), HeldBack(row.public_id, title, row.kind, [])
        )
        entry.groups.append(row.mailbox_group)
    return list(found.values())


def _count(campaign_id: int, mailbox_group: str, status: str) -> int:
    counted = sa.select(sa.func.count()).where(
        Delivery.campaign_id == campaign_id,
        Delivery.status == status,
        Delivery.mailbox_group == mailbox_group,
    )
    return db.session.scalar(counted) or 0
