"""A database restored from a backup sends nothing by itself; nothing else looks like one."""

import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from flask import Flask
from redis import Redis
from structlog.testing import capture_logs

from campaigns.accounts import service as accounts
from campaigns.clock import utcnow
from campaigns.config import Settings
from campaigns.db import db, transaction
from campaigns.jobs import schedule, send
from campaigns.jobs.generation import CHECK_SECONDS, UNMARKED_SECONDS, FileMark, Guard, RedisMark
from campaigns.sending import lifecycle, restored
from campaigns.sending.models import Campaign, Delivery, Generation, TransactionalMail
from campaigns.sending.restored import State
from tests.factories import a_campaign, a_delivery, a_list, a_sender, a_subscriber


class Seconds:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def seconds() -> Seconds:
    return Seconds()


@pytest.fixture
def marks(app: Flask, redis_url: str, tmp_path: Path) -> tuple[FileMark, RedisMark]:
    return FileMark(tmp_path), RedisMark(Redis.from_url(redis_url))


def a_guard(marks: tuple[FileMark | RedisMark, ...], seconds: Seconds) -> Guard:
    """That of a process just started."""
    return Guard(marks, seconds)


def a_campaign_in(status: str, **values: Any) -> int:
    with transaction():
        news = a_list()
        campaign = a_campaign(news, sender=a_sender(), status=status, **values)
        for number in range(3):
            a_delivery(campaign, a_subscriber(f"p{number}@example.org", news))
        return campaign.id


def send_for(guard: Guard, seconds: Seconds, checks: int = 3) -> None:
    for _ in range(checks):
        assert guard.may_send(is_sending=True)
        seconds.now += CHECK_SECONDS


def go_back_to(number: int) -> None:
    """As a restored backup does."""
    with transaction():
        db.session.execute(sa.update(Generation).values(number=number))


def state_of(campaign_id: int) -> str:
    db.session.rollback()
    return db.session.get_one(Campaign, campaign_id, populate_existing=True).status


def number() -> int:
    db.session.rollback()
    state = restored.read()
    assert state is not None
    return state.number


def test_the_counter_advances_while_campaigns_are_sent_and_its_copies_follow(
    marks: tuple[FileMark, RedisMark], seconds: Seconds
) -> None:
    guard = a_guard(marks, seconds)
    send_for(guard, seconds)
    assert guard.may_send(is_sending=False)
    assert number() == 3
    state = restored.read()
    assert state is not None
    assert [mark.read(state.name) for mark in marks] == [3, 3]


@pytest.mark.parametrize("kept", ["file", "redis", "memory"])
def test_any_copy_alone_recognises_a_restored_database(
    marks: tuple[FileMark, RedisMark], seconds: Seconds, kept: str
) -> None:
    campaign_id = a_campaign_in("sending")
    guard = a_guard(marks, seconds)
    send_for(guard, seconds)
    go_back_to(1)
    copies: dict[str, tuple[FileMark | RedisMark, ...]] = {
        "file": marks[:1], "redis": marks[1:], "memory": (),
    }  # fmt: skip
    left = copies[kept]
    if kept != "memory":
        guard = a_guard(left, seconds)
    else:
        guard._marks = ()
    assert guard.may_send(is_sending=True)
    assert state_of(campaign_id) == "paused"


def test_what_was_held_stays_held_and_is_said_once(
    marks: tuple[FileMark, RedisMark], seconds: Seconds
) -> None:
    with transaction():
        accounts.create_user("owner@example.org", "correct horse battery", now=utcnow())
    campaign_id = a_campaign_in("sending")
    send_for(a_guard(marks, seconds), seconds)
    go_back_to(1)
    with capture_logs() as logs:
        for _ in range(3):  # several workers and clocks, in any order
            assert a_guard(marks, seconds).may_send(is_sending=False)
    assert len([entry for entry in logs if "restored" in entry["event"]]) == 1
    assert number() > 3
    campaign = db.session.get_one(Campaign, campaign_id)
    assert (campaign.status, campaign.status_reason) == ("paused", restored.PAUSED)
    mails = db.session.scalars(sa.select(TransactionalMail)).all()
    assert [mail.address for mail in mails] == ["owner@example.org"]
    with transaction():
        lifecycle.resume(campaign_id, now=utcnow())
    assert a_guard(marks, seconds).may_send(is_sending=True)
    assert state_of(campaign_id) == "sending", "somebody decided"


def test_what_was_being_prepared_becomes_a_draft(
    marks: tuple[FileMark, RedisMark], seconds: Seconds
) -> None:
    campaign_id = a_campaign_in("preparing")
    send_for(a_guard(marks, seconds), seconds)
    go_back_to(0)
    assert a_guard(marks, seconds).may_send(is_sending=True)
    assert state_of(campaign_id) == "draft"


def test_what_came_due_since_the_backup_asks(
    app: Flask, marks: tuple[FileMark, RedisMark], seconds: Seconds
) -> None:
    now = utcnow()
    due = a_campaign_in("scheduled", scheduled_at=now - timedelta(seconds=30))
    with transaction():
        later = a_campaign(status="scheduled", scheduled_at=now + timedelta(hours=1)).id
    send_for(a_guard(marks, seconds), seconds)
    go_back_to(1)
    assert a_guard(marks, seconds).may_send(is_sending=False)
    schedule.start_due()
    assert (state_of(due), state_of(later)) == ("scheduled", "scheduled")
    asked = {c.id for c in db.session.scalars(sa.select(Campaign)) if c.asked_at is not None}
    assert asked == {due}


def lose_redis(marks: tuple[FileMark, RedisMark], folder: Path) -> None:
    marks[1]._redis.flushall()


def lose_data_dir(marks: tuple[FileMark, RedisMark], folder: Path) -> None:
    for path in folder.glob("generation.*"):
        path.unlink()


@pytest.mark.parametrize("lose", [lose_redis, lose_data_dir])
def test_a_lost_copy_holds_nothing(
    marks: tuple[FileMark, RedisMark],
    seconds: Seconds,
    tmp_path: Path,
    lose: Callable[[tuple[FileMark, RedisMark], Path], None],
) -> None:
    campaign_id = a_campaign_in("sending")
    send_for(a_guard(marks, seconds), seconds)
    lose(marks, tmp_path)
    send_for(a_guard(marks, seconds), seconds)
    assert state_of(campaign_id) == "sending"


def test_a_new_machine_waits_for_the_others_and_sends(
    marks: tuple[FileMark, RedisMark], seconds: Seconds, tmp_path: Path
) -> None:
    """Redis was emptied at the same moment: the workers that go on fill it again."""
    campaign_id = a_campaign_in("sending")
    others = a_guard(marks, seconds)
    send_for(others, seconds)
    marks[1]._redis.flushall()
    (tmp_path / "new").mkdir()
    new = a_guard((FileMark(tmp_path / "new"), marks[1]), seconds)
    assert not new.may_send(is_sending=True)
    seconds.now += CHECK_SECONDS
    send_for(others, seconds, 1)
    assert new.may_send(is_sending=True)
    assert state_of(campaign_id) == "sending"


def test_on_a_fresh_machine_without_any_copy_a_campaign_in_progress_is_held(
    marks: tuple[FileMark, RedisMark], seconds: Seconds, tmp_path: Path
) -> None:
    campaign_id = a_campaign_in("sending")
    send_for(a_guard(marks, seconds), seconds)
    lose_redis(marks, tmp_path)
    lose_data_dir(marks, tmp_path)
    fresh = a_guard(marks, seconds)
    assert not fresh.may_send(is_sending=True)
    seconds.now += UNMARKED_SECONDS
    assert fresh.may_send(is_sending=True)
    assert state_of(campaign_id) == "paused"


def test_a_data_directory_restored_with_its_database_is_recognised(
    marks: tuple[FileMark, RedisMark], seconds: Seconds, tmp_path: Path
) -> None:
    """Both are as old as each other; but a file that comes from a backup is another file."""
    campaign_id = a_campaign_in("sending")
    send_for(a_guard(marks[:1], seconds), seconds)
    (path,) = tmp_path.glob("generation.*")
    shutil.copy2(path, tmp_path / "backup")
    path.rename(tmp_path / "gone")  # still there: else its inode could be used again
    shutil.copy2(tmp_path / "backup", path)
    fresh = a_guard(marks[:1], seconds)
    fresh.may_send(is_sending=True)
    seconds.now += UNMARKED_SECONDS
    assert fresh.may_send(is_sending=True)
    assert state_of(campaign_id) == "paused"


def test_where_nothing_is_open_a_database_without_copies_is_taken_as_it_is(
    marks: tuple[FileMark, RedisMark], seconds: Seconds, tmp_path: Path
) -> None:
    send_for(a_guard(marks, seconds), seconds)
    lose_redis(marks, tmp_path)
    lose_data_dir(marks, tmp_path)
    assert a_guard(marks, seconds).may_send(is_sending=True)


def test_a_copy_that_cannot_be_read_counts_as_none(tmp_path: Path) -> None:
    (tmp_path / "generation.x").write_text("{")
    assert FileMark(tmp_path).read("x") is None
    FileMark(tmp_path).write(State("x", 7))
    assert FileMark(tmp_path).read("x") == 7


def test_the_remaining_of_a_restored_campaign_become_unknown_when_it_is_ended(app: Flask) -> None:
    campaign_id = a_campaign_in("sending")
    with transaction():
        lifecycle.hold_restored(campaign_id, now=utcnow(), reason="")
        lifecycle.cancel(campaign_id, now=utcnow())
    found = db.session.execute(sa.select(Delivery.status, Delivery.reason)).all()
    assert {tuple(row) for row in found} == {("unknown", "restored")}


# --- real backups -----------------------------------------------------------------------------


def back_up(url: str, folder: Path) -> Callable[[], None]:
    """Back up the database of the app; gives what restores it."""
    if url.startswith("sqlite"):
        copy = folder / "backup.sqlite3"
        with db.engine.connect() as connection:
            connection.exec_driver_sql(f"VACUUM INTO '{copy}'")

        def restore() -> None:
            path = Path(sa.make_url(url).database or "")
            for end in ("-wal", "-shm"):
                path.with_name(path.name + end).unlink(missing_ok=True)
            shutil.copyfile(copy, path)

        return restore
    return back_up_postgresql(url)


def back_up_postgresql(url: str) -> Callable[[], None]:
    """As pg_dump of the data does: every table is copied out, and in again."""
    tables = [table.name for table in Campaign.metadata.sorted_tables]
    dump: dict[str, bytes] = {}
    with psycopg.connect(url) as connection:
        for table in tables:
            with connection.cursor().copy(f'COPY "{table}" TO STDOUT') as out:
                dump[table] = b"".join(bytes(part) for part in out)

    def restore() -> None:
        with psycopg.connect(url) as connection:
            connection.execute("SET session_replication_role = replica")
            for table in tables:
                connection.execute(f'DELETE FROM "{table}"')
                with connection.cursor().copy(f'COPY "{table}" FROM STDIN') as into:
                    into.write(dump[table])

    return restore


class TestRealBackups:
    @pytest.fixture
    def settings(self, settings: Settings, redis_url: str) -> Settings:
        return settings.model_copy(update={"redis_url": redis_url})

    @pytest.mark.usefixtures("worker")
    def test_a_backup_taken_in_mid_campaign_mails_nobody_by_itself(
        self, app: Flask, database_url: str, tmp_path: Path
    ) -> None:
        campaign_id = a_campaign_in("sending")
        send.send()
        restore = back_up(database_url, tmp_path)
        app.extensions.pop("campaigns.generation")  # another worker sends on
        send.send()
        send.forget()
        db.session.remove()
        db.engine.dispose()
        restore()
        for _ in range(2):
            app.extensions.pop("campaigns.generation", None)  # the processes are started again
            send.send()
            schedule.Clock(app).beat()
        assert state_of(campaign_id) == "paused"
