"""People who log in, and the workspace they work in."""

from datetime import datetime

import sqlalchemy as sa

from campaigns.clock import utcnow
from campaigns.db import Base, Mapped, id_key, mapped_column, public_id


class User(Base):
    """A person who logs in. `session_epoch` goes up to end every session of theirs."""

    __tablename__ = "user_account"

    id: Mapped[id_key]
    public_id: Mapped[public_id]
    address: Mapped[str]
    address_normal: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str] = mapped_column(default="")
    password_hash: Mapped[str]
    role: Mapped[str] = mapped_column(default="owner")
    session_epoch: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime] = mapped_column(default=utcnow)
    last_login_at: Mapped[datetime | None]


class Workspace(Base):
    """Who this installation speaks for. One row, id 1.

    `undo_seconds`: how long a launch can be taken back. `overdue_minutes`: a schedule that was
    missed by more than this asks before it sends. `demo`: only the built-in mailbox
    may be used as a provider.
    """

    __tablename__ = "workspace"

    id: Mapped[id_key]
    name: Mapped[str] = mapped_column(default="")
    postal_address: Mapped[str] = mapped_column(default="")
    time_zone: Mapped[str] = mapped_column(default="UTC")
    undo_seconds: Mapped[int] = mapped_column(default=10)
    overdue_minutes: Mapped[int] = mapped_column(default=120)
    demo: Mapped[bool] = mapped_column(default=False)

    __table_args__ = (sa.CheckConstraint("id = 1", name="one_row"),)
