"""A database restored from a backup sends nothing automatically; no other looks restored."""

import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from redis import Redis
from structlog.testing import capture_logs

from campaigns.accounts import users
from campaigns.accounts.workspace import save_workspace
from campaigns.campaign import lifecycle, series
from campaigns.campaign.models import Campaign, CampaignSeries, Claim, Delivery, Generation
from campaigns.campaign.recurrence import Recurrence
from campaigns.campaign.schedule import SendPlan
from campaigns.clock import utcnow
from campaigns.config import Settings
from campaigns.db import db, transaction
from campaigns.delivery import completion, resend
from campaigns.delivery.models import ResendRun
from campaigns.engine import canary, restored
from campaigns.engine.restore_guard import (
    CHECK_SECONDS,
    UNMARKED_SECONDS,
    FileMark,
    Guard,
    RedisMark,
)
from campaigns.engine.restored import State
from campaigns.jobs import clock as clock_job
from campaigns.jobs import runtime, send
from campaigns.jobs.transactional import deliver
from campaigns.transactional import queue
from campaigns.transactional.models import TransactionalEmail
from tests.backups import back_up
from tests.factories import a_campaign, a_delivery, a_list, a_sender, a_subscriber
from tests.manual_clock import ManualSeconds
from tests.readback import campaign_status


@pytest.fixture
def clock() -> ManualSeconds:
    return ManualSeconds(1000.0)


@pytest.fixture
def marks(app: Flask, redis_url: str, tmp_path: Path) -> tuple[FileMark, RedisMark]:
    return FileMark(tmp_path), RedisMark(Redis.from_url(redis_url))


def a_guard(marks: tuple[FileMark | RedisMark, ...], clock: ManualSeconds) -> Guard:
    """The guard of a process that has just started."""
    return Guard(marks, clock)


def a_campaign_in(status: str, **values: Any) -> int:
    with transaction():
        news = a_list()
        campaign = a_campaign(news, sender=a_sender(), status=status, **values)
        for number in range(3):
            a_delivery(campaign, a_subscriber(f"p{number}@example.org", news))
        return campaign.id


def send_for(guard: Guard, clock: ManualSeconds, checks: int = 3) -> None:
    for _ in range(checks):
        assert guard.may_send(is_sending=True)
        clock.seconds += CHECK_SECONDS


def set_counter_back(number: int) -> None:
    """Set the counter back, as restoring a backup does."""
    with transaction():
        db.session.execute(sa.update(Generation).values(number=number))


def number() -> int:
    db.session.rollback()
    state = restored.read()
    assert state is not None
    return state.number


def test_the_counter_advances_while_campaigns_are_sent_and_its_copies_follow(
    marks: tuple[FileMark, RedisMark], clock: ManualSeconds
) -> None:
    guard = a_guard(marks, clock)
    send_for(guard, clock)
    assert guard.may_send(is_sending=False)
    state = restored.read()
    assert state is not None
    assert state.number == 4, "once for each check, and once for messages after the last"
    assert [mark.read(state.name) for mark in marks] == [4, 4]
    clock.seconds += CHECK_SECONDS
    assert guard.may_send(is_sending=False)
    assert number() == 4, "nothing has been sent since"


@pytest.mark.parametrize("end", ["it stops", "it has sent everything"])
def test_a_backup_made_just_before_a_process_ends_is_recognized(
    marks: tuple[FileMark, RedisMark], clock: ManualSeconds, end: str
) -> None:
    campaign_id = a_campaign_in("sending")
    guard = a_guard(marks, clock)
    send_for(guard, clock)
    backup = number()
    if end == "it stops":
        guard.leave()
    else:
        assert guard.may_send(is_sending=False)
    set_counter_back(backup)
    assert a_guard(marks, clock).may_send(is_sending=True)
    assert campaign_status(campaign_id) == "paused"


def test_a_process_that_stops_after_the_restore_keeps_the_copies(
    marks: tuple[FileMark, RedisMark], clock: ManualSeconds
) -> None:
    campaign_id = a_campaign_in("sending")
    guard = a_guard(marks, clock)
    send_for(guard, clock)
    set_counter_back(1)
    guard.leave()
    assert a_guard(marks, clock).may_send(is_sending=True)
    assert campaign_status(campaign_id) == "paused"


def test_the_counter_advances_before_a_single_email_leaves(app: Flask, settings: Settings) -> None:
    with transaction():
        payload = {"subject": "Look", "text": "Look"}
        mail_id = queue.enqueue("alert", "a@example.org", payload, now=utcnow()).id
    runtime.use(app)
    deliver(mail_id)
    assert number() == 1


@pytest.mark.parametrize("kept", ["file", "redis", "memory"])
def test_any_single_copy_recognizes_a_restored_database(
    marks: tuple[FileMark, RedisMark], clock: ManualSeconds, kept: str
) -> None:
    campaign_id = a_campaign_in("sending")
    guard = a_guard(marks, clock)
    send_for(guard, clock)
    set_counter_back(1)
    copies: dict[str, tuple[FileMark | RedisMark, ...]] = {
        "file": marks[:1], "redis": marks[1:], "memory": (),
    }  # fmt: skip
    left = copies[kept]
    if kept != "memory":
        guard = a_guard(left, clock)
    else:
        guard._marks = ()
    assert guard.may_send(is_sending=True)
    assert campaign_status(campaign_id) == "paused"


def test_held_work_stays_held_and_is_reported_once(
    marks: tuple[FileMark, RedisMark], clock: ManualSeconds
) -> None:
    with transaction():
        users.create_user("owner@example.org", "correct horse battery", now=utcnow())
    campaign_id = a_campaign_in("sending")
    send_for(a_guard(marks, clock), clock)
    set_counter_back(1)
    with capture_logs() as logs:
        for _ in range(3):  # several workers and clocks, in any order
            assert a_guard(marks, clock).may_send(is_sending=False)
    assert len([entry for entry in logs if "restored" in entry["event"]]) == 1
    assert number() > 3
    campaign = db.session.get_one(Campaign, campaign_id)
    assert (campaign.status, campaign.status_reason) == ("paused", restored.PAUSED.pack())
    mails = db.session.scalars(sa.select(TransactionalEmail)).all()
    assert [mail.address for mail in mails] == ["owner@example.org"]
    with transaction():
        lifecycle.resume(campaign_id, now=utcnow())
    assert a_guard(marks, clock).may_send(is_sending=True)
    assert campaign_status(campaign_id) == "sending", "a user has decided"


def test_a_campaign_being_prepared_becomes_a_draft(
    marks: tuple[FileMark, RedisMark], clock: ManualSeconds
) -> None:
    campaign_id = a_campaign_in("preparing")
    send_for(a_guard(marks, clock), clock)
    set_counter_back(0)
    assert a_guard(marks, clock).may_send(is_sending=True)
    assert campaign_status(campaign_id) == "draft"


def restore(marks: tuple[FileMark, RedisMark], clock: ManualSeconds) -> None:
    """Send email, restore an earlier backup, and start a process."""
    send_for(a_guard(marks, clock), clock)
    set_counter_back(1)
    assert a_guard(marks, clock).may_send(is_sending=False)
    db.session.rollback()


def a_single_email(kind: queue.Kind, **values: Any) -> int:
    with transaction():
        mail = queue.enqueue(kind, "alice@example.org", {}, now=utcnow())
        for name, value in values.items():
            setattr(mail, name, value)
        return mail.id


@pytest.mark.parametrize("kind", ["confirm", "password_reset"])
@pytest.mark.parametrize(
    "values",
    [
        {},
        {"not_before": utcnow() + timedelta(hours=1), "attempts": 2},
        {"status": "sending", "lease_until": utcnow()},
        {"status": "sending", "lease_until": utcnow(), "reason": queue.HANDING_OVER.pack()},
    ],
    ids=["waiting", "postponed", "claimed", "on the wire"],
)
def test_a_single_email_waiting_in_the_backup_is_not_sent_automatically(
    marks: tuple[FileMark, RedisMark],
    clock: ManualSeconds,
    kind: queue.Kind,
    values: dict[str, Any],
) -> None:
    mail_id = a_single_email(kind, **values)
    restore(marks, clock)
    a_day_later = utcnow() + timedelta(days=1)
    assert mail_id not in queue.stalled(a_day_later)
    with transaction():
        assert queue.claim(mail_id, now=a_day_later) is None
    found = queue.status(mail_id)
    assert found is not None
    assert (found.status, found.reason) == ("unknown", queue.RESTORED)


def test_held_single_emails_are_sent_after_a_decision(
    marks: tuple[FileMark, RedisMark], clock: ManualSeconds
) -> None:
    mail_id = a_single_email("confirm", attempts=3)
    done = a_single_email("confirm", status="unknown", reason=queue.NO_ANSWER.pack())
    restore(marks, clock)
    with transaction():
        assert queue.send_restored(now=utcnow()) == 1
    assert mail_id in queue.stalled(utcnow())
    with transaction():
        assert queue.claim(done, now=utcnow()) is None


def test_deliveries_claimed_in_the_backup_are_unknown_immediately(
    marks: tuple[FileMark, RedisMark], clock: ManualSeconds
) -> None:
    campaign_id = a_campaign_in("sending")
    with transaction():
        db.session.add(Claim(token="t", campaign_id=campaign_id, lease_until=utcnow()))
        first = sa.select(sa.func.min(Delivery.id)).scalar_subquery()
        db.session.execute(
            sa.update(Delivery)
            .where(Delivery.id == first)
            .values(status="sending", claim_token="t")
            .execution_options(synchronize_session=False)
        )
    restore(marks, clock)
    found = db.session.execute(
        sa.select(Delivery.status, Delivery.reason).order_by(Delivery.id)
    ).all()
    assert [tuple(row) for row in found] == [("unknown", "restored"), *[("queued", "")] * 2]
    assert db.session.scalar(sa.select(sa.func.count()).select_from(Claim)) == 0


def test_a_campaign_paused_in_the_backup_asks_before_it_continues(
    marks: tuple[FileMark, RedisMark], clock: ManualSeconds
) -> None:
    """It may have been resumed after the backup."""
    campaign_id = a_campaign_in("paused", status_reason="Paused by hand.")
    restore(marks, clock)
    campaign = db.session.get_one(Campaign, campaign_id, populate_existing=True)
    assert campaign.restored_at is not None
    assert campaign.status_reason == restored.PAUSED.pack()


def test_a_retry_in_progress_is_not_continued(
    marks: tuple[FileMark, RedisMark], clock: ManualSeconds
) -> None:
    campaign_id = a_campaign_in("sent")
    with transaction():
        db.session.execute(sa.update(Delivery).values(status="failed", reason="gave_up"))
        db.session.add(ResendRun(campaign_id=campaign_id, what="failed", decided_at=utcnow()))
    restore(marks, clock)
    with transaction():
        assert not resend.carry_on(campaign_id, now=utcnow())
    assert campaign_status(campaign_id) == "sent"


@pytest.mark.parametrize("stage", ["testing", "watching"])
def test_a_campaign_with_a_test_group_does_not_continue_with_the_rest(
    marks: tuple[FileMark, RedisMark], clock: ManualSeconds, stage: str
) -> None:
    campaign_id = a_campaign_in(
        "sending", canary_state=stage, canary_percent=10.0, canary_until=utcnow()
    )
    restore(marks, clock)
    canary.judge_all()
    assert campaign_status(campaign_id) == "paused"


def test_a_campaign_between_two_time_zones_does_not_start_its_next_wave(
    marks: tuple[FileMark, RedisMark], clock: ManualSeconds
) -> None:
    campaign_id = a_campaign_in("sending", local_at="2026-03-29T09:00")
    with transaction():
        soon = utcnow() + timedelta(seconds=1)
        db.session.execute(sa.update(Delivery).values(not_before=soon))
    restore(marks, clock)
    assert campaign_status(campaign_id) == "paused"


def test_an_occurrence_due_since_the_backup_asks(
    app: Flask, marks: tuple[FileMark, RedisMark], clock: ManualSeconds
) -> None:
    """The series created and sent it after the backup; the restored series creates it again."""
    now = utcnow()
    with transaction():
        news = a_list()
        a_subscriber("alice@example.org", news)
        template = a_campaign(news, sender=a_sender())
        save_workspace(name="Example", postal_address="1 High Street")
        made = series.create(
            template.id,
            Recurrence("daily"),
            (now - timedelta(days=2, minutes=1)).replace(tzinfo=None),
            SendPlan(zone="UTC"),
            now=now - timedelta(days=2, minutes=5),
        )
        series_id = made.id
    assert series_id in series.due(now=now)
    restore(marks, clock)
    clock_job.advance_series()
    clock_job.start_due()
    found = db.session.scalars(sa.select(Campaign).where(Campaign.scheduled_at <= now)).all()
    assert [(one.status, one.restored_at is not None) for one in found] == [("scheduled", True)]


def test_a_campaign_due_since_the_backup_asks(
    app: Flask, marks: tuple[FileMark, RedisMark], clock: ManualSeconds
) -> None:
    now = utcnow()
    with transaction():
        users.create_user("owner@example.org", "correct horse battery", now=now)
    due = a_campaign_in("scheduled", name="Due", scheduled_at=now - timedelta(seconds=30))
    with transaction():
        later = a_campaign(status="scheduled", scheduled_at=now + timedelta(hours=1)).id
    send_for(a_guard(marks, clock), clock)
    set_counter_back(1)
    assert a_guard(marks, clock).may_send(is_sending=False)
    clock_job.start_due()
    assert (campaign_status(due), campaign_status(later)) == ("scheduled", "scheduled")
    asked = {c.id for c in db.session.scalars(sa.select(Campaign)) if c.asked_at and c.restored_at}
    assert asked == {due}
    alert = db.session.scalars(sa.select(TransactionalEmail)).one()
    assert "“Due”" in alert.payload["text"]


def lose_redis(marks: tuple[FileMark, RedisMark], folder: Path) -> None:
    marks[1]._redis.flushall()


def lose_data_dir(marks: tuple[FileMark, RedisMark], folder: Path) -> None:
    for path in folder.glob("generation.*"):
        path.unlink()


def check_that_a_new_process_pauses(
    campaign_id: int, marks: tuple[FileMark | RedisMark, ...], clock: ManualSeconds
) -> None:
    new = a_guard(marks, clock)
    assert not new.may_send(is_sending=True)
    clock.seconds += UNMARKED_SECONDS
    assert new.may_send(is_sending=True)
    assert campaign_status(campaign_id) == "paused"


def test_a_redis_restored_with_the_database_proves_nothing(
    marks: tuple[FileMark, RedisMark],
    clock: ManualSeconds,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Both have the same age, but the server was restarted."""
    campaign_id = a_campaign_in("sending")
    send_for(a_guard(marks, clock), clock)
    lose_data_dir(marks, tmp_path)
    monkeypatch.setattr(RedisMark, "_run", lambda _: "another run")
    check_that_a_new_process_pauses(campaign_id, marks, clock)


@pytest.mark.parametrize("what", ["a single email", "a retry", "a series"])
def test_a_new_machine_holds_whatever_would_start_automatically(
    marks: tuple[FileMark, RedisMark], clock: ManualSeconds, what: str
) -> None:
    send_for(a_guard(marks, clock), clock)
    with transaction():
        draft = a_campaign()
        if what == "a single email":
            queue.enqueue("confirm", "a@example.org", {}, now=utcnow())
        elif what == "a retry":
            db.session.add(ResendRun(campaign_id=draft.id, what="failed", decided_at=utcnow()))
        else:
            db.session.add(
                CampaignSeries(
                    template_id=draft.id, rule="", zone="UTC", first_local="",
                    next_run_at=utcnow(),
                )
            )  # fmt: skip
    assert not a_guard((), clock).may_send(is_sending=False)


@pytest.mark.parametrize("lose", [lose_redis, lose_data_dir])
def test_a_lost_copy_holds_nothing(
    marks: tuple[FileMark, RedisMark],
    clock: ManualSeconds,
    tmp_path: Path,
    lose: Callable[[tuple[FileMark, RedisMark], Path], None],
) -> None:
    campaign_id = a_campaign_in("sending")
    send_for(a_guard(marks, clock), clock)
    lose(marks, tmp_path)
    send_for(a_guard(marks, clock), clock)
    assert campaign_status(campaign_id) == "sending"


def test_a_new_machine_waits_for_the_others_then_sends(
    marks: tuple[FileMark, RedisMark], clock: ManualSeconds, tmp_path: Path
) -> None:
    """Redis was flushed at the same time; the other workers fill it again."""
    campaign_id = a_campaign_in("sending")
    others = a_guard(marks, clock)
    send_for(others, clock)
    marks[1]._redis.flushall()
    (tmp_path / "new").mkdir()
    new = a_guard((FileMark(tmp_path / "new"), marks[1]), clock)
    assert not new.may_send(is_sending=True)
    clock.seconds += CHECK_SECONDS
    send_for(others, clock, 1)
    assert new.may_send(is_sending=True)
    assert campaign_status(campaign_id) == "sending"


def test_a_new_machine_without_a_copy_holds_a_campaign_in_progress(
    marks: tuple[FileMark, RedisMark], clock: ManualSeconds, tmp_path: Path
) -> None:
    campaign_id = a_campaign_in("sending")
    send_for(a_guard(marks, clock), clock)
    lose_redis(marks, tmp_path)
    lose_data_dir(marks, tmp_path)
    check_that_a_new_process_pauses(campaign_id, marks, clock)


def test_a_data_directory_restored_with_its_database_is_recognized(
    marks: tuple[FileMark, RedisMark], clock: ManualSeconds, tmp_path: Path
) -> None:
    """Both have the same age, but the restored file is a different file."""
    campaign_id = a_campaign_in("sending")
    send_for(a_guard(marks[:1], clock), clock)
    (path,) = tmp_path.glob("generation.*")
    shutil.copy2(path, tmp_path / "backup")
    path.rename(tmp_path / "gone")  # keep it, or its inode could be reused
    shutil.copy2(tmp_path / "backup", path)
    check_that_a_new_process_pauses(campaign_id, marks[:1], clock)


def test_a_database_without_copies_or_open_work_is_accepted(
    marks: tuple[FileMark, RedisMark], clock: ManualSeconds, tmp_path: Path
) -> None:
    send_for(a_guard(marks, clock), clock)
    lose_redis(marks, tmp_path)
    lose_data_dir(marks, tmp_path)
    assert a_guard(marks, clock).may_send(is_sending=True)


def test_an_unreadable_copy_counts_as_missing(tmp_path: Path) -> None:
    (tmp_path / "generation.x").write_text("{")
    assert FileMark(tmp_path).read("x") is None
    FileMark(tmp_path).write(State("x", 7))
    assert FileMark(tmp_path).read("x") == 7


def test_ending_a_restored_campaign_makes_its_open_deliveries_unknown(app: Flask) -> None:
    campaign_id = a_campaign_in("sending")
    with transaction():
        lifecycle.hold_restored(now=utcnow(), reason=restored.PAUSED)
        completion.cancel(campaign_id, now=utcnow())
    found = db.session.execute(sa.select(Delivery.status, Delivery.reason)).all()
    assert {tuple(row) for row in found} == {("unknown", "restored")}


# --- real backups -----------------------------------------------------------------------------


class TestRealBackups:
    @pytest.fixture
    def settings(self, settings: Settings, redis_url: str) -> Settings:
        return settings.model_copy(update={"redis_url": redis_url})

    @pytest.mark.usefixtures("worker")
    def test_a_backup_taken_in_mid_campaign_sends_nothing_automatically(
        self, app: Flask, database_url: str, tmp_path: Path
    ) -> None:
        campaign_id = a_campaign_in("sending")
        send.send()
        restore = back_up(database_url, tmp_path)
        app.extensions.pop("campaigns.generation")  # another worker continues sending
        send.send()
        runtime.close_engine()
        db.session.remove()
        db.engine.dispose()
        restore()
        for _ in range(2):
            app.extensions.pop("campaigns.generation", None)  # the processes restart
            send.send()
            clock_job.ClockProcess(app).beat()
        assert campaign_status(campaign_id) == "paused"
