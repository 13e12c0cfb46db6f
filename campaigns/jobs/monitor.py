"""Show the state of each lane: waiting jobs, their age, and the workers."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from redis import Redis
from rq import Queue, Worker
from rq.exceptions import NoSuchJobError
from rq.job import Job
from rq.serializers import JSONSerializer
from rq.worker.base import BaseWorker

from campaigns.jobs.queues import LANES

HEARTBEAT_SECONDS = 600
"""Largest age of a live worker's RQ heartbeat, which is sent between jobs of up to 300 seconds."""

ALIVE_INTERVAL_SECONDS = 4.0
"""Interval between a worker process's own heartbeats, which are independent of its jobs."""
ALIVE_SECONDS = 12
"""Lifetime of such a heartbeat."""


def note_alive(redis: Redis, lanes: Sequence[str]) -> None:
    """Note that a worker serves these lanes. Raises RedisError."""
    for lane in lanes:
        redis.set(_alive_key(lane), 1, ex=ALIVE_SECONDS)


def is_served(redis: Redis, lane: str) -> bool:
    """Whether this lane has a worker with a recent heartbeat. Raises RedisError."""
    return bool(redis.exists(_alive_key(lane)))


def _alive_key(lane: str) -> str:
    return f"campaigns:alive:{lane}"


@dataclass(frozen=True, slots=True)
class LaneState:
    """State of a lane. `oldest_seconds`: age of the oldest waiting job; None without one."""

    name: str
    waiting: int
    oldest_seconds: float | None
    workers: int


def lanes(redis: Redis, *, now: datetime) -> list[LaneState]:
    """Return the state of every lane. Raises RedisError."""
    alive = [worker for worker in Worker.all(connection=redis) if _is_alive(worker, now)]
    return [_lane(redis, name, alive, now) for name in LANES]


def _is_alive(worker: BaseWorker, now: datetime) -> bool:
    heartbeat = worker.last_heartbeat
    return heartbeat is None or now - _aware(heartbeat) < timedelta(seconds=HEARTBEAT_SECONDS)


def _lane(redis: Redis, name: str, workers: list[BaseWorker], now: datetime) -> LaneState:
    queue = Queue(name, connection=redis, serializer=JSONSerializer)
    oldest = None
    for job_id in queue.get_job_ids(0, 1):
        try:
            job = Job.fetch(job_id, connection=redis, serializer=JSONSerializer)
        except NoSuchJobError:
            continue  # taken in between
        if job.enqueued_at is not None:
            oldest = max(0.0, (now - _aware(job.enqueued_at)).total_seconds())
    serving = sum(name in worker.queue_names() for worker in workers)
    return LaneState(name, queue.count, oldest, serving)


def _aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
