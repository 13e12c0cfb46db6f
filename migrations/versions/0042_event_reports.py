"""indexes of bounces and deliveries, for reports and the delivery log"""

import sqlalchemy as sa
from alembic import op

revision = "0042"
down_revision = "0041"
branch_labels = None
depends_on = None

INDEXES = {
    "ix_event_bounced": (
        ["campaign_id", "delivery_id", "id", "reply_class"],
        "kind = 'bounced' AND incoming_id IS NOT NULL",
    ),
    "ix_event_delivered": (["campaign_id", "delivery_id"], "kind = 'delivered'"),
}


def upgrade() -> None:
    for name, (columns, where) in INDEXES.items():
        condition = sa.text(where)
        op.create_index(name, "event", columns, postgresql_where=condition, sqlite_where=condition)


def downgrade() -> None:
    for name in INDEXES:
        op.drop_index(name, "event")
