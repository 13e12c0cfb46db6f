"""A worker process: takes jobs from its lanes until it is told to stop.

Jobs run in this very process, not in a fork each: they keep connections to providers between
them. Every job is a slice of about a second, so the first lane never waits long.
"""

import time
from collections.abc import Sequence

import structlog
from flask import Flask
from redis import Redis
from redis.exceptions import RedisError
from rq import Queue, SimpleWorker
from rq.serializers import JSONSerializer

from campaigns.context import services
from campaigns.db import db
from campaigns.jobs import maintenance, runtime, send
from campaigns.jobs.queues import LANES, connect

log = structlog.get_logger()


def run_worker(app: Flask, lanes: Sequence[str] = LANES) -> None:
    """Work on these lanes, in the order of their priority, until SIGTERM (which drains)."""
    runtime.use(app)
    redis = connect(services_url(app), blocking=True)
    _wait_for(redis)  # before RQ's worker is made: making one asks Redis already
    queues = [Queue(lane, connection=redis, serializer=JSONSerializer) for lane in lanes]
    worker = SimpleWorker(queues, connection=redis, serializer=JSONSerializer)
    worker.log_result_lifespan = False
    with app.app_context():
        # What a worker of this machine left when it was killed is settled before anything new.
        maintenance.recover_claims()
        db.session.remove()
    log.info("worker started", lanes=list(lanes))
    try:
        worker.work(with_scheduler=False, logging_level="WARNING")
    finally:
        send.forget(drain_seconds=send.DRAIN_SECONDS)
        log.info("worker stopped")


def _wait_for(redis: Redis) -> None:
    """Redis may come up after us, or be away for a while: say so once and wait."""
    is_said = False
    while True:
        try:
            redis.ping()
        except RedisError as error:
            if not is_said:
                log.error("Redis cannot be reached; the worker waits for it", error=str(error))
            is_said = True
            time.sleep(1)
        else:
            return


def services_url(app: Flask) -> str:
    with app.app_context():
        return services().settings.redis_connection_url
