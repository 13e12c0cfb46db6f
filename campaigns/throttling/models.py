"""Send limits set by users and demanded by servers."""

from datetime import date, datetime

import sqlalchemy as sa
from sqlalchemy import ForeignKey

from campaigns.clock import utcnow
from campaigns.db import Base, BigKey, Mapped, id_key, mapped_column, public_id

ACTIONS = ("slow", "halve", "at_once", "suspend", "pause_campaign", "pause_provider")


class GroupLimit(Base):
    """A user's limit for a mailbox group at an account. 0: no limit."""

    __tablename__ = "group_limit"

    provider_id: Mapped[int] = mapped_column(
        BigKey, ForeignKey("provider_account.id", ondelete="CASCADE"), primary_key=True
    )
    mailbox_group: Mapped[str] = mapped_column(primary_key=True)
    per_minute: Mapped[int] = mapped_column(default=0)
    at_once: Mapped[int] = mapped_column(default=0)


class GroupState(Base):
    """The current effects of reply rules on a mailbox group at an account.

    A group named '' is the whole account. Each effect ends automatically: `suspended_until`, then
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
    """It is suspended only because a quota is used up."""
    slow_per_minute: Mapped[int] = mapped_column(default=0)
    slow_until: Mapped[datetime | None]
    at_once: Mapped[int] = mapped_column(default=0)
    at_once_from: Mapped[datetime | None]
    why: Mapped[str] = mapped_column(default="")
    """The server's reply and its meaning, to show to users."""
    changed_at: Mapped[datetime] = mapped_column(default=utcnow)


class ReplyRule(Base):
    """A custom rule, or a changed built-in one (named by `key`).

    The fields are those of `rule.Rule`. `note` is empty while a built-in rule keeps its own.
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
    """Matches within an hour from `since` of a rule that needs several replies."""

    __tablename__ = "rule_hits"

    provider_id: Mapped[int] = mapped_column(
        BigKey, ForeignKey("provider_account.id", ondelete="CASCADE"), primary_key=True
    )
    mailbox_group: Mapped[str] = mapped_column(primary_key=True)
    rule: Mapped[str] = mapped_column(primary_key=True)
    since: Mapped[datetime]
    count: Mapped[int] = mapped_column(default=0)


class WarmUp(Base):
    """A daily cap that grows, for an account ('') or one of its mailbox groups.

    `day` counts the days with sent email, from 0; `day_on` is the date of the last one.
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
    """One cap per day, separated by spaces, if the user set them."""
    day: Mapped[int] = mapped_column(default=0)
    day_on: Mapped[date | None]
    frozen_until: Mapped[date | None]


class SlowedDomain(Base):
    """A domain of the mailbox group "other" that throttles an account.

    Its email waits `until` then; each further reply that throttles doubles the wait.
    """

    __tablename__ = "slowed_domain"

    provider_id: Mapped[int] = mapped_column(
        BigKey, ForeignKey("provider_account.id", ondelete="CASCADE"), primary_key=True
    )
    domain: Mapped[str] = mapped_column(primary_key=True)
    until: Mapped[datetime]
    complaints: Mapped[int] = mapped_column(default=0)
    """Number of waits so far; it has nothing to do with spam complaints."""
    why: Mapped[str] = mapped_column(default="")
    """What the server said."""
