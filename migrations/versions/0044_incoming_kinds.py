"""what posts and returned emails report, by kind"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0044"
down_revision = "0043"
branch_labels = None
depends_on = None

JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    op.add_column("incoming", sa.Column("kinds", JSON, nullable=False, server_default="{}"))


def downgrade() -> None:
    op.drop_column("incoming", "kinds")
