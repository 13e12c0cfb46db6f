"""Users, their sessions, and the workspace."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import ForeignKey

from campaigns.clock import utcnow
from campaigns.db import Base, BigKey, Mapped, id_key, mapped_column, public_id


class User(Base):
    """A person who logs in."""

    __tablename__ = "user_account"

    id: Mapped[id_key]
    public_id: Mapped[public_id]
    address: Mapped[str]
    address_normal: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str] = mapped_column(default="")
    password_hash: Mapped[str]
    role: Mapped[str] = mapped_column(default="owner")
    created_at: Mapped[datetime] = mapped_column(default=utcnow)
    last_login_at: Mapped[datetime | None]


class LoginSession(Base):
    """A logged-in browser. The token itself is only in its cookie.

    `network` and `device`, a packed reason, are shortened: enough to recognize one's own session.
    """

    __tablename__ = "login_session"

    id: Mapped[id_key]
    public_id: Mapped[public_id]
    user_id: Mapped[int] = mapped_column(
        BigKey, ForeignKey("user_account.id", ondelete="CASCADE"), index=True
    )
    token_hash: Mapped[str] = mapped_column(unique=True)
    network: Mapped[str] = mapped_column(default="")
    device: Mapped[str] = mapped_column(default="")
    created_at: Mapped[datetime] = mapped_column(default=utcnow)
    last_seen_at: Mapped[datetime] = mapped_column(default=utcnow, index=True)


class PasswordReset(Base):
    """A link that sets a forgotten password. The token itself is only in the email."""

    __tablename__ = "password_reset"

    id: Mapped[id_key]
    user_id: Mapped[int] = mapped_column(
        BigKey, ForeignKey("user_account.id", ondelete="CASCADE"), index=True
    )
    token_hash: Mapped[str] = mapped_column(unique=True)
    created_at: Mapped[datetime] = mapped_column(default=utcnow)
    expires_at: Mapped[datetime] = mapped_column(index=True)


class Workspace(Base):
    """The organisation that uses this installation. One row, id 1.

    `undo_seconds`: time to undo a launch. `overdue_minutes`: a campaign later than this asks before
    it is sent. `demo`: only the built-in mailbox may be used as a provider.
    """

    __tablename__ = "workspace"

    id: Mapped[id_key]
    name: Mapped[str] = mapped_column(default="")
    postal_address: Mapped[str] = mapped_column(default="")
    time_zone: Mapped[str] = mapped_column(default="UTC")
    undo_seconds: Mapped[int] = mapped_column(default=10)
    overdue_minutes: Mapped[int] = mapped_column(default=120)
    demo: Mapped[bool] = mapped_column(default=False)
    feedback_rules: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default="{}")
    """Rules for bounces and complaints that differ from the defaults of `events.policy`."""

    __table_args__ = (sa.CheckConstraint("id = 1", name="one_row"),)
