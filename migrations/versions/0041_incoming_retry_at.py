"""when a post or an email that could not be read is tried again"""

import sqlalchemy as sa
from alembic import op

revision = "0041"
down_revision = "0040"
branch_labels = None
depends_on = None

WAITING = "state = 'waiting'"
NEW = "state = 'waiting' AND retry_at IS NULL"
RETRIED = "state = 'waiting' AND retry_at IS NOT NULL"


def upgrade() -> None:
    op.add_column("incoming", sa.Column("retry_at", sa.DateTime(timezone=True)))
    op.drop_index("ix_incoming_waiting", "incoming")
    _create("ix_incoming_waiting", "id", NEW)
    _create("ix_incoming_retry_at", "retry_at", RETRIED)


def downgrade() -> None:
    op.drop_index("ix_incoming_retry_at", "incoming")
    op.drop_index("ix_incoming_waiting", "incoming")
    _create("ix_incoming_waiting", "id", WAITING)
    op.drop_column("incoming", "retry_at")


def _create(name: str, column: str, where: str) -> None:
    condition = sa.text(where)
    op.create_index(name, "incoming", [column], postgresql_where=condition, sqlite_where=condition)
