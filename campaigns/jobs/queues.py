"""Lanes, jobs, and the doorbell that asks a worker to run one."""

import uuid

from redis import Redis
from redis.exceptions import RedisError
from rq import Queue
from rq.serializers import JSONSerializer

from campaigns.outages import outages

LANES = ("transactional", "send", "background")
"""In the order of their priority."""

JOBS: dict[str, tuple[str, str]] = {
    "transactional": ("transactional", "campaigns.jobs.transactional.deliver"),
    "expand": ("send", "campaigns.jobs.send.expand"),
    "send": ("send", "campaigns.jobs.send.send"),
    "import": ("background", "campaigns.jobs.imports.run"),
    "resend": ("background", "campaigns.jobs.resend.carry_on"),
    "domains": ("background", "campaigns.jobs.domains.look_up"),
    "ingest": ("background", "campaigns.jobs.ingest.ingest"),
    "count_campaign": ("background", "campaigns.jobs.counts.campaign"),
    "count_list": ("background", "campaigns.jobs.counts.one_list"),
    "count_people": ("background", "campaigns.jobs.counts.people"),
}
"""Each job's lane and function. Arguments are ids; every job re-reads state and may run twice."""

JOB_TIMEOUT_SECONDS = 300
MARK_SECONDS = 3600
"""Lifetime of the mark of a ring, in seconds. Only tidiness: its job decides what it is worth."""

_CLAIM_MARK = """
local held = redis.call('GET', KEYS[1])
if held and redis.call('LPOS', KEYS[2], held) then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2])
return 1
"""
"""A mark counts only while the job it names waits on its lane. A job that was taken, or lost
with its worker or with Redis, never holds back the next ring."""


class RedisDoorbell:
    """Rings by putting a job on its lane. A lost ring is made good by the sweep."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._claim_mark = redis.register_script(_CLAIM_MARK)

    def ring(self, job: str, *ids: int) -> bool:
        """Queue a job, unless one that has not begun would do the same."""
        lane, function = JOBS[job]
        queue = Queue(lane, connection=self._redis, serializer=JSONSerializer)
        job_id = str(uuid.uuid4())
        try:
            # Running jobs, pages and the sweep all ring: without the mark each of them would
            # start a chain of jobs of its own.
            keys = [_mark(job, ids), queue.key]
            if not self._claim_mark(keys=keys, args=[job_id, MARK_SECONDS]):
                return True
            queue.enqueue(
                function,
                args=ids,
                job_id=job_id,
                job_timeout=JOB_TIMEOUT_SECONDS,
                result_ttl=0,
                failure_ttl=7 * 86_400,
                description=f"{job}{ids}",
            )
        except RedisError as error:
            outages.began("doorbell", error)
            return False
        outages.over("doorbell")
        return True


def _mark(job: str, ids: tuple[int, ...]) -> str:
    return ":".join(("campaigns:ring", job, *map(str, ids)))
