"""claims with leases"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_CLAIMED = sa.text("claim_token IS NOT NULL")


def upgrade() -> None:
    op.create_table(
        "claim",
        sa.Column("token", sa.String(length=32), nullable=False),
        sa.Column("campaign_id", _BIG, nullable=False),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["campaign_id"],
            ["campaign.id"],
            name=op.f("fk_claim_campaign_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("token", name=op.f("pk_claim")),
    )
    op.create_index("ix_claim_campaign_id", "claim", ["campaign_id"])
    # Deliveries that a worker held when it was stopped for the upgrade.
    op.execute(
        "INSERT INTO claim (token, campaign_id, lease_until)"
        " SELECT claim_token, min(campaign_id), max(lease_until) FROM delivery"
        " WHERE claim_token IS NOT NULL AND status = 'sending' AND lease_until IS NOT NULL"
        " GROUP BY claim_token"
    )
    op.drop_index("ix_delivery_claimed", "delivery")
    op.add_column("delivery", sa.Column("deferred_since", sa.DateTime(timezone=True)))
    # In place, on both: copying a table of millions of rows would take long.
    op.execute("ALTER TABLE delivery DROP COLUMN lease_until")


def downgrade() -> None:
    op.add_column("delivery", sa.Column("lease_until", sa.DateTime(timezone=True)))
    op.execute(
        "UPDATE delivery SET lease_until ="
        " (SELECT lease_until FROM claim WHERE claim.token = delivery.claim_token)"
        " WHERE status = 'sending'"
    )
    op.execute("ALTER TABLE delivery DROP COLUMN deferred_since")
    op.create_index(
        "ix_delivery_claimed",
        "delivery",
        ["claim_token"],
        postgresql_where=_CLAIMED,
        sqlite_where=_CLAIMED,
    )
    op.drop_table("claim")
