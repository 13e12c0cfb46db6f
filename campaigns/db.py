"""The database: one session per app context, transactions, column types, bulk helpers.

Hides most differences between SQLite and PostgreSQL; other modules ask `is_postgresql`.
"""

import errno
import json
import secrets
import sqlite3
import string
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, ClassVar, cast

import sqlalchemy as sa
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import event
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection, Dialect, Engine
from sqlalchemy.orm import DeclarativeBase, Mapped, ORMExecuteState, Session, mapped_column

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}

SQLITE_BUSY_MS = 15_000
SQLITE_POLL_SECONDS = 0.002
"""Interval between attempts to begin writing while another process writes, in seconds."""
_WRITING = "campaigns_writing"
_DURABLE = "campaigns_durable"


class UtcDateTime(sa.types.TypeDecorator[datetime]):
    """An aware datetime in UTC. SQLite stores no zone, so it is added on reading."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse a datetime without a time zone, and write UTC."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a moment needs a time zone")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Read an aware datetime, in UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


_JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


class Base(DeclarativeBase):
    """The base of every model."""

    metadata = sa.MetaData(naming_convention=NAMING)
    type_annotation_map: ClassVar = {
        datetime: UtcDateTime(),
        dict[str, Any]: _JSON,
        list[dict[str, Any]]: _JSON,
        list[str]: _JSON,
        str: sa.Text(),
    }


_ALPHABET = string.ascii_letters + string.digits


NEVER_REUSED = {"sqlite_autoincrement": True}
"""For tables whose ids are part of links: SQLite would reuse a deleted row's id, and an old link
would refer to someone else."""


def new_public_id() -> str:
    """Return a random id for URLs: 12 letters and digits, 71 bits."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(12))


# SQLite autoincrements only a column declared INTEGER.
BigKey = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

# Compared byte by byte on both, so that "begins with" is an index range: PostgreSQL would otherwise
# sort by a language's rules.
ByteText = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")

id_key = Annotated[int, mapped_column(BigKey, primary_key=True)]
public_id = Annotated[str, mapped_column(sa.String(12), unique=True, default=new_public_id)]

# Only for the engine and the session of an app context: models use `Base`.
db = SQLAlchemy(session_options={"expire_on_commit": False})


class WriteOutsideTransactionError(RuntimeError):
    """A write was attempted outside `with transaction()`: a defect in the calling code."""


class WriteForbiddenError(RuntimeError):
    """A request that may only read opened `transaction()`: a defect in the view."""


_is_forbidden: ContextVar[bool] = ContextVar("campaigns_writing_is_forbidden", default=False)


def forbid_writing(is_forbidden: bool) -> None:
    """Make `transaction()` raise WriteForbiddenError in this thread, or allow it again."""
    _is_forbidden.set(is_forbidden)


@contextmanager
def transaction(*, durable: bool = False) -> Iterator[Session]:
    """Open a write transaction: commits at the end, rolls back on an error. Only for edges.

    `durable`: the commit survives a power cut. PostgreSQL always guarantees that; SQLite otherwise
    syncs only occasionally, which is many times faster.

    It ends an open read first: on SQLite a read transaction cannot be upgraded ("database is
    locked", whatever the timeout), so this begins with BEGIN IMMEDIATE.
    """
    if _is_forbidden.get():
        raise WriteForbiddenError("transaction() in a request that may only read")
    session = db.session()
    if session.info.get(_WRITING):
        raise RuntimeError("transaction() inside transaction(): only the edge opens one")
    session.rollback()
    session.expire_all()  # loaded objects may have been changed by others since
    with _write_turn(session):
        session.info[_WRITING] = True
        try:
            session.connection(execution_options={_WRITING: True, _DURABLE: durable})
            yield session
            session.commit()
        except BaseException:
            session.rollback()
            raise
        finally:
            session.info[_WRITING] = False


_sqlite_writer = threading.Lock()


def _write_turn(session: Session) -> AbstractContextManager[object]:
    """Let the threads of a process take turns on SQLite.

    SQLite itself lets a second writer sleep for up to a tenth of a second before each retry: under
    load, most of the time would be spent sleeping.
    """
    is_sqlite = session.get_bind().dialect.name == "sqlite"
    return _sqlite_writer if is_sqlite else nullcontext()


@event.listens_for(Session, "before_flush")
def _refuse_stray_flush(session: Session, *_: object) -> None:
    if not session.info.get(_WRITING):
        raise WriteOutsideTransactionError("changed objects outside `with transaction()`")


@event.listens_for(Session, "do_orm_execute")
def _refuse_stray_write(state: ORMExecuteState) -> None:
    writes = state.is_insert or state.is_update or state.is_delete
    if writes and not state.session.info.get(_WRITING):
        raise WriteOutsideTransactionError("wrote outside `with transaction()`")


@event.listens_for(Engine, "connect")
def _prepare_connection(connection: Any, record: object) -> None:
    if not isinstance(connection, sqlite3.Connection):
        # Compiling a plan takes longer than most statements here. Not as a start-up option, which
        # connection poolers refuse.
        connection.execute("SET jit = off")
        connection.commit()
        return
    # The driver's own transactions silently lose concurrent updates; ours are explicit.
    connection.isolation_level = None
    for pragma in (
        "journal_mode=WAL",
        "synchronous=NORMAL",
        "foreign_keys=ON",
        f"busy_timeout={SQLITE_BUSY_MS}",
        "cache_size=-16000",
    ):
        connection.execute(f"PRAGMA {pragma}")


@event.listens_for(Engine, "begin")
def _begin(connection: Connection) -> None:
    options = connection.get_execution_options()
    if connection.dialect.name == "sqlite" and options.get(_WRITING):
        level = "FULL" if options.get(_DURABLE) else "NORMAL"
        connection.exec_driver_sql(f"PRAGMA synchronous={level}")
        _begin_writing(connection)


def _begin_writing(connection: Connection) -> None:
    """Begin a write transaction on SQLite, after those of other processes.

    SQLite itself would sleep longer before each attempt, up to a tenth of a second, and so miss the
    gaps between the transactions of a process that writes much.
    """
    driver = cast("sqlite3.Connection", connection.connection.dbapi_connection)
    deadline = time.monotonic() + SQLITE_BUSY_MS / 1000
    driver.execute("PRAGMA busy_timeout=0")
    try:
        while _is_busy(driver) and time.monotonic() < deadline:
            time.sleep(SQLITE_POLL_SECONDS)
        if not driver.in_transaction:
            connection.exec_driver_sql("BEGIN IMMEDIATE")  # raises the error as SQLAlchemy's
    finally:
        driver.execute(f"PRAGMA busy_timeout={SQLITE_BUSY_MS}")


def _is_busy(driver: sqlite3.Connection) -> bool:
    """Try to begin; return whether another process prevented it."""
    try:
        driver.execute("BEGIN IMMEDIATE")
    except sqlite3.OperationalError as error:
        return error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY
    return False


def give_way() -> None:
    """Let other processes write between two transactions of a long job, on SQLite.

    PostgreSQL has no such queue: there, this does nothing.
    """
    if not is_postgresql():
        time.sleep(2 * SQLITE_POLL_SECONDS)


_POSTGRESQL_TIMES = {
    "connect_timeout": 5,
    "keepalives_idle": 3,
    "keepalives_interval": 1,
    "keepalives_count": 5,
    "tcp_user_timeout": 8000,
}
"""Seconds (the last in ms) after which a vanished server's connections are dropped: otherwise
they would look alive for hours, even after it is back."""


def engine_options(url: str, *, pool_size: int = 10) -> dict[str, Any]:
    """Return the engine options for this URL; `pool_size` threads never wait for a connection."""
    options = {"pool_size": pool_size, "max_overflow": 5, "json_serializer": _dump_json}
    if url.startswith("sqlite"):
        return options
    return {**options, "pool_pre_ping": True, "connect_args": _POSTGRESQL_TIMES}


def _dump_json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def is_postgresql() -> bool:
    """Return whether the session uses PostgreSQL."""
    return db.session().get_bind().dialect.name == "postgresql"


def database_now(now: datetime, offset: timedelta = timedelta(0)) -> sa.ColumnElement[datetime]:
    """Return the time of the database's clock, which is common to all workers.

    An SQLite file has no clock, and all its users are on one machine: returns `now`.
    """
    if is_postgresql():
        moment = sa.func.clock_timestamp() + sa.literal(offset, sa.Interval())
        return sa.type_coerce(moment, UtcDateTime())
    return sa.literal(now + offset, UtcDateTime())


def insert_ignoring(table: type[Base] | sa.Table) -> Any:
    """Return an INSERT that ignores existing rows (by any unique constraint)."""
    if is_postgresql():
        return postgresql.insert(table).on_conflict_do_nothing()
    return sqlite.insert(table).on_conflict_do_nothing()


def upsert(table: type[Base] | sa.Table) -> Any:
    """Return an INSERT of the current dialect, to complete with `.on_conflict_do_update(...)`."""
    return postgresql.insert(table) if is_postgresql() else sqlite.insert(table)


def is_disk_full(error: BaseException | None) -> bool:
    """Return whether a write failed because the disk is full."""
    if isinstance(error, OSError):
        return error.errno in {errno.ENOSPC, errno.EDQUOT}
    words = str(error).lower() if isinstance(error, sa.exc.DBAPIError) else ""
    return "disk is full" in words or "no space left on device" in words


def rows_changed(result: sa.Result[Any]) -> int:
    """Return how many rows an UPDATE or DELETE changed. Zero: another process was first."""
    return cast("sa.CursorResult[Any]", result).rowcount


def rows_given(
    rows: Sequence[Mapping[str, Any]], columns: Mapping[str, sa.types.TypeEngine[Any]]
) -> sa.FromClause:
    """Return rows as a selectable: thousands of them are passed as one parameter.

    Much faster than one parameter per value. `columns`: the type of each key. Values must be JSON
    values without NUL characters, or datetimes; a JSON column may contain anything.
    """
    document = json.dumps(
        list(rows), ensure_ascii=False, separators=(",", ":"), default=_datetime_text
    )
    if is_postgresql():
        typed = [
            sa.column(name, postgresql.JSONB() if isinstance(type_, sa.JSON) else type_)
            for name, type_ in columns.items()
        ]
        rows_of = sa.func.jsonb_to_recordset(sa.cast(sa.literal(document), postgresql.JSONB))
        return rows_of.table_valued(*typed, name="given").render_derived(with_types=True)
    each = sa.func.json_each(document).table_valued("value")
    return sa.select(
        *(sa.func.json_extract(each.c.value, f"$.{name}").label(name) for name in columns)
    ).subquery("given")


def rows_at_once(statement: sa.Select[Any]) -> Sequence[Sequence[Any]]:
    """Return all rows of a select over numbers, text and JSON, for thousands of rows.

    SQLite's driver yields to other threads before each row, which costs more than the row if they
    are busy. So the rows come as one JSON value.
    """
    connection = db.session.connection()
    if is_postgresql():
        return connection.execute(statement).all()
    rows = statement.subquery("row")
    values = [
        sa.func.json(sa.type_coerce(column, sa.Text())) if isinstance(column.type, sa.JSON)
        else column
        for column in rows.c
    ]  # fmt: skip
    document = sa.select(sa.func.json_group_array(sa.func.json_array(*values)))
    return cast("list[list[Any]]", json.loads(connection.execute(document).scalar_one()))


def has_row(
    column: sa.SQLColumnExpression[Any],
    key: sa.SQLColumnExpression[Any],
    *conditions: sa.ColumnElement[bool],
) -> sa.ColumnElement[bool]:
    """Return the condition that a row with this `key` exists; never NULL. For many rows.

    PostgreSQL would compare each value with a list that exceeds its memory; it joins EXISTS.
    SQLite looks up rows one by one for EXISTS, and reads them in one pass for IN.
    """
    if is_postgresql():
        return sa.exists().where(key == column, *conditions).correlate_except(key.table)  # type: ignore[attr-defined]
    return column.in_(sa.select(key).where(key.is_not(None), *conditions))


def numbers_at_once(statements: Sequence[sa.Select[Any]]) -> list[int]:
    """Return the single number of each statement, in a thread for each.

    SQLite uses one processor for a statement, and so does PostgreSQL for some plans. A transaction
    that writes sees its own changes only on its own connection, so it gets no threads.
    """
    session = db.session()
    if len(statements) == 1 or session.info.get(_WRITING):
        return [session.scalar(one) or 0 for one in statements]
    engine = session.connection().engine

    def number(statement: sa.Select[Any]) -> int:
        with engine.connect() as connection:
            return connection.scalar(statement) or 0

    with ThreadPoolExecutor(len(statements), "counting") as pool:
        return list(pool.map(number, statements))


def _datetime_text(value: object) -> str:
    """Write a datetime as text in the database's own format."""
    if not isinstance(value, datetime):
        raise TypeError(f"{type(value).__name__} is nothing that JSON can hold")
    moment = value.astimezone(UTC)
    return moment.isoformat() if is_postgresql() else f"{moment:%Y-%m-%d %H:%M:%S.%f}"


def claimable(ids: sa.Select[int]) -> sa.Select[int]:
    """Select ids for `UPDATE ... WHERE id IN (...)`, locked, skipping rows locked by others.

    Materialized on PostgreSQL: some plans would run a plain subselect once per row, and each run
    would skip locked rows and pick others, far beyond the LIMIT. SQLite has one writer at a time
    and needs no locks (and reports no row count after WITH).
    """
    if not is_postgresql():
        return ids
    chosen = ids.with_for_update(skip_locked=True).cte("claimable").prefix_with("MATERIALIZED")
    return sa.select(chosen.c.id)


def in_order(ids: sa.Select[int]) -> sa.Select[int]:
    """Select ids for `UPDATE ... WHERE id IN (...)`, locked in their order.

    Two transactions that lock the same rows in different orders deadlock, and PostgreSQL ends one
    of them. An UPDATE alone locks in the order of its plan. `ids` selects one column of one table,
    without LIMIT. SQLite has one writer at a time and needs no locks.
    """
    if not is_postgresql():
        return ids
    [column] = ids.selected_columns
    locked = ids.order_by(column).with_for_update(key_share=True)
    chosen = locked.cte("in_order").prefix_with("MATERIALIZED")
    return sa.select(*chosen.c)


def lock_in_order(ids: sa.Select[int]) -> None:
    """Lock rows in the order of their ids, before several statements change them.

    `ids` as for `in_order`. Does nothing on SQLite.
    """
    if is_postgresql():
        locked = in_order(ids).subquery()
        db.session.execute(sa.select(sa.func.count()).select_from(locked))


__all__ = [
    "NEVER_REUSED",
    "Base",
    "BigKey",
    "ByteText",
    "Mapped",
    "UtcDateTime",
    "WriteForbiddenError",
    "WriteOutsideTransactionError",
    "claimable",
    "database_now",
    "db",
    "engine_options",
    "forbid_writing",
    "has_row",
    "id_key",
    "in_order",
    "insert_ignoring",
    "is_disk_full",
    "is_postgresql",
    "lock_in_order",
    "mapped_column",
    "new_public_id",
    "numbers_at_once",
    "public_id",
    "rows_changed",
    "rows_given",
    "transaction",
    "upsert",
]
