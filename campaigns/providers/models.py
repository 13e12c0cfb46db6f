"""How mail leaves: accounts at providers, and the addresses we send from."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy import ForeignKey, Index

from campaigns.clock import utcnow
from campaigns.db import Base, BigKey, Mapped, id_key, mapped_column, public_id

SECURITY = ("starttls", "tls", "none")
AUTH = ("password", "oauth2")


class ProviderAccount(Base):
    """An account at a provider. Limits of 0 mean none.

    `trouble` is the sentence shown to the user while the account does not work; it is cleared
    by the next success. `password`, `client_secret`, `refresh_token` and `client_key` are
    encrypted (secrets.Vault).
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
    auth: Mapped[str] = mapped_column(default="password", server_default="password")
    """One of AUTH: how it logs in where there is a user name."""
    token_url: Mapped[str] = mapped_column(default="", server_default="")
    """Where access tokens are asked for (OAuth 2), as the client below."""
    token_scope: Mapped[str] = mapped_column(default="", server_default="")
    client_id: Mapped[str] = mapped_column(default="", server_default="")
    client_secret: Mapped[str] = mapped_column(default="", server_default="")
    refresh_token: Mapped[str] = mapped_column(default="", server_default="")
    client_certificate: Mapped[str] = mapped_column(default="", server_default="")
    """What is shown to a server that asks for a certificate: a PEM, with the chain."""
    client_key: Mapped[str] = mapped_column(default="", server_default="")
    rewrites_return_path: Mapped[bool] = mapped_column(default=False)
    preset: Mapped[str] = mapped_column(default="", server_default="")
    """Which well-known provider this is (presets.Preset.key); empty when nobody said."""
    per_second: Mapped[int] = mapped_column(default=0)
    per_minute: Mapped[int] = mapped_column(default=0, server_default="0")
    per_hour: Mapped[int] = mapped_column(default=0, server_default="0")
    per_day: Mapped[int] = mapped_column(default=0)
    connections: Mapped[int] = mapped_column(default=0, server_default="0")
    """The most connections at the same time, over all workers."""
    messages_per_connection: Mapped[int] = mapped_column(default=0, server_default="0")
    """After so many messages a connection is closed and made anew."""
    trouble: Mapped[str] = mapped_column(default="")
    trouble_at: Mapped[datetime | None]
    trouble_count: Mapped[int] = mapped_column(default=0)
    retry_at: Mapped[datetime | None]
    """While it does not work: when it may be tried again."""
    alerted_at: Mapped[datetime | None]
    """When the owners were written to about this trouble."""
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


class SenderDomain(Base):
    """A domain whose mail is signed here with DKIM; its keys are rows of their own."""

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

    Of each algorithm one key signs at most, and one waits at most. `private_key` is a PEM,
    encrypted (secrets.Vault); empty once a retired key is past use. `finding` is what the last
    look into DNS gave, and `finding_text` the sentence about it.
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
