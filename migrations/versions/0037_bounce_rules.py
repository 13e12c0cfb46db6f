"""rules for bounces"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0037"
down_revision = "0036"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
BYTES = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
MOMENT = sa.DateTime(timezone=True)
COUNTS = ("sent", "delivered", "hard", "soft", "blocked", "complaints")


def upgrade() -> None:
    op.add_column("suppression", sa.Column("event_id", BIG))
    op.add_column(
        "workspace", sa.Column("feedback_rules", JSON, nullable=False, server_default="{}")
    )
    op.add_column(
        "incoming",
        sa.Column("is_evidence", sa.Boolean(), nullable=False, server_default=sa.false()),
    )
    op.drop_index("ix_incoming_received_at", "incoming")
    op.create_index("ix_incoming_received_at", "incoming", ["is_evidence", "received_at"])
    op.create_table(
        "lifted_suppression",
        sa.Column("id", BIG, nullable=False),
        sa.Column("address_normal", BYTES, nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("campaign_id", BIG),
        sa.Column("delivery_id", BIG),
        sa.Column("event_id", BIG),
        sa.Column("suppressed_at", MOMENT, nullable=False),
        sa.Column("lifted_at", MOMENT, nullable=False),
        sa.Column("lifted_by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lifted_suppression")),
    )
    op.create_index(
        "ix_lifted_suppression_address_normal", "lifted_suppression", ["address_normal"]
    )
    op.create_table(
        "body_erasure",
        sa.Column("id", BIG, nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("position", BIG, nullable=False),
        sa.Column("last_id", BIG, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_body_erasure")),
    )
    op.create_table(
        "feedback_count",
        sa.Column("campaign_id", BIG, nullable=False),
        sa.Column("account_id", BIG, nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("mailbox_group", sa.Text(), nullable=False),
        *(sa.Column(name, sa.Integer(), nullable=False) for name in COUNTS),
        sa.ForeignKeyConstraint(
            ["campaign_id"],
            ["campaign.id"],
            name=op.f("fk_feedback_count_campaign_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint(
            "campaign_id", "account_id", "day", "mailbox_group", name=op.f("pk_feedback_count")
        ),
    )
    op.create_index("ix_feedback_count_account_id", "feedback_count", ["account_id", "day"])
    op.create_table(
        "feedback_watch",
        sa.Column("campaign_id", BIG, nullable=False),
        sa.Column("changed_at", MOMENT, nullable=False),
        sa.Column("checked_at", MOMENT),
        sa.Column("judged", JSON, nullable=False),
        sa.ForeignKeyConstraint(
            ["campaign_id"],
            ["campaign.id"],
            name=op.f("fk_feedback_watch_campaign_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("campaign_id", name=op.f("pk_feedback_watch")),
    )
    op.create_table(
        "rate_alarm",
        sa.Column("account_id", BIG, nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("measure", sa.Text(), nullable=False),
        sa.Column("mailbox_group", sa.Text(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("sent", sa.Integer(), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["provider_account.id"],
            name=op.f("fk_rate_alarm_account_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint(
            "account_id", "day", "measure", "mailbox_group", name=op.f("pk_rate_alarm")
        ),
    )


def downgrade() -> None:
    for name in ("rate_alarm", "feedback_watch", "feedback_count", "body_erasure"):
        op.drop_table(name)
    op.drop_table("lifted_suppression")
    op.drop_index("ix_incoming_received_at", "incoming")
    op.create_index("ix_incoming_received_at", "incoming", ["received_at"])
    op.drop_column("incoming", "is_evidence")
    op.drop_column("workspace", "feedback_rules")
    op.drop_column("suppression", "event_id")
