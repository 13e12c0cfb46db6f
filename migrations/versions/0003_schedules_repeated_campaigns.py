"""schedules, repeated campaigns"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
# Added and dropped one by one: rebuilding the table of campaigns, as a batch on SQLite may, would
# lose its check of the state and its autoincrement.
ADDED = (
    ("campaign", "schedule_zone", sa.Text(), "''"),
    ("campaign", "local_at", sa.Text(), "''"),
    ("campaign", "hours_from", sa.SmallInteger(), "0"),
    ("campaign", "hours_until", sa.SmallInteger(), "24"),
    ("campaign", "spread_seconds", sa.Integer(), "0"),
    ("campaign", "pace_per_second", sa.Double(), "0"),
    ("workspace", "overdue_minutes", sa.Integer(), "120"),
)


def upgrade() -> None:
    for table, name, kind, default in ADDED:
        column = sa.Column(name, kind, nullable=False, server_default=sa.text(default))
        op.add_column(table, column)
    op.add_column("campaign", sa.Column("asked_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index("ix_campaign_started_at", "campaign", ["started_at"])
    op.create_table(
        "campaign_series",
        sa.Column("id", KEY, nullable=False),
        sa.Column("public_id", sa.String(length=12), nullable=False),
        sa.Column("template_id", KEY, nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("zone", sa.Text(), nullable=False),
        sa.Column("first_local", sa.Text(), nullable=False),
        sa.Column("next_local", sa.Text(), nullable=False),
        sa.Column("next_run_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("is_local_time", sa.Boolean(), nullable=False),
        sa.Column("hours_from", sa.SmallInteger(), nullable=False),
        sa.Column("hours_until", sa.SmallInteger(), nullable=False),
        sa.Column("spread_seconds", sa.Integer(), nullable=False),
        sa.Column("pace_per_second", sa.Double(), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["template_id"],
            ["campaign.id"],
            name=op.f("fk_campaign_series_template_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_campaign_series")),
        sa.UniqueConstraint("public_id", name=op.f("uq_campaign_series_public_id")),
    )
    op.create_index("ix_campaign_series_next_run_at", "campaign_series", ["next_run_at"])
    op.create_index("ix_campaign_series_template_id", "campaign_series", ["template_id"])
    op.create_table(
        "campaign_occurrence",
        sa.Column("series_id", KEY, nullable=False),
        sa.Column("local_at", sa.Text(), nullable=False),
        sa.Column("campaign_id", KEY, nullable=True),
        sa.Column("is_skipped", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["campaign_id"],
            ["campaign.id"],
            name=op.f("fk_campaign_occurrence_campaign_id"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["series_id"],
            ["campaign_series.id"],
            name=op.f("fk_campaign_occurrence_series_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("series_id", "local_at", name=op.f("pk_campaign_occurrence")),
    )
    op.create_index("ix_campaign_occurrence_campaign_id", "campaign_occurrence", ["campaign_id"])


def downgrade() -> None:
    op.drop_table("campaign_occurrence")
    op.drop_table("campaign_series")
    op.drop_index("ix_campaign_started_at", table_name="campaign")
    op.drop_column("campaign", "asked_at")
    for table, name, _, _ in reversed(ADDED):
        op.drop_column(table, name)
