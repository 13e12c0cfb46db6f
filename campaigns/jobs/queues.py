"""Lanes, jobs, and the doorbell that asks a worker to run one."""

import structlog
from redis import Redis
from redis.exceptions import RedisError
from rq import Queue
from rq.serializers import JSONSerializer

log = structlog.get_logger()

LANES = ("transactional", "send", "background")
"""In the order of their priority."""

JOBS: dict[str, tuple[str, str]] = {
    "transactional": ("transactional", "campaigns.jobs.transactional.deliver"),
    "expand": ("send", "campaigns.jobs.send.expand"),
    "send": ("send", "campaigns.jobs.send.send"),
    "import": ("background", "campaigns.jobs.imports.run"),
    "second_chances": ("background", "campaigns.jobs.second_chances.carry_on"),
    "domains": ("background", "campaigns.jobs.domains.look_up"),
    "ingest": ("background", "campaigns.jobs.ingest.ingest"),
    "count_campaign": ("background", "campaigns.jobs.counts.campaign"),
    "count_list": ("background", "campaigns.jobs.counts.one_list"),
    "count_people": ("background", "campaigns.jobs.counts.people"),
}
"""Each job's lane and function. Arguments are ids; every job re-reads state and may run twice."""

JOB_TIMEOUT_SECONDS = 300
PENDING_SECONDS = 60
"""So long a ring that was not answered keeps others from being put on the lane beside it."""


def connect(url: str, *, blocking: bool = False) -> Redis:
    """A connection to Redis. Web requests must not hang on it; workers wait (`blocking`)."""
    timeout = None if blocking else 2.0
    return Redis.from_url(url, socket_timeout=timeout, socket_connect_timeout=2.0)


class RedisDoorbell:
    """Rings by putting a job on its lane. A lost ring is made good by the sweep."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    def ring(self, job: str, *ids: int) -> bool:
        lane, function = JOBS[job]
        try:
            # Rings come from jobs that go on, from pages and from the sweep: without this
            # mark each of them would start a chain of its own.
            if not self._redis.set(_mark(job, ids), 1, nx=True, ex=PENDING_SECONDS):
                return True
            Queue(lane, connection=self._redis, serializer=JSONSerializer).enqueue(
                function,
                args=ids,
                job_timeout=JOB_TIMEOUT_SECONDS,
                result_ttl=0,
                failure_ttl=7 * 86_400,
                description=f"{job}{ids}",
            )
        except RedisError as error:
            log.warning("doorbell not heard", job=job, ids=ids, error=str(error))
            return False
        return True

    def answered(self, job: str, *ids: int) -> None:
        try:
            self._redis.delete(_mark(job, ids))
        except RedisError as error:
            log.warning("ring not taken down", job=job, ids=ids, error=str(error))


def _mark(job: str, ids: tuple[int, ...]) -> str:
    return ":".join(("campaigns:ring", job, *map(str, ids)))
