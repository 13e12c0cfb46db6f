"""An index for the posts and returned emails of an account that were not simply processed."""

import sqlalchemy as sa
from alembic import op

revision = "0038"
down_revision = "0037"
branch_labels = None
depends_on = None

NOT_DONE = sa.text("state != 'done'")


def upgrade() -> None:
    op.create_index(
        "ix_incoming_account_state",
        "incoming",
        ["account_id", "state", "id"],
        postgresql_where=NOT_DONE,
        sqlite_where=NOT_DONE,
    )


def downgrade() -> None:
    op.drop_index("ix_incoming_account_state", "incoming")
