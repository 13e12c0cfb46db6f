"""deliveries without foreign keys, and found by subscriber through their unique key"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True)
BY_CAMPAIGN = ("uq_delivery_campaign_subscriber", ["campaign_id", "subscriber_id"])
BY_SUBSCRIBER = ("uq_delivery_subscriber_campaign", ["subscriber_id", "campaign_id"])
FOREIGN_KEYS = (
    ("campaign_id", "campaign", "CASCADE"),
    ("subscriber_id", "subscriber", "SET NULL"),
    ("reply_id", "reply", None),
)
QUEUED = sa.text("status = 'queued'")
HAS_REASON = sa.text("reason <> ''")
CAME_BACK = [
    "first_opened_at",
    "first_clicked_at",
    "unsubscribed_at",
    "bounced_at",
    "complained_at",
]
ENGAGED = sa.text(" OR ".join(f"{name} IS NOT NULL" for name in CAME_BACK))
WHEN_DELETED = (
    ("campaign", "DELETE FROM delivery WHERE campaign_id = OLD.id"),
    ("subscriber", "UPDATE delivery SET subscriber_id = NULL WHERE subscriber_id = OLD.id"),
)
"""Triggers replace the actions of the foreign keys on a deleted row's deliveries."""


def upgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        _build_anew(*BY_SUBSCRIBER, foreign_keys=())
        for table, action in WHEN_DELETED:
            op.execute(
                f"CREATE TRIGGER {table}_deleted AFTER DELETE ON {table} BEGIN {action}; END"
            )
        return
    for column, _, _ in FOREIGN_KEYS:
        op.drop_constraint(f"fk_delivery_{column}", "delivery", type_="foreignkey")
    op.drop_constraint(BY_CAMPAIGN[0], "delivery", type_="unique")
    op.drop_index("ix_delivery_subscriber_id", "delivery")
    op.create_unique_constraint(BY_SUBSCRIBER[0], "delivery", BY_SUBSCRIBER[1])
    for table, action in WHEN_DELETED:
        op.execute(
            f"CREATE FUNCTION {table}_deleted() RETURNS trigger LANGUAGE plpgsql"
            f" AS $$ BEGIN {action}; RETURN NULL; END $$"
        )
        op.execute(
            f"CREATE TRIGGER {table}_deleted AFTER DELETE ON {table}"
            f" FOR EACH ROW EXECUTE FUNCTION {table}_deleted()"
        )


def downgrade() -> None:
    is_sqlite = op.get_bind().dialect.name == "sqlite"
    for table, _ in WHEN_DELETED:
        op.execute(f"DROP TRIGGER {table}_deleted" + ("" if is_sqlite else f" ON {table}"))
        if not is_sqlite:
            op.execute(f"DROP FUNCTION {table}_deleted()")
    if is_sqlite:
        _build_anew(*BY_CAMPAIGN, foreign_keys=FOREIGN_KEYS)
    else:
        op.drop_constraint(BY_SUBSCRIBER[0], "delivery", type_="unique")
        op.create_unique_constraint(BY_CAMPAIGN[0], "delivery", BY_CAMPAIGN[1])
        for column, table, action in FOREIGN_KEYS:
            op.create_foreign_key(
                f"fk_delivery_{column}", "delivery", table, [column], ["id"], ondelete=action
            )
    op.create_index("ix_delivery_subscriber_id", "delivery", ["subscriber_id", "id"])


def _build_anew(
    unique: str, columns: list[str], *, foreign_keys: tuple[tuple[str, str, str | None], ...]
) -> None:
    """Replace the table, as SQLite cannot drop a constraint.

    Rows keep their ids, and ids are never reused.
    """
    table = op.create_table(
        "new_delivery",
        sa.Column("id", KEY, nullable=False),
        sa.Column("campaign_id", KEY, nullable=False),
        sa.Column("subscriber_id", KEY),
        sa.Column("list_id", KEY),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("mailbox_group", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("attempts", sa.SmallInteger(), nullable=False),
        sa.Column("not_before", MOMENT),
        sa.Column("claim_token", sa.String(length=32)),
        sa.Column("reply_id", KEY),
        sa.Column("reply_ref", sa.Text(), nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.Column("sent_at", MOMENT),
        sa.Column("delivered_at", MOMENT),
        sa.Column("bounced_at", MOMENT),
        sa.Column("complained_at", MOMENT),
        sa.Column("first_opened_at", MOMENT),
        sa.Column("first_clicked_at", MOMENT),
        sa.Column("unsubscribed_at", MOMENT),
        sa.Column("deferred_since", MOMENT),
        sa.CheckConstraint(
            "status IN ('queued', 'sending', 'sent', 'failed', 'skipped', 'held', 'cancelled',"
            " 'unknown')",
            name=op.f("ck_delivery_status"),
        ),
        *(
            sa.ForeignKeyConstraint(
                [column], [f"{parent}.id"], name=op.f(f"fk_delivery_{column}"), ondelete=action
            )
            for column, parent, action in foreign_keys
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_delivery")),
        sa.UniqueConstraint(*columns, name=unique),
        sqlite_autoincrement=True,
    )
    names = ", ".join(table.columns.keys())
    op.execute(f"INSERT INTO new_delivery ({names}) SELECT {names} FROM delivery ORDER BY id")
    op.execute("DELETE FROM sqlite_sequence WHERE name = 'new_delivery'")
    op.execute("UPDATE sqlite_sequence SET name = 'new_delivery' WHERE name = 'delivery'")
    op.drop_table("delivery")
    op.rename_table("new_delivery", "delivery")
    for name, keys, condition in (
        ("ix_delivery_queued", ["campaign_id", "mailbox_group", "not_before", "id"], QUEUED),
        ("ix_delivery_status", ["campaign_id", "status", "id"], None),
        ("ix_delivery_reason",
         ["campaign_id", "reason", "status", "reply_id", "id"], HAS_REASON),
        ("ix_delivery_engaged", ["campaign_id", *CAME_BACK, "id"], ENGAGED),
    ):  # fmt: skip
        op.create_index(name, "delivery", keys, sqlite_where=condition)
