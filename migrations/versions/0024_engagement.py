"""scores and bands of engagement, and the nightly run that computes them"""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "engagement_score",
        sa.Column("subscriber_id", KEY, autoincrement=False, nullable=False),
        sa.Column("score", sa.SmallInteger()),
        sa.Column("band", sa.Text(), nullable=False),
        sa.Column("computed_at", TIME, nullable=False),
        sa.CheckConstraint(
            "band IN ('new', 'engaged', 'cooling', 'inactive')",
            name=op.f("ck_engagement_score_band"),
        ),
        sa.ForeignKeyConstraint(
            ["subscriber_id"],
            ["subscriber.id"],
            name=op.f("fk_engagement_score_subscriber_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("subscriber_id", name=op.f("pk_engagement_score")),
    )
    op.create_index("ix_engagement_score_band", "engagement_score", ["band", "subscriber_id"])
    op.create_table(
        "engagement_run",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("started_at", TIME, nullable=False),
        sa.Column("position", KEY, nullable=False),
        sa.Column("finished_at", TIME),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_engagement_run")),
    )


def downgrade() -> None:
    op.drop_table("engagement_run")
    op.drop_table("engagement_score")
