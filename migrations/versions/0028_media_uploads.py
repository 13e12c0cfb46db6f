"""uploads, deletion and decorative images of the media library"""

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("media", sa.Column("upload_digest", sa.Text(), nullable=True))
    op.add_column("media", sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column(
        "media",
        sa.Column("is_decorative", sa.Boolean(), nullable=False, server_default=sa.false()),
    )
    op.create_index("ix_media_upload_digest", "media", ["upload_digest"], unique=True)


def downgrade() -> None:
    op.drop_index("ix_media_upload_digest", "media")
    op.drop_column("media", "is_decorative")
    op.drop_column("media", "deleted_at")
    op.drop_column("media", "upload_digest")
