"""sender domains, DKIM keys"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "sender_domain",
        sa.Column("id", KEY, nullable=False),
        sa.Column("public_id", sa.String(length=12), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sender_domain")),
        sa.UniqueConstraint("name", name=op.f("uq_sender_domain_name")),
        sa.UniqueConstraint("public_id", name=op.f("uq_sender_domain_public_id")),
    )
    op.create_table(
        "dkim_key",
        sa.Column("id", KEY, nullable=False),
        sa.Column("public_id", sa.String(length=12), nullable=False),
        sa.Column("domain_id", KEY, nullable=False),
        sa.Column("algorithm", sa.Text(), nullable=False),
        sa.Column("selector", sa.Text(), nullable=False),
        sa.Column("private_key", sa.Text(), nullable=False),
        sa.Column("public_key", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("finding", sa.Text(), nullable=False),
        sa.Column("finding_text", sa.Text(), nullable=False),
        sa.Column("checked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("activated_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("retired_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("algorithm IN ('rsa', 'ed25519')", name=op.f("ck_dkim_key_algorithm")),
        sa.CheckConstraint(
            "finding IN ('', 'found', 'missing', 'wrong', 'unreachable')",
            name=op.f("ck_dkim_key_finding"),
        ),
        sa.CheckConstraint(
            "state IN ('waiting', 'active', 'retired')", name=op.f("ck_dkim_key_state")
        ),
        sa.ForeignKeyConstraint(
            ["domain_id"], ["sender_domain.id"], name=op.f("fk_dkim_key_domain_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dkim_key")),
        sa.UniqueConstraint("domain_id", "selector", name=op.f("uq_dkim_key_domain_id_selector")),
        sa.UniqueConstraint("public_id", name=op.f("uq_dkim_key_public_id")),
    )
    op.create_index(
        "ix_dkim_key_in_use",
        "dkim_key",
        ["domain_id", "algorithm", "state"],
        unique=True,
        sqlite_where=sa.text("state != 'retired'"),
        postgresql_where=sa.text("state != 'retired'"),
    )


def downgrade() -> None:
    op.drop_table("dkim_key")
    op.drop_table("sender_domain")
