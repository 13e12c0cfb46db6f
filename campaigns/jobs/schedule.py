"""The clock: one process at a time that starts what is due, makes what repeats, and sweeps.

Several may run (for safety): a lease in the database lets only one of them work.
"""

import secrets
import signal
import threading
import time
from datetime import datetime, timedelta
from types import FrameType

import sqlalchemy as sa
import structlog
from flask import Flask
from redis.exceptions import RedisError
from sqlalchemy.exc import SQLAlchemyError

from campaigns.accounts import service as accounts
from campaigns.clock import utcnow
from campaigns.context import services
from campaigns.db import db, insert_ignoring, rows_changed, transaction
from campaigns.jobs import canaries, maintenance, runtime
from campaigns.jobs.models import Lease
from campaigns.sending import lifecycle, schedules, series, waves
from campaigns.sending.models import Campaign, CampaignSeries
from campaigns.sending.moments import MomentError
from campaigns.sending.repeat import RepeatError

log = structlog.get_logger()

LEASE = "clock"
LEASE_SECONDS = 15
TICK_SECONDS = 1.0
SWEEP_SECONDS = 5.0
HOURS_SECONDS = 50.0
"""So often it looks where the hours of the day end. The shortest wait of a retry is longer, and
waves.MARGIN is: so whatever comes due outside of the hours is seen, and put off, before it is."""
HELD_AT_ONCE = 10_000
PUT_OFF = timedelta(minutes=10)
"""For so long a series that does not work is left alone."""


def run_clock(app: Flask) -> None:
    """Tick until SIGTERM or SIGINT."""
    stop = threading.Event()

    def on_signal(number: int, frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, on_signal)
    signal.signal(signal.SIGINT, on_signal)
    runtime.use(app)
    clock = Clock(app)
    log.info("clock started")
    while not stop.is_set():
        clock.beat()
        stop.wait(TICK_SECONDS)
    clock.leave()
    log.info("clock stopped")


class Clock:
    """What the clock process does each beat. An outage of a server is outlived, and said once."""

    def __init__(self, app: Flask) -> None:
        self._app = app
        self._holder = secrets.token_hex(8)
        self._next_sweep = 0.0
        self._next_look = 0.0
        self._is_in_trouble = False

    def beat(self) -> None:
        with self._app.app_context():
            try:
                self._work()
            except (SQLAlchemyError, RedisError, OSError) as error:
                if not self._is_in_trouble:
                    log.error("the clock cannot work; it keeps trying", error=str(error))
                self._is_in_trouble = True
                return
        if self._is_in_trouble:
            log.info("the clock works again")
        self._is_in_trouble = False

    def _work(self) -> None:
        if not hold_lease(self._holder):
            return
        advance_series()
        start_due()
        canaries.judge_all()
        if time.monotonic() >= self._next_look:
            hold_back(self._holder)
            explain_waves()
            self._next_look = time.monotonic() + HOURS_SECONDS
        if time.monotonic() >= self._next_sweep:
            maintenance.sweep()
            self._next_sweep = time.monotonic() + SWEEP_SECONDS
        else:
            maintenance.ring_for_sending()
            maintenance.ring_for_events()

    def leave(self) -> None:
        """Let another clock take over at once."""
        with self._app.app_context():
            try:
                with transaction():
                    db.session.execute(
                        sa.delete(Lease).where(Lease.name == LEASE, Lease.holder == self._holder)
                    )
            except SQLAlchemyError as error:
                log.warning("the clock's lease runs out by itself", error=str(error))


def hold_lease(holder: str) -> bool:
    """Take or renew the lease. False while another process holds it."""
    now = utcnow()
    until = now + timedelta(seconds=LEASE_SECONDS)
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
    """It ran out; or it lasts longer than any lease does: the wall clock was set back since."""
    return Lease.until < now, Lease.until > now + 2 * timedelta(seconds=LEASE_SECONDS)


def start_due() -> None:
    """Start the campaigns whose moment has come, and ring for each.

    About those that were missed by too much their owner is asked: nobody is mailed by surprise.
    """
    now, overdue = utcnow(), _overdue()
    if not schedules.is_anything_due(now=now):
        return
    with transaction():
        asked = schedules.ask(overdue=overdue, now=now)
        started = lifecycle.start_due(overdue=overdue, now=now)
    for campaign_id in asked:
        log.warning("a campaign missed its moment and asks what to do", campaign=campaign_id)
    for campaign_id in started:
        services().doorbell.ring("expand", campaign_id)


def _overdue() -> timedelta:
    return timedelta(minutes=accounts.workspace().overdue_minutes)


def advance_series() -> None:
    """Make what repeats, some time ahead, and schedule it."""
    for series_id in series.due(now=utcnow()):
        try:
            while _advance(series_id):
                pass
        except (RepeatError, MomentError) as error:
            log.error("a series does not work", series=series_id, error=str(error))
            with transaction():
                series.put_off(series_id, until=utcnow() + PUT_OFF)


def _advance(series_id: int) -> bool:
    """Make one occurrence. The template is looked at before: what is copied is no different."""
    found = db.session.get(CampaignSeries, series_id, populate_existing=True)
    template = db.session.get(Campaign, found.template_id) if found else None
    if found is None or template is None:
        return False
    tools = services()
    problem = series.problem_of(template, base_url=tools.settings.base_url, signer=tools.signer)
    people = waves.people_by_zone(template.id) if found.is_local_time else {}
    now = utcnow()
    with transaction():
        made = series.advance(series_id, overdue=_overdue(), now=now)
        if made is None or made.campaign is None:
            return False
        if problem:
            series.leave_as_draft(made, problem)
        else:
            plan = series.plan_for(made, people)
            schedules.launch(made.campaign.id, plan, undo_seconds=0, now=now)
    log.info("made the next campaign of a series", series=series_id, campaign=made.campaign.id)
    return True


def hold_back(holder: str) -> None:
    """Hold back what would reach readers outside the hours chosen for it.

    In slices: very many take longer than the clock's lease lasts, and workers want these rows.
    """
    for campaign_id in [campaign.id for campaign in waves.with_hours()]:
        held, is_more = 0, True
        while is_more and hold_lease(holder):
            with transaction():
                campaign = db.session.get_one(Campaign, campaign_id)
                count = waves.hold_back(
                    campaign, accounts.time_zone(), now=utcnow(), most=HELD_AT_ONCE
                )
            held, is_more = held + count, count == HELD_AT_ONCE
        if held:
            log.info("held back until the hours begin", campaign=campaign_id, count=held)


def explain_waves() -> None:
    """Say of campaigns between two waves what they wait for."""
    now = utcnow()
    for campaign in waves.in_waves():
        following = waves.next_wave(campaign.id, now=now)
        if following is None:
            continue
        at = following.at.astimezone(accounts.time_zone())
        who = "1 person waits" if following.people == 1 else f"{following.people:,} people wait"
        reason = f"{who} for their own time of day. The next get it at {at:%H:%M} on {at:%d %B}."
        if campaign.status_reason != reason:
            with transaction():
                lifecycle.explain(campaign.id, reason)
