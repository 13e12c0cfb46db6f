"""fields, first and last names, tags, segments, archived lists"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    for name in ("first_name", "last_name"):
        op.add_column("subscriber", sa.Column(name, sa.Text(), nullable=False, server_default=""))
    op.add_column("list", sa.Column("archived_at", TIME))
    op.add_column(
        "campaign", sa.Column("not_subscribed", sa.Integer(), nullable=False, server_default="0")
    )
    op.create_table(
        "field",
        sa.Column("id", KEY, nullable=False),
        sa.Column("public_id", sa.String(12), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("options", JSON, nullable=False),
        sa.Column("fallback", sa.Text(), nullable=False),
        sa.Column("help", sa.Text(), nullable=False),
        sa.Column("rules", JSON, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("updated_at", TIME, nullable=False),
        sa.CheckConstraint(
            "type IN ('text', 'number', 'date', 'boolean', 'choice', 'choices', 'country',"
            " 'time_zone', 'language', 'url')",
            name=op.f("ck_field_type"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_field")),
        sa.UniqueConstraint("public_id", name=op.f("uq_field_public_id")),
        sa.UniqueConstraint("key", name=op.f("uq_field_key")),
        sa.UniqueConstraint("label", name=op.f("uq_field_label")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "tag",
        sa.Column("id", KEY, nullable=False),
        sa.Column("public_id", sa.String(12), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("name_normal", sa.Text(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tag")),
        sa.UniqueConstraint("public_id", name=op.f("uq_tag_public_id")),
        sa.UniqueConstraint("name_normal", name=op.f("uq_tag_name_normal")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "subscriber_tag",
        sa.Column("tag_id", KEY, nullable=False),
        sa.Column("subscriber_id", KEY, nullable=False),
        sa.Column("tagged_at", TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ["tag_id"], ["tag.id"], name=op.f("fk_subscriber_tag_tag_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["subscriber_id"],
            ["subscriber.id"],
            name=op.f("fk_subscriber_tag_subscriber_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("tag_id", "subscriber_id", name=op.f("pk_subscriber_tag")),
    )
    op.create_index("ix_subscriber_tag_subscriber_id", "subscriber_tag", ["subscriber_id"])
    op.create_table(
        "segment",
        sa.Column("id", KEY, nullable=False),
        sa.Column("public_id", sa.String(12), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("rules", JSON, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("edited_by_id", KEY),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("updated_at", TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ["edited_by_id"],
            ["user_account.id"],
            name=op.f("fk_segment_edited_by_id"),
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_segment")),
        sa.UniqueConstraint("public_id", name=op.f("uq_segment_public_id")),
        sa.UniqueConstraint("name", name=op.f("uq_segment_name")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "campaign_segment",
        sa.Column("campaign_id", KEY, nullable=False),
        sa.Column("segment_id", KEY, nullable=False),
        sa.Column("is_excluded", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["campaign_id"],
            ["campaign.id"],
            name=op.f("fk_campaign_segment_campaign_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["segment_id"],
            ["segment.id"],
            name=op.f("fk_campaign_segment_segment_id"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("campaign_id", "segment_id", name=op.f("pk_campaign_segment")),
    )
    op.create_index("ix_campaign_segment_segment_id", "campaign_segment", ["segment_id"])


def downgrade() -> None:
    for name in ("campaign_segment", "segment", "subscriber_tag", "tag", "field"):
        op.drop_table(name)
    op.drop_column("campaign", "not_subscribed")
    op.drop_column("list", "archived_at")
    for name in ("last_name", "first_name"):
        op.drop_column("subscriber", name)
