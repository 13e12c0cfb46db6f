"""SQLite rebuilds the table of deliveries: rows, ids and rows that refer to them are kept."""

from datetime import UTC, datetime

import pytest
import sqlalchemy as sa

from campaigns import migrate
from campaigns.audience.models import Subscriber
from campaigns.campaign.models import Campaign, Delivery
from campaigns.config import Settings
from campaigns.events.models import Event
from tests.fresh_database import connected
from tests.fresh_database import settings as settings

BEFORE = "0011"
AT = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@pytest.fixture
def migrated(settings: Settings) -> Settings:
    """Settings of a separate migrated database."""
    migrate.upgrade(settings)
    return settings


def _person(number: int) -> dict[str, object]:
    address = f"p{number}@example.org"
    return {"id": number, "address": address, "address_normal": address, "domain": "example.org"}


def _put_rows_in(connection: sa.Connection) -> None:
    connection.execute(sa.insert(Campaign).values(id=1, subject="Hello"))
    for number in (1, 2, 3):
        connection.execute(sa.insert(Subscriber).values(_person(number)))
        connection.execute(
            sa.insert(Delivery).values(
                campaign_id=1, subscriber_id=number, address=f"p{number}@example.org"
            )
        )
    connection.execute(sa.delete(Delivery).where(Delivery.subscriber_id == 3))
    connection.execute(
        sa.insert(Event).values(delivery_id=2, campaign_id=1, kind="opened", at=AT, dedupe="x")
    )


def _seen(connection: sa.Connection) -> list[tuple[object, ...]]:
    deliveries = connection.execute(
        sa.text("SELECT id, subscriber_id, address, status FROM delivery ORDER BY id")
    )
    events = connection.execute(sa.text("SELECT delivery_id, dedupe FROM event"))
    return [tuple(row) for row in (*deliveries, *events)]


ROWS = [(1, 1, "p1@example.org", "queued"), (2, 2, "p2@example.org", "queued"), (2, "x")]


def test_rows_their_children_and_the_id_sequence_survive_both_ways(migrated: Settings) -> None:
    with connected(migrated) as connection:
        _put_rows_in(connection)
    migrate.downgrade(migrated, BEFORE)
    with connected(migrated) as connection:
        assert _seen(connection) == ROWS
    migrate.upgrade(migrated)
    with connected(migrated) as connection:
        assert _seen(connection) == ROWS
        connection.execute(
            sa.insert(Delivery).values(campaign_id=1, subscriber_id=3, address="p3@example.org")
        )
        ids = connection.scalars(sa.text("SELECT id FROM delivery ORDER BY id")).all()
    assert ids == [1, 2, 4], "no ID is used twice"


def test_the_keys_are_replaced_both_ways(migrated: Settings) -> None:
    kept = {f"ix_delivery_{name}" for name in ("queued", "status", "reason", "engaged")}
    by_person = {"ix_delivery_opened", "ix_delivery_clicked"}
    added = {*by_person, *(f"{name}_at" for name in by_person)}
    assert _keys(migrated) == (0, [["subscriber_id", "campaign_id"]], kept | added)
    migrate.downgrade(migrated, BEFORE)
    before = {*kept, "ix_delivery_subscriber_id"}
    assert _keys(migrated) == (3, [["campaign_id", "subscriber_id"]], before)


def _keys(settings: Settings) -> tuple[int, list[list[str]], set[str | None]]:
    """The number of foreign keys, the columns of unique keys, the names of indexes."""
    with connected(settings) as connection:
        inspector = sa.inspect(connection)
        indexes = inspector.get_indexes("delivery")
        return (
            len(inspector.get_foreign_keys("delivery")),
            [entry["column_names"] for entry in inspector.get_unique_constraints("delivery")],
            {entry["name"] for entry in indexes if not entry["unique"]},
        )
