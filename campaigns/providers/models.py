"""Provider accounts, sender addresses and sender domains."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import ForeignKey, Index

from campaigns.clock import utcnow
from campaigns.db import NEVER_REUSED, Base, BigKey, Mapped, id_key, mapped_column, public_id


class ProviderAccount(Base):
    """An account at a provider. Limits of 0 mean none.

    `settings` holds what the model of its kind allows (`registry.KINDS`). `credentials` maps the
    name of each secret to its encrypted form (`secrets.Vault`). `trouble` is the packed reason
    shown while the account does not work; the next success clears it.
    """

    __tablename__ = "provider_account"

    id: Mapped[id_key]
    public_id: Mapped[public_id]
    name: Mapped[str] = mapped_column(unique=True)
    kind: Mapped[str] = mapped_column(default="smtp")
    settings: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default="{}")
    credentials: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default="{}")
    rewrites_return_path: Mapped[bool] = mapped_column(default=False)
    preset: Mapped[str] = mapped_column(default="", server_default="")
    """Key of the account's well-known provider; empty if unknown."""
    per_second: Mapped[int] = mapped_column(default=0)
    per_minute: Mapped[int] = mapped_column(default=0, server_default="0")
    per_hour: Mapped[int] = mapped_column(default=0, server_default="0")
    per_day: Mapped[int] = mapped_column(default=0)
    connections: Mapped[int] = mapped_column(default=0, server_default="0")
    """Largest number of simultaneous connections, over all workers."""
    messages_per_connection: Mapped[int] = mapped_column(default=0, server_default="0")
    """Number of messages after which a connection is replaced."""
    trouble: Mapped[str] = mapped_column(default="")
    trouble_at: Mapped[datetime | None]
    trouble_count: Mapped[int] = mapped_column(default=0)
    retry_at: Mapped[datetime | None]
    """Time of the next attempt while the account does not work."""
    alerted_at: Mapped[datetime | None]
    """When the owners were alerted to this trouble."""
    version: Mapped[int] = mapped_column(default=1)
    """Increases when the account changes, so that open connections are replaced."""
    created_at: Mapped[datetime] = mapped_column(default=utcnow)

    # Counts and the log of webhook posts contain the id, and outlive the account.
    __table_args__ = (NEVER_REUSED,)


class SenderAddress(Base):
    """An address that campaigns are sent from, through one provider account."""

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


class ReturnDomain(Base):
    """A domain whose return addresses reach us, as a bounce test of an account proved.

    See `return_domains` for how long the proof is valid.
    """

    __tablename__ = "return_domain"

    account_id: Mapped[int] = mapped_column(
        BigKey,
        ForeignKey("provider_account.id", ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
    )
    domain: Mapped[str] = mapped_column(primary_key=True)
    """Lower case, as A-labels."""
    source: Mapped[str]
    """How the bounce arrived: imap, pop3, lmtp, smtp, pipe."""
    mailbox_id: Mapped[int | None] = mapped_column(
        BigKey, ForeignKey("intake_mailbox.id", ondelete="CASCADE")
    )
    proven_at: Mapped[datetime]
    """When the bounce of the last test arrived."""
    came_at: Mapped[datetime]
    """When the last email to a return address of this domain arrived."""
    alive_at: Mapped[datetime]
    """When that mailbox or listener was last seen working."""

    __table_args__ = (Index("ix_return_domain_mailbox_id", "mailbox_id"),)


class SenderDomain(Base):
    """A domain whose emails we sign with DKIM; its keys are separate rows."""

    __tablename__ = "sender_domain"

    id: Mapped[id_key]
    public_id: Mapped[public_id]
    name: Mapped[str] = mapped_column(unique=True)
    """Lower case, as A-labels."""
    created_at: Mapped[datetime] = mapped_column(default=utcnow)


DKIM_ALGORITHMS = ("rsa", "ed25519")
DKIM_STATES = ("waiting", "active", "retired")
DKIM_FINDINGS = ("", "found", "missing", "wrong", "unreachable")


class DkimKey(Base):
    """A key under its selector: waiting for its record in DNS, signing, or retired.

    At most one key per algorithm signs, and at most one waits. `private_key` is an encrypted PEM
    (secrets.Vault), empty once a retired key is erased. `finding` is the result of the last DNS
    lookup, and `finding_text` its reason.
    """

    __tablename__ = "dkim_key"

    id: Mapped[id_key]
    public_id: Mapped[public_id]
    domain_id: Mapped[int] = mapped_column(BigKey, ForeignKey("sender_domain.id"))
    algorithm: Mapped[str]
    selector: Mapped[str]
    private_key: Mapped[str]
    public_key: Mapped[str]
    state: Mapped[str] = mapped_column(default="waiting")
    finding: Mapped[str] = mapped_column(default="")
    finding_text: Mapped[str] = mapped_column(default="")
    checked_at: Mapped[datetime | None]
    activated_at: Mapped[datetime | None]
    retired_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(default=utcnow)

    __table_args__ = (
        sa.UniqueConstraint("domain_id", "selector"),
        Index(
            "ix_dkim_key_in_use",
            "domain_id",
            "algorithm",
            "state",
            unique=True,
            sqlite_where=sa.text("state != 'retired'"),
            postgresql_where=sa.text("state != 'retired'"),
        ),
        sa.CheckConstraint(f"algorithm IN {DKIM_ALGORITHMS!r}", name="algorithm"),
        sa.CheckConstraint(f"state IN {DKIM_STATES!r}", name="state"),
        sa.CheckConstraint(f"finding IN {DKIM_FINDINGS!r}", name="finding"),
    )
