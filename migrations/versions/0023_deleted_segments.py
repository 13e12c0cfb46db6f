"""campaigns remember deleted segments"""

from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

NAME = "fk_campaign_segment_segment_id"


def upgrade() -> None:
    with op.batch_alter_table("campaign_segment") as batch:
        batch.drop_constraint(NAME, type_="foreignkey")


def downgrade() -> None:
    op.execute("DELETE FROM campaign_segment WHERE segment_id NOT IN (SELECT id FROM segment)")
    with op.batch_alter_table("campaign_segment") as batch:
        batch.create_foreign_key(NAME, "segment", ["segment_id"], ["id"], ondelete="RESTRICT")
