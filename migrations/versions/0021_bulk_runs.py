"""bulk actions in the background, and what they changed"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
TIME = sa.DateTime(timezone=True)
OPEN = sa.text("status IN ('queued', 'running')")


def upgrade() -> None:
    op.create_table(
        "bulk_run",
        sa.Column("id", KEY, nullable=False),
        sa.Column("public_id", sa.String(12), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("params", JSON, nullable=False),
        sa.Column("selection", JSON, nullable=False),
        sa.Column("last_id", KEY, nullable=False),
        sa.Column("position", KEY, nullable=False),
        sa.Column("matched", sa.Integer(), nullable=False),
        sa.Column("outcomes", JSON, nullable=False),
        sa.Column("undoes_id", KEY),
        sa.Column("user_id", KEY),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("evidence", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("finished_at", TIME),
        sa.CheckConstraint(
            "status IN ('queued', 'running', 'done', 'failed', 'cancelled')",
            name=op.f("ck_bulk_run_status"),
        ),
        sa.CheckConstraint(
            "action IN ('tag', 'untag', 'subscribe', 'unsubscribe', 'suppress', 'erase',"
            " 'set_field')",
            name=op.f("ck_bulk_run_action"),
        ),
        sa.ForeignKeyConstraint(
            ["undoes_id"], ["bulk_run.id"], name=op.f("fk_bulk_run_undoes_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["user_account.id"], name=op.f("fk_bulk_run_user_id"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bulk_run")),
        sa.UniqueConstraint("public_id", name=op.f("uq_bulk_run_public_id")),
        sa.UniqueConstraint("undoes_id", name=op.f("uq_bulk_run_undoes_id")),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_bulk_run_open", "bulk_run", ["id"], postgresql_where=OPEN, sqlite_where=OPEN
    )
    op.create_table(
        "bulk_change",
        sa.Column("run_id", KEY, nullable=False),
        sa.Column("subscriber_id", KEY, nullable=False),
        sa.Column("before", JSON, nullable=False),
        sa.ForeignKeyConstraint(
            ["run_id"], ["bulk_run.id"], name=op.f("fk_bulk_change_run_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["subscriber_id"],
            ["subscriber.id"],
            name=op.f("fk_bulk_change_subscriber_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("run_id", "subscriber_id", name=op.f("pk_bulk_change")),
    )
    op.create_index("ix_bulk_change_subscriber_id", "bulk_change", ["subscriber_id"])


def downgrade() -> None:
    op.drop_table("bulk_change")
    op.drop_table("bulk_run")
