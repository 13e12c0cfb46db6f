"""provider accounts of any kind: settings and credentials as JSON in place of the SMTP form

Secrets are copied in encrypted form: no key is needed, and nothing is ever decrypted.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
SETTINGS = (
    "host", "port", "security", "username", "auth", "token_url", "token_scope", "client_id",
    "client_certificate",
)  # fmt: skip
CREDENTIALS = ("password", "client_secret", "refresh_token", "client_key")
SINCE_0001 = ("host", "port", "security", "username", "password")
"""Columns without a default on the server."""

accounts = sa.table(
    "provider_account",
    sa.column("id", sa.BigInteger()),
    sa.column("kind", sa.Text()),
    sa.column("trouble", sa.Text()),
    sa.column("settings", JSON),
    sa.column("credentials", JSON),
    *(
        sa.column(name, sa.Integer() if name == "port" else sa.Text())
        for name in (*SETTINGS, *CREDENTIALS)
    ),
)


def upgrade() -> None:
    for name in ("settings", "credentials"):
        op.add_column(
            "provider_account", sa.Column(name, JSON, server_default="{}", nullable=False)
        )
    connection = op.get_bind()
    for row in connection.execute(sa.select(accounts)).mappings().all():
        settings = {name: row[name] for name in SETTINGS}
        settings["unencrypted_ok"] = row["security"] == "none"
        connection.execute(
            sa.update(accounts)
            .where(accounts.c.id == row["id"])
            .values(
                settings=settings,
                credentials={name: row[name] for name in CREDENTIALS if row[name]},
            )
        )
    with op.batch_alter_table("provider_account") as batch:
        batch.drop_constraint(op.f("ck_provider_account_security"), type_="check")
        for name in (*SETTINGS, *CREDENTIALS):
            batch.drop_column(name)


def downgrade() -> None:
    connection = op.get_bind()
    others = sa.select(sa.func.count()).where(accounts.c.kind != "smtp")
    if connection.scalar(others):
        raise RuntimeError(
            "The version before knows SMTP accounts only. Delete the accounts of other kinds"
            " first, or keep this version. Nothing was changed."
        )
    for name in (*SETTINGS, *CREDENTIALS):
        kind: sa.types.TypeEngine[object] = sa.Integer() if name == "port" else sa.Text()
        default = {"port": "587", "security": "starttls", "auth": "password"}.get(name, "")
        op.add_column(
            "provider_account", sa.Column(name, kind, server_default=default, nullable=False)
        )
    rows = connection.execute(sa.select(accounts.c.id, accounts.c.settings, accounts.c.credentials))
    for row in rows.all():
        values = {name: row.settings[name] for name in SETTINGS if name in row.settings}
        values |= {name: row.credentials[name] for name in CREDENTIALS if name in row.credentials}
        if values:
            connection.execute(sa.update(accounts).where(accounts.c.id == row.id).values(**values))
    # The previous version shows this text as it is, and does not know codes.
    connection.execute(
        sa.update(accounts)
        .where(accounts.c.trouble.like('["%'))
        .values(trouble="The account does not work.")
    )
    with op.batch_alter_table("provider_account") as batch:
        for name in SINCE_0001:
            batch.alter_column(name, server_default=None)
        batch.create_check_constraint(
            op.f("ck_provider_account_security"), "security IN ('starttls', 'tls', 'none')"
        )
        for name in ("settings", "credentials"):
            batch.drop_column(name)
