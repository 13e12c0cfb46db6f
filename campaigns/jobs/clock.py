"""The clock: starts due campaigns, creates occurrences of recurring ones, and sweeps.

Several may run for safety, but a lease in the database lets only one work.
"""

import fcntl
import platform
import secrets
import signal
import threading
import time
from datetime import datetime, timedelta
from pathlib import Path
from types import FrameType
from typing import IO

import sqlalchemy as sa
import structlog
from flask import Flask
from redis.exceptions import RedisError
from sqlalchemy.exc import SQLAlchemyError

from campaigns.accounts.workspace import load_workspace, workspace_zone
from campaigns.campaign import audience, lifecycle, local_time, schedule, series
from campaigns.campaign.models import Campaign, CampaignSeries
from campaigns.clock import utcnow
from campaigns.context import services
from campaigns.db import database_now, db, insert_ignoring, rows_changed, transaction
from campaigns.delivery import quiet_hours, recovery
from campaigns.engine import canary, restore_guard, restored
from campaigns.jobs import database_watch, runtime, sweep
from campaigns.jobs.models import Lease
from campaigns.outages import describe, outages
from campaigns.reason import Reason, ReasonError

log = structlog.get_logger()

LEASE = "clock"
LEASE_SECONDS = 3
"""Seconds without a heartbeat before another clock takes over."""
TICK_SECONDS = 1.0
SWEEP_SECONDS = 2.0
HOURS_SECONDS = 50.0
"""Interval between checks of sending hours, in seconds. It is shorter than any retry wait and
than quiet_hours.MARGIN, so deliveries are postponed before they become due outside the hours."""
HELD_AT_ONCE = 10_000
PUT_OFF = timedelta(minutes=10)
"""Pause before a failed recurring campaign is tried again."""


def run_clock(app: Flask) -> None:
    """Tick until SIGTERM or SIGINT."""
    stop = threading.Event()

    def on_signal(number: int, frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, on_signal)
    signal.signal(signal.SIGINT, on_signal)
    runtime.use(app)
    clock = ClockProcess(app)
    with app.app_context():
        database_watch.start(services().settings, stop)
    log.info("clock started")
    while not stop.is_set():
        clock.beat()
        stop.wait(TICK_SECONDS)
    clock.leave()
    log.info("clock stopped")


class ClockProcess:
    """The clock process. It survives outages of servers, and logs each once."""

    def __init__(self, app: Flask) -> None:
        self._app = app
        with app.app_context():
            self._identity = Identity(services().settings.data_dir)
        self._next_sweep = 0.0
        self._next_look = 0.0

    def beat(self) -> None:
        """Do one round of work, if this process holds the lease."""
        with self._app.app_context():
            try:
                self._work()
            except (SQLAlchemyError, RedisError, OSError) as error:
                outages.began("clock", error)
            else:
                outages.over("clock")

    def _work(self) -> None:
        if not hold_lease(self._identity.holder()):
            return
        sweep.recover_claims()
        if not restore_guard.guard().may_send(is_sending=recovery.is_any_sending()):
            return
        advance_series()
        start_due()
        sweep.ring_for_sending()
        sweep.ring_for_events()
        canary.judge_all()
        if time.monotonic() >= self._next_look:
            hold_back(self._identity.holder())
            explain_waves()
            self._next_look = time.monotonic() + HOURS_SECONDS
        if time.monotonic() >= self._next_sweep:
            sweep.sweep()
            self._next_sweep = time.monotonic() + SWEEP_SECONDS

    def leave(self) -> None:
        """Release the lease, so that another clock takes over at once."""
        with self._app.app_context():
            try:
                with transaction():
                    db.session.execute(
                        sa.delete(Lease).where(
                            Lease.name == LEASE, Lease.holder == self._identity.holder()
                        )
                    )
            except SQLAlchemyError as error:
                log.warning(
                    "the clock's lease could not be released and will expire", error=describe(error)
                )
        self._identity.close()


class Identity:
    """The name under which a clock holds the lease.

    It is stored in a file that the clock locks, so a clock restarted after a kill has the same name
    and continues at once. While another clock of this data directory holds the lock, this one uses
    a random name.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / "clock.lock"
        self._random = secrets.token_hex(8)
        self._kept = ""
        self._file: IO[str] | None = None

    def holder(self) -> str:
        """Return the name to use now. Never raises: without the file it is the random one."""
        if not self._kept:
            try:
                self._kept = self._read()
            except OSError:
                return self._random
        return self._kept or self._random

    def _read(self) -> str:
        file = self._path.open("a+")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            file.seek(0)
            name = file.read()
            if not name:
                name = secrets.token_hex(8)
                file.write(name)
                file.flush()
        except OSError:
            file.close()
            raise
        self._file = file
        # A copied data directory belongs to another clock, on another machine.
        return f"{name}@{platform.node()}"

    def close(self) -> None:
        """Release the lock file."""
        if self._file is not None:
            self._file.close()
        self._file, self._kept = None, ""


def hold_lease(holder: str) -> bool:
    """Take or renew the lease. False while another process holds it."""
    now = utcnow()
    until = database_now(now, timedelta(seconds=LEASE_SECONDS))
    with transaction():
        row = {"name": LEASE, "holder": holder, "until": until}
        db.session.execute(insert_ignoring(Lease).values(row))
        taken = db.session.execute(
            sa.update(Lease)
            .where(Lease.name == LEASE, sa.or_(Lease.holder == holder, *_is_over(now)))
            .values(holder=holder, until=until)
        )
        return rows_changed(taken) == 1


def _is_over(now: datetime) -> tuple[sa.ColumnElement[bool], ...]:
    """Return the conditions "it has expired", and "it ends too late": the clock was set back."""
    longest = 2 * timedelta(seconds=LEASE_SECONDS)
    return Lease.until < database_now(now), Lease.until > database_now(now, longest)


def start_due() -> None:
    """Start the campaigns that are due, and ring for each.

    Campaigns that missed their time by too much wait for a decision.
    """
    now = utcnow()
    if not schedule.is_anything_due(now=now):
        return
    overdue = _overdue()
    with transaction():
        asked = schedule.ask(overdue=overdue, now=now)
        started = lifecycle.start_due(overdue=overdue, now=now)
    for campaign_id in asked:
        log.warning("a campaign missed its time and needs a decision", campaign=campaign_id)
    for campaign_id in started:
        services().doorbell.ring("expand", campaign_id)


def _overdue() -> timedelta:
    """Return how late a campaign may start without a question.

    After a restore, campaigns due before its detection always need one: they may have been sent.
    """
    most = timedelta(minutes=load_workspace().overdue_minutes)
    at = restored.restored_at()
    return min(most, utcnow() - at) if at is not None else most


def advance_series() -> None:
    """Create the next campaigns of recurring ones ahead of time, and schedule them."""
    for series_id in series.due(now=utcnow()):
        try:
            while _advance(series_id):
                pass
        except ReasonError as error:
            log.error("a recurring campaign cannot continue", series=series_id, error=error.reason)
            with transaction():
                series.retry_later(series_id, until=utcnow() + PUT_OFF)


def _advance(series_id: int) -> bool:
    """Create one occurrence. The template is checked first, as the copy has the same content."""
    found = db.session.get(CampaignSeries, series_id, populate_existing=True)
    template = db.session.get(Campaign, found.template_id) if found else None
    if found is None or template is None:
        return False
    tools = services()
    base_url, now = tools.settings.base_url, utcnow()
    if audience.must_wait(template.id, now=now):
        return False  # it is still due at the next beat
    problem = series.problem_of(template, base_url=base_url, signer=tools.signer, now=now)
    by_zone = found.is_local_time and problem is None
    people = local_time.people_by_zone(template.id, now=now) if by_zone else {}
    with transaction():
        made = series.advance(series_id, overdue=_overdue(), now=now)
        if made is None or made.campaign is None:
            return False
        if problem:
            series.leave_as_draft(made, problem)
        else:
            plan = series.plan_for(made, people)
            schedule.launch(made.campaign.id, plan, undo_seconds=0, now=now)
    log.info("created the next campaign of a series", series=series_id, campaign=made.campaign.id)
    return True


def hold_back(holder: str) -> None:
    """Postpone deliveries that would be sent outside the sending hours.

    In slices: many take longer than the clock's lease, and workers need these rows.
    """
    for campaign_id in [campaign.id for campaign in quiet_hours.with_hours()]:
        held, is_more = 0, True
        while is_more and hold_lease(holder):
            with transaction():
                campaign = db.session.get_one(Campaign, campaign_id)
                count = quiet_hours.hold_back(
                    campaign, workspace_zone(), now=utcnow(), most=HELD_AT_ONCE
                )
            held, is_more = held + count, count == HELD_AT_ONCE
        if held:
            log.info("deliveries held until sending hours begin", campaign=campaign_id, count=held)


def explain_waves() -> None:
    """Show what campaigns between two time zones wait for."""
    now = utcnow()
    for campaign in quiet_hours.with_local_times():
        following = quiet_hours.next_wave(campaign.id, now=now)
        if following is None:
            continue
        params = {"count": following.people, "next_at": following.at.isoformat()}
        reason = Reason("status.between_waves", params)
        if campaign.status_reason != reason.pack():
            with transaction():
                lifecycle.explain(campaign.id, reason)
