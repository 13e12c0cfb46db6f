"""canary: a few first, and why a mailbox group is held"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
# Added and dropped one by one: rebuilding the table of campaigns, as a batch on SQLite may, would
# lose its check of the state and its autoincrement.
ADDED = (
    ("campaign", "canary_percent", sa.Double(), "0"),
    ("campaign", "canary_minutes", sa.Integer(), "30"),
    ("campaign", "canary_bands", JSON, "'{}'"),
    ("campaign", "canary_state", sa.Text(), "''"),
    ("campaign", "canary_quota", JSON, "'{}'"),
    ("campaign", "canary_words", sa.Text(), "''"),
    ("campaign", "canary_seen", JSON, "'{}'"),
    ("held_group", "kind", sa.Text(), "'flood'"),
)


def upgrade() -> None:
    for table, name, kind, default in ADDED:
        column = sa.Column(name, kind, nullable=False, server_default=sa.text(default))
        op.add_column(table, column)
    op.add_column("campaign", sa.Column("canary_until", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    op.drop_column("campaign", "canary_until")
    for table, name, _, _ in reversed(ADDED):
        op.drop_column(table, name)
