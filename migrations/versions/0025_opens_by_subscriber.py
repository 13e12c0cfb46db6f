"""indexes of opens and clicks by subscriber and by time, for rules of segments"""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

BY_PERSON = ("subscriber_id", "campaign_id")
INDEXES = {
    "ix_delivery_opened": (*BY_PERSON, "first_opened_at"),
    "ix_delivery_opened_at": ("first_opened_at", *BY_PERSON),
    "ix_delivery_clicked": (*BY_PERSON, "first_clicked_at"),
    "ix_delivery_clicked_at": ("first_clicked_at", *BY_PERSON),
}


def upgrade() -> None:
    for name, columns in INDEXES.items():
        (at,) = set(columns) - set(BY_PERSON)
        happened = sa.text(f"{at} IS NOT NULL")
        op.create_index(
            name, "delivery", list(columns), postgresql_where=happened, sqlite_where=happened
        )


def downgrade() -> None:
    for name in INDEXES:
        op.drop_index(name, "delivery")
