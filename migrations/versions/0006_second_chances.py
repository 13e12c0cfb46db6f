"""second chances: held mailbox groups, and whose refusal a suppression came from"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
IS_OF_A_DELIVERY = sa.text("delivery_id IS NOT NULL")


def upgrade() -> None:
    op.create_table(
        "held_group",
        sa.Column("campaign_id", KEY, nullable=False),
        sa.Column("mailbox_group", sa.Text(), nullable=False),
        sa.Column("held_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("decision", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["campaign_id"],
            ["campaign.id"],
            name=op.f("fk_held_group_campaign_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("campaign_id", "mailbox_group", name=op.f("pk_held_group")),
    )
    for name in ("campaign_id", "delivery_id"):
        op.add_column("suppression", sa.Column(name, KEY, nullable=True))
    op.create_index(
        "ix_suppression_delivery_id",
        "suppression",
        ["delivery_id"],
        postgresql_where=IS_OF_A_DELIVERY,
        sqlite_where=IS_OF_A_DELIVERY,
    )


def downgrade() -> None:
    op.drop_index("ix_suppression_delivery_id", table_name="suppression")
    for name in ("delivery_id", "campaign_id"):
        op.drop_column("suppression", name)
    op.drop_table("held_group")
