"""field changes, fields of sign-up forms, incomplete rows, attributes called first_name and last_name

Attributes with these names become the columns, where those are empty.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
TIME = sa.DateTime(timezone=True)
NAMES = ("first_name", "last_name")


def upgrade() -> None:
    op.create_table(
        "field_change",
        sa.Column("id", KEY, nullable=False),
        sa.Column("public_id", sa.String(12), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("settings", JSON, nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("position", KEY, nullable=False),
        sa.Column("last_id", KEY, nullable=False),
        sa.Column("people_changed", sa.Integer(), nullable=False),
        sa.Column("people_kept", sa.Integer(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("finished_at", TIME),
        sa.CheckConstraint(
            "kind IN ('convert', 'rename', 'release', 'clear')", name=op.f("ck_field_change_kind")
        ),
        sa.CheckConstraint("status IN ('running', 'done')", name=op.f("ck_field_change_status")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_field_change")),
        sa.UniqueConstraint("public_id", name=op.f("uq_field_change_public_id")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_field_change_status", "field_change", ["status"])
    op.create_table(
        "list_field",
        sa.Column("list_id", KEY, nullable=False),
        sa.Column("field_id", KEY, nullable=False),
        sa.ForeignKeyConstraint(
            ["list_id"], ["list.id"], name=op.f("fk_list_field_list_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["field_id"], ["field.id"], name=op.f("fk_list_field_field_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("list_id", "field_id", name=op.f("pk_list_field")),
    )
    op.create_index("ix_list_field_field_id", "list_field", ["field_id"])
    op.add_column(
        "import_run",
        sa.Column("rows_incomplete", sa.Integer(), nullable=False, server_default="0"),
    )
    for name in NAMES:
        op.execute(_to_column(name))


def downgrade() -> None:
    for name in NAMES:
        op.execute(_to_attribute(name))
    op.drop_column("import_run", "rows_incomplete")
    op.drop_table("list_field")
    op.drop_table("field_change")


def _to_column(name: str) -> str:
    if op.get_bind().dialect.name == "postgresql":
        return f"""
            UPDATE subscriber SET attributes = attributes - '{name}', {name} = CASE
              WHEN {name} = '' THEN left(coalesce(attributes->>'{name}', ''), 200) ELSE {name} END
            WHERE jsonb_typeof(attributes->'{name}') IN ('string', 'number')
        """
    return f"""
        UPDATE subscriber SET attributes = json_remove(attributes, '$.{name}'), {name} = CASE
          WHEN {name} = '' THEN substr(json_extract(attributes, '$.{name}'), 1, 200)
          ELSE {name} END
        WHERE json_type(attributes, '$.{name}') IN ('text', 'integer', 'real')
    """


def _to_attribute(name: str) -> str:
    if op.get_bind().dialect.name == "postgresql":
        return f"""
            UPDATE subscriber SET attributes = attributes || jsonb_build_object('{name}', {name})
            WHERE {name} <> ''
        """
    return f"""
        UPDATE subscriber SET attributes = json_set(attributes, '$.{name}', {name})
        WHERE {name} <> ''
    """
