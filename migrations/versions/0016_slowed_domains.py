"""slowed_domain: a small domain that asks for less mail waits alone"""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "slowed_domain",
        sa.Column("provider_id", KEY, nullable=False),
        sa.Column("domain", sa.Text(), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("complaints", sa.Integer(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["provider_id"],
            ["provider_account.id"],
            name=op.f("fk_slowed_domain_provider_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("provider_id", "domain", name=op.f("pk_slowed_domain")),
    )
    # End slowdowns of all small domains that single domains had caused.
    op.execute("DELETE FROM group_state WHERE mailbox_group = 'other'")


def downgrade() -> None:
    op.drop_table("slowed_domain")
