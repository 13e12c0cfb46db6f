"""A worker process: takes jobs from its lanes until it is told to stop.

Jobs run in this very process, not in a fork each: they keep connections to providers between
them. Every job is a slice of about a second, so the first lane never waits long.
"""

import time
from collections.abc import Sequence
from types import TracebackType

import structlog
from flask import Flask
from redis import Redis
from redis.exceptions import RedisError
from rq import Queue, SimpleWorker
from rq.exceptions import DequeueTimeout, StopRequested
from rq.job import Job
from rq.serializers import JSONSerializer

from campaigns.context import services
from campaigns.db import db
from campaigns.jobs import maintenance, runtime, send
from campaigns.jobs.queues import LANES, connect

log = structlog.get_logger()

TRY_AGAIN_SECONDS = 0.5


def run_worker(app: Flask, lanes: Sequence[str] = LANES) -> None:
    """Work on these lanes, in the order of their priority, until SIGTERM (which drains)."""
    runtime.use(app)
    redis = connect(services_url(app), blocking=True)
    _wait_for(redis)  # before RQ's worker is made: making one asks Redis already
    queues = [Queue(lane, connection=redis, serializer=JSONSerializer) for lane in lanes]
    worker = LaneWorker(queues, connection=redis, serializer=JSONSerializer)
    with app.app_context():
        # What a worker of this machine left when it was killed is settled before anything new.
        maintenance.recover_claims()
        db.session.remove()
    log.info("worker started", lanes=list(lanes))
    try:
        worker.serve()
    finally:
        send.forget(drain_seconds=send.DRAIN_SECONDS)
        log.info("worker stopped")


class LaneWorker(SimpleWorker):
    """RQ's worker, with a loop that outlives an outage of Redis.

    RQ's own ends with a traceback when Redis goes away during a job. This process must not: it
    has mail on its way, whose answers it waits for. What was rung for in the meantime is rung
    for again by the sweep.
    """

    _is_at_work = False
    _is_in_trouble = False

    def serve(self) -> None:
        """Answer rings until SIGTERM or SIGINT; a second signal ends it at once."""
        self._install_signal_handlers()  # type: ignore[no-untyped-call]
        try:
            while not self._stop_requested:
                try:
                    self._sign_on()
                    while not self._stop_requested:
                        self._answer_one()
                except RedisError as error:
                    self._is_at_work = False
                    self._note_trouble(error)
                    time.sleep(TRY_AGAIN_SECONDS)
        except StopRequested:
            log.debug("asked to stop while nothing was to be done")
        try:
            self.register_death()  # type: ignore[no-untyped-call]
        except RedisError as error:
            log.warning("the worker's entry in Redis runs out by itself", error=str(error))

    def _sign_on(self) -> None:
        self.connection.delete(self.key)  # of the time before an outage
        self.register_birth()  # type: ignore[no-untyped-call]
        if self._is_in_trouble:
            log.info("Redis is back; the worker goes on")
        self._is_in_trouble = False

    def _note_trouble(self, error: RedisError) -> None:
        if not self._is_in_trouble:
            log.error("Redis is away; the worker waits for it", error=str(error))
        self._is_in_trouble = True

    def _answer_one(self) -> None:
        """Wait for a ring and run its job. Raises RedisError."""
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
            return  # now and then it gives a sign of life
        if found is not None and not self._stop_requested:
            self._is_at_work = True
            self.execute_job(*found)
            self._is_at_work = False

    def handle_exception(
        self,
        job: Job,
        kind: type[BaseException],
        error: BaseException,
        trace: TracebackType,
    ) -> None:
        """A job that missed Redis says so in a line; of other faults RQ logs the whole trace."""
        if isinstance(error, RedisError):
            log.error(
                "Redis was away during a job; it is rung for again",
                job=job.description,
                error=str(error),
            )
        else:
            super().handle_exception(job, kind, error, trace)

    def _shutdown(self) -> None:
        """After a signal. (RQ's own would write to Redis, which may be away just now.)"""
        self._stop_requested = True
        if not self._is_at_work:
            raise StopRequested


def _wait_for(redis: Redis) -> None:
    """Redis may come up after us: say so once and wait."""
    is_said = False
    while True:
        try:
            redis.ping()
        except RedisError as error:
            if not is_said:
                log.error("Redis cannot be reached; the worker waits for it", error=str(error))
            is_said = True
            time.sleep(TRY_AGAIN_SECONDS)
        else:
            return


def services_url(app: Flask) -> str:
    with app.app_context():
        return services().settings.redis_connection_url
