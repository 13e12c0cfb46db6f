"""variables of campaigns"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None

JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    op.add_column("campaign", sa.Column("variables", JSON, nullable=False, server_default="{}"))


def downgrade() -> None:
    op.drop_column("campaign", "variables")
