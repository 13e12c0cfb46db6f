"""delete what is kept for a time only"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "ix_subscription_pending",
        "subscription",
        ["state_at"],
        postgresql_where=sa.text("state = 'pending'"),
        sqlite_where=sa.text("state = 'pending'"),
    )
    op.create_index("ix_transactional_mail_created_at", "transactional_mail", ["created_at"])
    op.create_index(
        "ix_transactional_mail_address", "transactional_mail", [sa.text("lower(address)")]
    )


def downgrade() -> None:
    op.drop_index("ix_transactional_mail_address", table_name="transactional_mail")
    op.drop_index("ix_transactional_mail_created_at", table_name="transactional_mail")
    op.drop_index("ix_subscription_pending", table_name="subscription")
