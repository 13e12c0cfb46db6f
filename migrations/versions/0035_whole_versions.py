"""brand, variables and languages in versions and templates"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0035"
down_revision = "0034"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    op.add_column("content_version", sa.Column("brand_id", BIG))
    for name in ("variables", "variants"):
        op.add_column("content_version", sa.Column(name, JSON))
        op.add_column("template", sa.Column(name, JSON, nullable=False, server_default="{}"))


def downgrade() -> None:
    for name in ("variants", "variables"):
        op.drop_column("template", name)
        op.drop_column("content_version", name)
    op.drop_column("content_version", "brand_id")
