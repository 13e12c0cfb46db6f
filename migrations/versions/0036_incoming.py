"""what comes back"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0036"
down_revision = "0035"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
MOMENT = sa.DateTime(timezone=True)
TEXTS = ("reply_class", "status", "detail")


def upgrade() -> None:
    op.create_table(
        "incoming",
        sa.Column("id", BIG, nullable=False),
        sa.Column("public_id", sa.String(12), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("endpoint_id", BIG),
        sa.Column("account_id", BIG),
        sa.Column("received_at", MOMENT, nullable=False),
        sa.Column("headers", JSON, nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("dedupe", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("new_events", sa.Integer(), nullable=False),
        sa.Column("attempts", sa.SmallInteger(), nullable=False),
        sa.Column("processed_at", MOMENT),
        sa.CheckConstraint("channel IN ('webhook', 'email')", name=op.f("ck_incoming_channel")),
        sa.CheckConstraint(
            "state IN ('waiting', 'done', 'refused', 'failed')", name=op.f("ck_incoming_state")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_incoming")),
        sa.UniqueConstraint("dedupe", name=op.f("uq_incoming_dedupe")),
        sa.UniqueConstraint("public_id", name=op.f("uq_incoming_public_id")),
        sqlite_autoincrement=True,
    )
    waits = sa.text("state = 'waiting'")
    op.create_index(
        "ix_incoming_waiting", "incoming", ["id"], postgresql_where=waits, sqlite_where=waits
    )
    op.create_index("ix_incoming_account_id", "incoming", ["account_id", "id"])
    op.create_index(
        "ix_incoming_endpoint_id", "incoming", ["channel", "endpoint_id", "state", "id"]
    )
    op.create_index("ix_incoming_received_at", "incoming", ["received_at"])
    op.create_table(
        "webhook_endpoint",
        sa.Column("id", BIG, nullable=False),
        sa.Column("public_id", sa.String(32), nullable=False),
        sa.Column("account_id", BIG, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("settings", JSON, nullable=False),
        sa.Column("credentials", JSON, nullable=False),
        sa.Column("last_received_at", MOMENT),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["provider_account.id"],
            name=op.f("fk_webhook_endpoint_account_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_endpoint")),
        sa.UniqueConstraint("account_id", name=op.f("uq_webhook_endpoint_account_id")),
        sa.UniqueConstraint("public_id", name=op.f("uq_webhook_endpoint_public_id")),
    )
    op.create_table(
        "intake_mailbox",
        sa.Column("id", BIG, nullable=False),
        sa.Column("public_id", sa.String(12), nullable=False),
        sa.Column("account_id", BIG),
        sa.Column("protocol", sa.Text(), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("port", sa.Integer(), nullable=False),
        sa.Column("security", sa.Text(), nullable=False),
        sa.Column("auth", sa.Text(), nullable=False),
        sa.Column("settings", JSON, nullable=False),
        sa.Column("username", sa.Text(), nullable=False),
        sa.Column("credentials", JSON, nullable=False),
        sa.Column("folder", sa.Text(), nullable=False),
        sa.Column("done_folder", sa.Text(), nullable=False),
        sa.Column("is_on", sa.Boolean(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("checked_at", MOMENT),
        sa.Column("last_received_at", MOMENT),
        sa.Column("trouble", sa.Text(), nullable=False),
        sa.Column("trouble_at", MOMENT),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.CheckConstraint("auth IN ('password', 'xoauth2')", name=op.f("ck_intake_mailbox_auth")),
        sa.CheckConstraint("protocol IN ('imap', 'pop3')", name=op.f("ck_intake_mailbox_protocol")),
        sa.CheckConstraint(
            "security IN ('tls', 'starttls', 'none')", name=op.f("ck_intake_mailbox_security")
        ),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["provider_account.id"],
            name=op.f("fk_intake_mailbox_account_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_intake_mailbox")),
        sa.UniqueConstraint("account_id", name=op.f("uq_intake_mailbox_account_id")),
        sa.UniqueConstraint("public_id", name=op.f("uq_intake_mailbox_public_id")),
    )
    op.add_column("event", sa.Column("incoming_id", BIG))
    for name in TEXTS:
        op.add_column("event", sa.Column(name, sa.Text(), nullable=False, server_default=""))


def downgrade() -> None:
    for name in (*TEXTS, "incoming_id"):
        op.drop_column("event", name)
    op.drop_table("intake_mailbox")
    op.drop_table("webhook_endpoint")
    op.drop_table("incoming")
