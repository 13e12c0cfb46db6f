"""ids of accounts are not used again: counts and the log of what came back outlive an account"""

from alembic import op

revision = "0043"
down_revision = "0042"
branch_labels = None
depends_on = None

USED = """
SELECT max(id) FROM (
    SELECT id FROM provider_account
    UNION ALL SELECT account_id FROM incoming
    UNION ALL SELECT account_id FROM feedback_count
)
"""


def upgrade() -> None:
    if op.get_bind().dialect.name != "sqlite":
        return
    options = {"sqlite_autoincrement": True}
    with op.batch_alter_table("provider_account", recreate="always", table_kwargs=options):
        pass
    op.execute("DELETE FROM sqlite_sequence WHERE name = 'provider_account'")
    op.execute(
        f"INSERT INTO sqlite_sequence (name, seq) SELECT 'provider_account', coalesce(({USED}), 0)"
    )


def downgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        with op.batch_alter_table("provider_account", recreate="always"):
            pass
