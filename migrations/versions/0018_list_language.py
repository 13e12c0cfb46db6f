"""list: the language of its pages and emails"""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("list", sa.Column("language", sa.Text(), nullable=False, server_default="en"))


def downgrade() -> None:
    op.drop_column("list", "language")
