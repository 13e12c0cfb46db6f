"""Transactions, on both databases."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.exc import OperationalError

import campaigns.db
from campaigns.audience.models import AudienceList, Subscriber
from campaigns.db import (
    WriteOutsideTransactionError,
    db,
    engine_options,
    insert_ignoring,
    transaction,
)
from tests.factories import a_list, a_subscriber


def test_a_transaction_commits_at_its_end(app: Flask) -> None:
    with transaction():
        a_list("News")
    db.session.rollback()
    assert db.session.scalars(sa.select(AudienceList.name)).all() == ["News"]


def test_an_error_rolls_everything_back(app: Flask) -> None:
    with pytest.raises(RuntimeError, match="oops"), transaction():
        a_list("News")
        raise RuntimeError("oops")
    assert db.session.scalar(sa.select(sa.func.count(AudienceList.id))) == 0


def test_writing_outside_a_transaction_is_refused(app: Flask) -> None:
    db.session.add(AudienceList(name="News"))
    with pytest.raises(WriteOutsideTransactionError):
        db.session.flush()
    db.session.rollback()
    with pytest.raises(WriteOutsideTransactionError):
        db.session.execute(sa.delete(AudienceList))


def test_a_transaction_inside_a_transaction_is_refused(app: Flask) -> None:
    with pytest.raises(RuntimeError, match="only the edge"), transaction(), transaction():
        pass


def test_no_update_is_lost_when_many_write_at_once(app: Flask) -> None:
    with transaction():
        row = a_list("0")
    list_id = row.id

    def add_one_25_times() -> None:
        with app.app_context():
            for _ in range(25):
                db.session.get(AudienceList, list_id)  # read first, as a page does
                with transaction():
                    found = db.session.get(AudienceList, list_id, with_for_update=True)
                    assert found is not None
                    found.name = str(int(found.name) + 1)

    threads = [threading.Thread(target=add_one_25_times) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    db.session.rollback()
    assert db.session.scalar(sa.select(AudienceList.name)) == "100"


def test_inserting_again_is_ignored(app: Flask) -> None:
    with transaction():
        a_subscriber("alice@example.org")
        again = {"address": "A", "address_normal": "alice@example.org", "domain": "example.org"}
        db.session.execute(insert_ignoring(Subscriber).values([again]))
    assert db.session.scalar(sa.select(sa.func.count(Subscriber.id))) == 1


def test_only_a_durable_transaction_waits_for_the_disk(app: Flask) -> None:
    if not app.extensions["campaigns"].settings.is_sqlite:
        pytest.skip("PostgreSQL always does")
    full, normal = 2, 1
    for durable, level in ((True, full), (False, normal)):
        with transaction(durable=durable) as session:
            assert session.connection().exec_driver_sql("PRAGMA synchronous").scalar() == level


@pytest.fixture
def other_process(app: Flask) -> Iterator[sqlite3.Connection]:
    """A connection of its own to the SQLite file, with an open write transaction."""
    path = db.engine.url.database
    assert path is not None
    with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield other


@pytest.mark.runs_on("sqlite")
def test_a_transaction_begins_when_another_process_has_written(
    other_process: sqlite3.Connection,
) -> None:
    timer = threading.Timer(0.03, other_process.execute, ["COMMIT"])
    timer.start()
    with transaction() as session:
        a_list("News")
        assert session.scalar(sa.text("PRAGMA busy_timeout")) == campaigns.db.SQLITE_BUSY_MS
    timer.join()


@pytest.mark.runs_on("sqlite")
def test_a_transaction_fails_if_another_process_never_ends_writing(
    other_process: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(campaigns.db, "SQLITE_BUSY_MS", 20)
    with pytest.raises(OperationalError, match="locked"), transaction():
        a_list("News")
    other_process.execute("ROLLBACK")
    with transaction():
        a_list("News")


@pytest.mark.parametrize("url", ["sqlite:////srv/x.sqlite3", "postgresql+psycopg://db/x"])
def test_every_web_thread_has_a_connection(url: str) -> None:
    engine = sa.create_engine(url, **engine_options(url, pool_size=24))
    assert isinstance(engine.pool, sa.QueuePool)
    assert engine.pool.size() == 24
