"""second chances in slices: decisions about very many deliveries that are being carried out"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "second_chance",
        sa.Column("campaign_id", KEY, nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("mailbox_group", sa.Text(), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("position", KEY, nullable=False),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["campaign_id"],
            ["campaign.id"],
            name=op.f("fk_second_chance_campaign_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint(
            "campaign_id", "what", "mailbox_group", name=op.f("pk_second_chance")
        ),
    )


def downgrade() -> None:
    op.drop_table("second_chance")
