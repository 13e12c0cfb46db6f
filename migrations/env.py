"""Alembic's environment. The connection comes from campaigns.migrate."""

import sqlalchemy as sa
from alembic import context

from campaigns.models import metadata

connection: sa.Connection = context.config.attributes["connection"]
is_sqlite = connection.dialect.name == "sqlite"


def render_item(kind: str, value: object, autogen_context: object) -> str | bool:
    """Migrations name plain types, so that they keep working when our own types change."""
    if kind == "type" and type(value).__name__ == "UtcDateTime":
        return "sa.DateTime(timezone=True)"
    if kind == "type" and isinstance(value, sa.JSON):
        return "sa.JSON().with_variant(postgresql.JSONB(), 'postgresql')"
    return False


ADDED_WITH_THEIR_COLUMN = (("overflow_sender_id",), ("brand_id",))
"""Columns of foreign keys that SQLite defines inline: SQLAlchemy reads neither their names nor their
actions."""


def include_object(
    thing: sa.schema.SchemaItem, name: str | None, kind: str, reflected: bool, other: object
) -> bool:
    """Return whether to compare this between models and database."""
    if not (is_sqlite and isinstance(thing, sa.ForeignKeyConstraint)):
        return True
    return tuple(thing.column_keys) not in ADDED_WITH_THEIR_COLUMN


context.configure(
    connection=connection,
    target_metadata=metadata,
    render_as_batch=is_sqlite,
    render_item=render_item,
    include_object=include_object,
    compare_type=True,
    transaction_per_migration=True,
)
with context.begin_transaction():
    context.run_migrations()
