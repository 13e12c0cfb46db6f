"""logins by tokens and certificates"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

# Added and dropped one by one: rebuilding the table, as a batch on SQLite may, would lose its check
# of the encryption.
ADDED = (
    ("auth", "password"),
    ("token_url", ""),
    ("token_scope", ""),
    ("client_id", ""),
    ("client_secret", ""),
    ("refresh_token", ""),
    ("client_certificate", ""),
    ("client_key", ""),
)


def upgrade() -> None:
    for name, default in ADDED:
        column = sa.Column(name, sa.Text(), server_default=default, nullable=False)
        op.add_column("provider_account", column)


def downgrade() -> None:
    for name, _ in reversed(ADDED):
        op.drop_column("provider_account", name)
