"""Migrations carry rows up, down and up again, and say the same as the models. Everywhere."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa

from campaigns import migrate
from campaigns.accounts.models import LoginSession, User
from campaigns.audience.models import AudienceList, Subscriber, Subscription
from campaigns.campaign.models import Campaign
from campaigns.config import Settings
from campaigns.models import metadata
from tests.conftest import BACKENDS, Database, settings_for_tests

FIRST = "0001"


@pytest.fixture(params=BACKENDS)
def settings(
    request: pytest.FixtureRequest, databases: dict[str, Database], tmp_path: Path
) -> Iterator[Settings]:
    """Settings of an empty database of its own, without any table."""
    with ExitStack() as stack:
        if request.param == "sqlite":
            url = f"sqlite:///{tmp_path / 'fresh.sqlite3'}"
        else:
            url = stack.enter_context(FreshPostgresql(databases[request.param].url))
        yield settings_for_tests(tmp_path, database_url=url)


class FreshPostgresql:
    """A database of its own on the server of this address."""

    def __init__(self, server: str) -> None:
        self._server = server

    def __enter__(self) -> str:
        self._run("CREATE DATABASE for_migrations")
        url = sa.make_url(self._server).set(database="for_migrations")
        return url.render_as_string(hide_password=False)

    def __exit__(self, *_: object) -> None:
        self._run("DROP DATABASE for_migrations WITH (FORCE)")

    def _run(self, statement: str) -> None:
        with psycopg.connect(self._server, autocommit=True) as connection:
            connection.execute(statement)


def tables_of(settings: Settings) -> set[str]:
    engine = sa.create_engine(settings.sqlalchemy_url)
    try:
        return set(sa.inspect(engine).get_table_names())
    finally:
        engine.dispose()


def put_rows_in(settings: Settings) -> None:
    """A list, a subscriber, and the place of one on the other: parents with a child."""
    engine = sa.create_engine(settings.sqlalchemy_url)
    try:
        with engine.begin() as connection:
            for model, values in (
                (AudienceList, {"id": 1, "name": "News"}),
                (
                    Subscriber,
                    {
                        "id": 1,
                        "address": "A@example.org",
                        "address_normal": "a@example.org",
                        "domain": "example.org",
                    },
                ),
                (Subscription, {"list_id": 1, "subscriber_id": 1, "state": "subscribed"}),
            ):
                connection.execute(sa.insert(model).values(**values))
    finally:
        engine.dispose()


def rows_in(settings: Settings) -> tuple[list[str], int]:
    """The addresses, and how many places on lists there are."""
    engine = sa.create_engine(settings.sqlalchemy_url)
    try:
        with engine.connect() as connection:
            addresses = connection.scalars(sa.text("SELECT address_normal FROM subscriber")).all()
            places = connection.scalar(sa.text("SELECT count(*) FROM subscription"))
            return list(addresses), places or 0
    finally:
        engine.dispose()


def test_models_and_migrations_say_the_same(settings: Settings) -> None:
    migrate.upgrade(settings)
    migrate.check_drift(settings)


def test_everything_can_be_taken_back_and_done_again(settings: Settings) -> None:
    migrate.upgrade(settings)
    assert tables_of(settings) == {*metadata.tables, "alembic_version"}
    migrate.downgrade(settings, "base")
    assert tables_of(settings) <= {"alembic_version"}
    migrate.upgrade(settings)
    assert tables_of(settings) == {*metadata.tables, "alembic_version"}


def test_rows_survive_the_way_down_to_the_first_migration_and_up_again(
    settings: Settings,
) -> None:
    """A change of a table on SQLite builds it anew: its children must not go with the old one."""
    migrate.upgrade(settings)
    put_rows_in(settings)
    migrate.downgrade(settings, FIRST)
    assert rows_in(settings) == (["a@example.org"], 1)
    migrate.upgrade(settings)
    assert rows_in(settings) == (["a@example.org"], 1)
    migrate.upgrade(settings)  # nothing left to do
    assert rows_in(settings) == (["a@example.org"], 1)


def test_campaigns_of_before_wait_until_the_next_day(settings: Settings) -> None:
    """The newest columns of a campaign, put on one that was there before them."""
    migrate.upgrade(settings)
    engine = sa.create_engine(settings.sqlalchemy_url)
    with engine.begin() as connection:
        connection.execute(sa.insert(Campaign).values(public_id="abcdefghijkl"))
        first = connection.scalar(sa.select(Campaign.id))
    migrate.downgrade(settings, "0012")
    migrate.upgrade(settings)
    found = sa.select(Campaign.id, Campaign.overflow_sender_id, Campaign.earlier_senders)
    with engine.begin() as connection:
        assert connection.execute(found).all() == [(first, None, [])]
        connection.execute(sa.delete(Campaign))
        connection.execute(sa.insert(Campaign).values(public_id="mnopqrstuvwx"))
        assert connection.scalar(sa.select(Campaign.id)) != first, "no id is given twice"
        with pytest.raises(sa.exc.IntegrityError):
            connection.execute(sa.update(Campaign).values(status="lost"))
    engine.dispose()


def test_people_who_log_in_survive_the_end_of_their_old_sessions(settings: Settings) -> None:
    migrate.upgrade(settings)
    engine = sa.create_engine(settings.sqlalchemy_url)
    values = {"public_id": "abcdefghijkl", "address": "a@example.org"}
    values |= {"address_normal": "a@example.org", "password_hash": "x"}
    with engine.begin() as connection:
        connection.execute(sa.insert(User).values(**values))
        user_id = connection.scalar(sa.select(User.id))
        connection.execute(sa.insert(LoginSession).values(user_id=user_id, token_hash="x"))
    engine.dispose()
    migrate.downgrade(settings, "0013")
    with engine.begin() as connection:
        assert connection.scalar(sa.text("SELECT session_epoch FROM user_account")) == 0
    engine.dispose()
    migrate.upgrade(settings)
    with engine.begin() as connection:
        assert connection.scalar(sa.select(User.address)) == "a@example.org"
        assert connection.scalar(sa.select(sa.func.count(LoginSession.id))) == 0
        connection.execute(sa.insert(LoginSession).values(user_id=user_id, token_hash="x"))
        connection.execute(sa.delete(User))
    engine.dispose()


def test_the_newest_revision_is_reached_and_known(settings: Settings) -> None:
    migrate.upgrade(settings)
    newest = migrate.newest_revision()
    assert newest is not None
    engine = sa.create_engine(settings.sqlalchemy_url)
    with engine.connect() as connection:
        assert migrate.current_revision(connection) == newest
    engine.dispose()
    assert migrate.is_known(newest)
    assert not migrate.is_known("no-such-revision")


def test_a_database_of_a_newer_version_is_refused_in_words(settings: Settings) -> None:
    migrate.upgrade(settings)
    engine = sa.create_engine(settings.sqlalchemy_url)
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    engine.dispose()
    with pytest.raises(migrate.MigrationError, match="newer version of Campaigns"):
        migrate.upgrade(settings)
