"""How mail leaves: accounts at providers, and the addresses we send from."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy import ForeignKey, Index

from campaigns.clock import utcnow
from campaigns.db import Base, BigKey, Mapped, id_key, mapped_column, public_id

SECURITY = ("starttls", "tls", "none")


class ProviderAccount(Base):
    """An account at a provider. Limits of 0 mean none.

    `trouble` is the sentence shown to the user while the account does not work; it is cleared
    by the next success. `password` is encrypted (secrets.Vault).
    """

    __tablename__ = "provider_account"

    id: Mapped[id_key]
    public_id: Mapped[public_id]
    name: Mapped[str] = mapped_column(unique=True)
    kind: Mapped[str] = mapped_column(default="smtp")
    host: Mapped[str] = mapped_column(default="")
    port: Mapped[int] = mapped_column(default=587)
    security: Mapped[str] = mapped_column(default="starttls")
    username: Mapped[str] = mapped_column(default="")
    password: Mapped[str] = mapped_column(default="")
    rewrites_return_path: Mapped[bool] = mapped_column(default=False)
    per_second: Mapped[int] = mapped_column(default=0)
    per_day: Mapped[int] = mapped_column(default=0)
    trouble: Mapped[str] = mapped_column(default="")
    trouble_at: Mapped[datetime | None]
    trouble_count: Mapped[int] = mapped_column(default=0)
    retry_at: Mapped[datetime | None]
    """While it does not work: when it may be tried again."""
    version: Mapped[int] = mapped_column(default=1)
    """Goes up when the account changes, so that open connections are made anew."""
    created_at: Mapped[datetime] = mapped_column(default=utcnow)

    __table_args__ = (sa.CheckConstraint(f"security IN {SECURITY!r}", name="security"),)


class SenderAddress(Base):
    """An address that campaigns are sent from, by way of one provider account."""

    __tablename__ = "sender_address"

    id: Mapped[id_key]
    public_id: Mapped[public_id]
    name: Mapped[str] = mapped_column(default="")
    address: Mapped[str] = mapped_column(unique=True)
    reply_to: Mapped[str] = mapped_column(default="")
    provider_id: Mapped[int] = mapped_column(BigKey, ForeignKey("provider_account.id"))
    is_default: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime] = mapped_column(default=utcnow)

    __table_args__ = (Index("ix_sender_address_provider_id", "provider_id"),)
