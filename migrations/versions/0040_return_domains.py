"""bounce tests, domains whose return addresses reach us, and when something came back"""

import sqlalchemy as sa
from alembic import op

revision = "0040"
down_revision = "0039"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True)

# Emails of a mail server belonged to no account.
ATTRIBUTE = """
UPDATE incoming SET account_id = (
    SELECT min(campaign.provider_id) FROM event JOIN campaign ON campaign.id = event.campaign_id
    WHERE event.incoming_id = incoming.id
)
WHERE account_id IS NULL AND id IN (SELECT incoming_id FROM event WHERE incoming_id IS NOT NULL)
"""
LAST = """
INSERT INTO account_feedback (account_id, last_at)
SELECT campaign.provider_id, max(incoming.received_at)
FROM event
JOIN campaign ON campaign.id = event.campaign_id
JOIN incoming ON incoming.id = event.incoming_id
WHERE campaign.provider_id IS NOT NULL
GROUP BY campaign.provider_id
"""


def upgrade() -> None:
    op.create_table(
        "bounce_test",
        sa.Column("id", BIG, nullable=False),
        sa.Column("account_id", BIG, nullable=False),
        sa.Column("domain", sa.Text(), nullable=False),
        sa.Column("sent_at", MOMENT, nullable=False),
        sa.Column("returned_at", MOMENT),
        sa.Column("incoming_id", BIG),
        _of_account("bounce_test"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bounce_test")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_bounce_test_account_id", "bounce_test", ["account_id"])
    op.create_table(
        "return_domain",
        sa.Column("account_id", BIG, nullable=False),
        sa.Column("domain", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("mailbox_id", BIG),
        sa.Column("proven_at", MOMENT, nullable=False),
        sa.Column("came_at", MOMENT, nullable=False),
        sa.Column("alive_at", MOMENT, nullable=False),
        _of_account("return_domain"),
        sa.ForeignKeyConstraint(
            ["mailbox_id"],
            ["intake_mailbox.id"],
            name=op.f("fk_return_domain_mailbox_id_intake_mailbox"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("account_id", "domain", name=op.f("pk_return_domain")),
    )
    op.create_index("ix_return_domain_mailbox_id", "return_domain", ["mailbox_id"])
    op.create_table(
        "account_feedback",
        sa.Column("account_id", BIG, nullable=False),
        sa.Column("last_at", MOMENT, nullable=False),
        _of_account("account_feedback"),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_account_feedback")),
    )
    op.create_table(
        "intake_listener",
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("seen_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("source", name=op.f("pk_intake_listener")),
    )
    op.execute(ATTRIBUTE)
    op.execute(LAST)


def _of_account(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["account_id"],
        ["provider_account.id"],
        name=op.f(f"fk_{table}_account_id_provider_account"),
        ondelete="CASCADE",
    )


def downgrade() -> None:
    for table in ("intake_listener", "account_feedback", "return_domain", "bounce_test"):
        op.drop_table(table)
