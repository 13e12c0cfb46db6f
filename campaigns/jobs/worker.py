"""A worker process, which runs the jobs of its lanes until stopped.

Jobs run in this process, not in a fork each, so that provider connections stay open between them.
Every job is a slice of about a second, so the first lane never waits long.
"""

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from types import TracebackType

import structlog
from flask import Flask
from redis.exceptions import RedisError
from rq import Queue, SimpleWorker
from rq.exceptions import DequeueTimeout, InvalidJobOperation, NoSuchJobError, StopRequested
from rq.job import Job
from rq.serializers import JSONSerializer
from sqlalchemy.exc import SQLAlchemyError

from campaigns.context import services
from campaigns.engine import restore_guard
from campaigns.engine.redis_connection import connect
from campaigns.jobs import database_watch, monitor, runtime, sweep
from campaigns.jobs.queues import LANES
from campaigns.jobs.time_limit import TimeLimit
from campaigns.outages import describe, is_outage, outages

log = structlog.get_logger()

RETRY_INTERVAL_SECONDS = 0.5
DRAIN_SECONDS = 6.0
"""Time for which a stopping worker waits for pending replies, in seconds."""
WORKER_TTL_SECONDS = 20
"""RQ waits for jobs for 15 s less than this, and 10 s more for a frozen Redis."""


def run_worker(app: Flask, lanes: Sequence[str] = LANES) -> None:
    """Work on these lanes, in the order of their priority, until SIGTERM, then drain."""
    runtime.use(app)
    is_stopping = threading.Event()
    with app.app_context():
        database_watch.start(services().settings, is_stopping)
    # Before RQ's worker is created, which already needs Redis.
    with connect(services_url(app)) as redis:
        _wait_until(redis.ping)
    redis = connect(services_url(app), blocking=True)
    queues = [Queue(lane, connection=redis, serializer=JSONSerializer) for lane in lanes]
    worker = LaneWorker(
        queues, connection=redis, serializer=JSONSerializer, worker_ttl=WORKER_TTL_SECONDS
    )

    def recover() -> None:
        """Settle the claims of killed workers of this machine, before new work."""
        with app.app_context():
            sweep.recover_claims()

    _wait_until(recover)
    log.info("worker started", lanes=list(lanes))
    threading.Thread(
        target=_keep_alive, args=(services_url(app), lanes, is_stopping), daemon=True
    ).start()
    try:
        worker.serve()
    finally:
        is_stopping.set()
        runtime.close_engine(drain_seconds=DRAIN_SECONDS)
        _count_what_was_sent(app)
        log.info("worker stopped")


def _count_what_was_sent(app: Flask) -> None:
    try:
        with app.app_context():
            restore_guard.leave()
    except (SQLAlchemyError, RedisError) as error:
        log.debug("the counter of what was sent could not be advanced", error=describe(error))


class LaneWorker(SimpleWorker):
    """RQ's worker, with a loop that survives an outage of Redis.

    RQ's own loop ends with a traceback if Redis fails during a job. This process must not: it waits
    for replies to messages in progress. The sweep rings again for lost jobs.
    """

    death_penalty_class = TimeLimit
    _is_at_work = False
    _has_failed = False

    def serve(self) -> None:
        """Run jobs until SIGTERM or SIGINT; a second signal ends the worker at once."""
        self._install_signal_handlers()  # type: ignore[no-untyped-call]
        try:
            while not self._stop_requested:
                try:
                    self._sign_on()
                    while not self._stop_requested:
                        self._answer_one()
                except RedisError as error:
                    self._is_at_work = False
                    outages.began("worker", error)
                    time.sleep(RETRY_INTERVAL_SECONDS)
                except (NoSuchJobError, InvalidJobOperation) as error:
                    self._is_at_work = False
                    _note_lost_job(error)
        except StopRequested:
            log.debug("stop requested while idle")
        try:
            self.register_death()  # type: ignore[no-untyped-call]
        except RedisError as error:
            log.warning(
                "the worker's entry in Redis could not be removed and will expire",
                error=describe(error),
            )

    def _sign_on(self) -> None:
        self.connection.delete(self.key)  # an entry from before an outage
        self.register_birth()  # type: ignore[no-untyped-call]
        outages.over("worker")

    def _answer_one(self) -> None:
        """Wait for a job and run it. Raises RedisError."""
        self.heartbeat()
        if self.should_run_maintenance_tasks:
            self.run_maintenance_tasks()  # type: ignore[no-untyped-call]
        try:
            found = Queue.dequeue_any(
                self.queues,
                self.dequeue_timeout,
                connection=self.connection,
                serializer=self.serializer,
            )
        except DequeueTimeout:
            return  # a chance to send a heartbeat
        if found is not None and not self._stop_requested:
            self._is_at_work = True
            self._has_failed = False
            self.execute_job(*found)
            self._is_at_work = False
            if not self._has_failed:
                outages.over(_part(found[0]))

    def handle_exception(
        self,
        job: Job,
        kind: type[BaseException],
        error: BaseException,
        trace: TracebackType,
    ) -> None:
        """Log an outage in one line, once; other errors with RQ's traceback.

        The sweep rings again for unfinished work.
        """
        self._has_failed = True
        if is_outage(error):
            outages.began(_part(job), error)
        elif isinstance(error, NoSuchJobError | InvalidJobOperation):
            _note_lost_job(error)
        else:
            super().handle_exception(job, kind, error, trace)

    def _shutdown(self) -> None:
        """Stop after a signal, without writing to Redis as RQ does, which may be down."""
        self._stop_requested = True
        if not self._is_at_work:
            raise StopRequested


def _part(job: Job) -> str:
    return f"job {job.func_name}"


def _note_lost_job(error: Exception) -> None:
    """Log that Redis lost a job, whose results are in the database."""
    log.warning("Redis lost a job; the sweep rings again for what is left", error=describe(error))


def _wait_until(works: Callable[[], object]) -> None:
    """Wait for servers that start after us, and log that once."""
    while True:
        try:
            works()
        except (RedisError, SQLAlchemyError) as error:
            if not is_outage(error):
                raise
            outages.began("worker", error)
            time.sleep(RETRY_INTERVAL_SECONDS)
        else:
            outages.over("worker")
            return


def _keep_alive(url: str, lanes: Sequence[str], is_stopping: threading.Event) -> None:
    """Send heartbeats, also during long jobs. Runs in its own thread."""
    redis = connect(url)
    while True:
        with suppress(RedisError):  # the worker's own loop logs the outage
            monitor.note_alive(redis, lanes)
        if is_stopping.wait(monitor.ALIVE_INTERVAL_SECONDS):
            return


def services_url(app: Flask) -> str:
    """Return the address of Redis."""
    with app.app_context():
        return services().settings.redis_connection_url
