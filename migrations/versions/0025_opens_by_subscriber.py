"""indexes of opens and clicks by subscriber, for rules of segments"""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

INDEXES = {
    "ix_delivery_opened": "first_opened_at",
    "ix_delivery_clicked": "first_clicked_at",
}


def upgrade() -> None:
    for name, at in INDEXES.items():
        happened = sa.text(f"{at} IS NOT NULL")
        op.create_index(
            name,
            "delivery",
            ["subscriber_id", "campaign_id", at],
            postgresql_where=happened,
            sqlite_where=happened,
        )


def downgrade() -> None:
    for name in INDEXES:
        op.drop_index(name, "delivery")
