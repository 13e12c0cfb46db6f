"""overflow: another sender address when the daily limit of an account is used up"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
FOREIGN_KEY = "fk_campaign_overflow_sender_id"
INDEX = "ix_campaign_overflow_sender_id"


def upgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        # As SQL: Alembic would rebuild the table for the reference, and lose its check of the state
        # and its autoincrement.
        op.execute(
            f"ALTER TABLE campaign ADD COLUMN overflow_sender_id INTEGER CONSTRAINT {FOREIGN_KEY}"
            " REFERENCES sender_address (id) ON DELETE SET NULL"
        )
    else:
        op.add_column("campaign", sa.Column("overflow_sender_id", KEY))
        op.create_foreign_key(
            FOREIGN_KEY, "campaign", "sender_address", ["overflow_sender_id"], ["id"],
            ondelete="SET NULL",
        )  # fmt: skip
    op.create_index(INDEX, "campaign", ["overflow_sender_id"])
    op.add_column(
        "campaign",
        sa.Column("earlier_senders", JSON, nullable=False, server_default=sa.text("'[]'")),
    )
    op.add_column(
        "group_state",
        sa.Column("is_quota", sa.Boolean(), nullable=False, server_default=sa.false()),
    )


def downgrade() -> None:
    op.drop_column("group_state", "is_quota")
    op.drop_column("campaign", "earlier_senders")
    op.drop_index(INDEX, "campaign")
    op.drop_column("campaign", "overflow_sender_id")
