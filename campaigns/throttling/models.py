"""What people set and what servers said about the speed of sending."""

from datetime import date, datetime

import sqlalchemy as sa
from sqlalchemy import ForeignKey

from campaigns.clock import utcnow
from campaigns.db import Base, BigKey, Mapped, id_key, mapped_column, public_id

ACTIONS = ("slow", "halve", "at_once", "suspend", "pause_campaign", "pause_provider")


class GroupLimit(Base):
    """What a mailbox group may get through an account, as people set it. 0: no limit."""

    __tablename__ = "group_limit"

    provider_id: Mapped[int] = mapped_column(
        BigKey, ForeignKey("provider_account.id", ondelete="CASCADE"), primary_key=True
    )
    mailbox_group: Mapped[str] = mapped_column(primary_key=True)
    per_minute: Mapped[int] = mapped_column(default=0)
    at_once: Mapped[int] = mapped_column(default=0)


class GroupState(Base):
    """What the reply rules made of a mailbox group at an account, for now.

    A group named '' is the whole account. Each part ends by itself: `suspended_until`, then
    `at_once` (one more every few minutes from `at_once_from`), and `slow_per_minute` until
    `slow_until`.
    """

    __tablename__ = "group_state"

    provider_id: Mapped[int] = mapped_column(
        BigKey, ForeignKey("provider_account.id", ondelete="CASCADE"), primary_key=True
    )
    mailbox_group: Mapped[str] = mapped_column(primary_key=True)
    suspended_until: Mapped[datetime | None]
    is_quota: Mapped[bool] = mapped_column(default=False)
    """It is suspended because a quota is used up, and for nothing worse."""
    slow_per_minute: Mapped[int] = mapped_column(default=0)
    slow_until: Mapped[datetime | None]
    at_once: Mapped[int] = mapped_column(default=0)
    at_once_from: Mapped[datetime | None]
    why: Mapped[str] = mapped_column(default="")
    """What the server said, and what that means, for people."""
    changed_at: Mapped[datetime] = mapped_column(default=utcnow)


class ReplyRule(Base):
    """A rule of people's own, or one of ours that they changed (`key` names which).

    The fields are those of `rule.Rule`. `note` is empty while one of ours keeps its own.
    """

    __tablename__ = "reply_rule"

    id: Mapped[id_key]
    public_id: Mapped[public_id]
    key: Mapped[str | None] = mapped_column(unique=True)
    note: Mapped[str]
    pattern: Mapped[str]
    preset: Mapped[str] = mapped_column(default="")
    mailbox_group: Mapped[str] = mapped_column(default="")
    action: Mapped[str]
    amount: Mapped[int] = mapped_column(default=0)
    minutes: Mapped[int] = mapped_column(default=0)
    per_hour: Mapped[int] = mapped_column(default=0)
    whole_account: Mapped[bool] = mapped_column(default=False)
    is_on: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime] = mapped_column(default=utcnow)

    __table_args__ = (sa.CheckConstraint(f"action IN {ACTIONS!r}", name="action"),)


class RuleHits(Base):
    """How often a rule that needs several replies was met within an hour from `since`."""

    __tablename__ = "rule_hits"

    provider_id: Mapped[int] = mapped_column(
        BigKey, ForeignKey("provider_account.id", ondelete="CASCADE"), primary_key=True
    )
    mailbox_group: Mapped[str] = mapped_column(primary_key=True)
    rule: Mapped[str] = mapped_column(primary_key=True)
    since: Mapped[datetime]
    count: Mapped[int] = mapped_column(default=0)


class WarmUp(Base):
    """A cap that grows from day to day, for an account ('') or one mailbox group at it.

    `day` counts the days on which mail was sent, from 0; `day_on` is when the newest began.
    """

    __tablename__ = "warm_up"

    provider_id: Mapped[int] = mapped_column(
        BigKey, ForeignKey("provider_account.id", ondelete="CASCADE"), primary_key=True
    )
    mailbox_group: Mapped[str] = mapped_column(primary_key=True, default="")
    first: Mapped[int] = mapped_column(default=200)
    last: Mapped[int] = mapped_column(default=200_000)
    days: Mapped[int] = mapped_column(default=42)
    steps: Mapped[str] = mapped_column(default="")
    """One cap for each day, parted by blanks, where people wrote them down themselves."""
    day: Mapped[int] = mapped_column(default=0)
    day_on: Mapped[date | None]
    frozen_until: Mapped[date | None]


class SlowedDomain(Base):
    """A domain of the mailbox group "other" that asked for less mail, at an account.

    Its mail waits `until` then; each further complaint doubles the wait.
    """

    __tablename__ = "slowed_domain"

    provider_id: Mapped[int] = mapped_column(
        BigKey, ForeignKey("provider_account.id", ondelete="CASCADE"), primary_key=True
    )
    domain: Mapped[str] = mapped_column(primary_key=True)
    until: Mapped[datetime]
    complaints: Mapped[int] = mapped_column(default=0)
    why: Mapped[str] = mapped_column(default="")
    """What the server said."""
