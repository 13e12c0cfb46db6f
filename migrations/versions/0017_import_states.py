"""import: how many rows were recorded as unsubscribed, pending, suppressed or skipped"""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

COLUMNS = ("rows_unsubscribed", "rows_pending", "rows_suppressed", "rows_skipped")


def upgrade() -> None:
    for name in COLUMNS:
        op.add_column(
            "import_run", sa.Column(name, sa.Integer(), nullable=False, server_default="0")
        )


def downgrade() -> None:
    for name in COLUMNS:
        op.drop_column("import_run", name)
