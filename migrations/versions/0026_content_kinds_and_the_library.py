"""content kinds and the library"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
TIME = sa.DateTime(timezone=True)
FOREIGN_KEY = "fk_campaign_brand_id"
INDEX = "ix_campaign_brand_id"


def upgrade() -> None:
    op.create_table(
        "saved_block",
        sa.Column("id", KEY, nullable=False),
        sa.Column("public_id", sa.String(length=12), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("rows", JSON, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("updated_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_saved_block")),
        sa.UniqueConstraint("public_id", name=op.f("uq_saved_block_public_id")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "snippet",
        sa.Column("id", KEY, nullable=False),
        sa.Column("public_id", sa.String(length=12), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("updated_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_snippet")),
        sa.UniqueConstraint("key", name=op.f("uq_snippet_key")),
        sa.UniqueConstraint("public_id", name=op.f("uq_snippet_public_id")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "media",
        sa.Column("id", KEY, nullable=False),
        sa.Column("public_id", sa.String(length=12), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("alt", sa.Text(), nullable=False),
        sa.Column("folder", sa.Text(), nullable=False),
        sa.Column("content_type", sa.Text(), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("variants", JSON, nullable=False),
        sa.Column("created_by_id", KEY, nullable=True),
        sa.Column("created_at", TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ["created_by_id"],
            ["user_account.id"],
            name=op.f("fk_media_created_by_id"),
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_media")),
        sa.UniqueConstraint("public_id", name=op.f("uq_media_public_id")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_media_digest"), "media", ["digest"], unique=False)

    op.create_table(
        "brand",
        sa.Column("id", KEY, nullable=False),
        sa.Column("public_id", sa.String(length=12), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("style", JSON, nullable=False),
        sa.Column("sender_id", KEY, nullable=True),
        sa.Column("is_default", sa.Boolean(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("updated_at", TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ["sender_id"],
            ["sender_address.id"],
            name=op.f("fk_brand_sender_id"),
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_brand")),
        sa.UniqueConstraint("public_id", name=op.f("uq_brand_public_id")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_brand_sender_id", "brand", ["sender_id"], unique=False)

    op.create_table(
        "template",
        sa.Column("id", KEY, nullable=False),
        sa.Column("public_id", sa.String(length=12), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("folder", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("preheader", sa.Text(), nullable=False),
        sa.Column("content_kind", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("inline_css", sa.Boolean(), nullable=False),
        sa.Column("brand_id", KEY, nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("edited_by_id", KEY, nullable=True),
        sa.Column("archived_at", TIME, nullable=True),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("updated_at", TIME, nullable=False),
        sa.CheckConstraint(
            "content_kind IN ('blocks', 'markdown', 'html', 'mjml', 'text')",
            name=op.f("ck_template_content_kind"),
        ),
        sa.ForeignKeyConstraint(
            ["brand_id"], ["brand.id"], name=op.f("fk_template_brand_id"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["edited_by_id"],
            ["user_account.id"],
            name=op.f("fk_template_edited_by_id"),
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_template")),
        sa.UniqueConstraint("public_id", name=op.f("uq_template_public_id")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_template_brand_id", "template", ["brand_id"], unique=False)

    op.create_table(
        "content_version",
        sa.Column("id", KEY, nullable=False),
        sa.Column("campaign_id", KEY, nullable=True),
        sa.Column("template_id", KEY, nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("preheader", sa.Text(), nullable=False),
        sa.Column("content_kind", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("inline_css", sa.Boolean(), nullable=False),
        sa.Column("saved_by_id", KEY, nullable=True),
        sa.Column("saved_at", TIME, nullable=False),
        sa.CheckConstraint(
            "(campaign_id IS NULL) <> (template_id IS NULL)", name=op.f("ck_content_version_owner")
        ),
        sa.ForeignKeyConstraint(
            ["campaign_id"],
            ["campaign.id"],
            name=op.f("fk_content_version_campaign_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["saved_by_id"],
            ["user_account.id"],
            name=op.f("fk_content_version_saved_by_id"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["template_id"],
            ["template.id"],
            name=op.f("fk_content_version_template_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_content_version")),
    )
    op.create_index(
        "ix_content_version_campaign_id", "content_version", ["campaign_id", "version"], unique=True
    )
    op.create_index(
        "ix_content_version_template_id", "content_version", ["template_id", "version"], unique=True
    )

    op.execute("ALTER TABLE campaign RENAME COLUMN html TO source")
    op.add_column(
        "campaign", sa.Column("content_kind", sa.Text(), nullable=False, server_default="html")
    )
    op.add_column(
        "campaign",
        sa.Column("inline_css", sa.Boolean(), nullable=False, server_default=sa.false()),
    )
    if op.get_bind().dialect.name == "sqlite":
        # As SQL: Alembic would rebuild the table for the reference, and lose its check of the state
        # and its autoincrement.
        op.execute(
            f"ALTER TABLE campaign ADD COLUMN brand_id INTEGER CONSTRAINT {FOREIGN_KEY}"
            " REFERENCES brand (id) ON DELETE SET NULL"
        )
    else:
        op.add_column("campaign", sa.Column("brand_id", KEY))
        op.create_foreign_key(
            FOREIGN_KEY, "campaign", "brand", ["brand_id"], ["id"], ondelete="SET NULL"
        )
    op.create_index(INDEX, "campaign", ["brand_id"])


def downgrade() -> None:
    op.drop_index(INDEX, "campaign")
    op.drop_column("campaign", "brand_id")
    op.drop_column("campaign", "inline_css")
    op.drop_column("campaign", "content_kind")
    op.execute("ALTER TABLE campaign RENAME COLUMN source TO html")
    for table in ("content_version", "template", "brand", "media", "snippet", "saved_block"):
        op.drop_table(table)
