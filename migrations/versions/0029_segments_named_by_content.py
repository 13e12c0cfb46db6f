"""segments named by content"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None

JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    op.add_column("delivery", sa.Column("segments", sa.BigInteger()))
    op.add_column("campaign", sa.Column("segment_order", JSON, nullable=False, server_default="[]"))


def downgrade() -> None:
    op.drop_column("campaign", "segment_order")
    op.drop_column("delivery", "segments")
