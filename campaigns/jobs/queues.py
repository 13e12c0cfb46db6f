"""Lanes, jobs, and the doorbell that asks a worker to run one."""

import uuid

from redis import Redis
from redis.exceptions import RedisError
from rq import Queue
from rq.serializers import JSONSerializer

from campaigns.outages import outages

LANES = ("transactional", "send", "background")
"""Lanes in the order of their priority."""

JOBS: dict[str, tuple[str, str]] = {
    "transactional": ("transactional", "campaigns.jobs.transactional.deliver"),
    "expand": ("send", "campaigns.jobs.send.expand"),
    "send": ("send", "campaigns.jobs.send.send"),
    "import": ("background", "campaigns.jobs.imports.run"),
    "bulk": ("background", "campaigns.jobs.bulk.carry_on"),
    "fields": ("background", "campaigns.jobs.fields.carry_on"),
    "resend": ("background", "campaigns.jobs.resend.carry_on"),
    "domains": ("background", "campaigns.jobs.domains.look_up"),
    "incoming": ("background", "campaigns.jobs.incoming.read"),
    "ingest": ("background", "campaigns.jobs.ingest.ingest"),
    "engagement": ("background", "campaigns.jobs.engagement.carry_on"),
    "count_campaign": ("background", "campaigns.jobs.counts.campaign"),
    "count_list": ("background", "campaigns.jobs.counts.one_list"),
    "count_list_history": ("background", "campaigns.jobs.counts.list_history"),
    "count_people": ("background", "campaigns.jobs.counts.people"),
}
"""Lane and function of each job. Arguments are ids; every job re-reads state and may run twice."""

JOB_TIMEOUT_SECONDS = 300
MARK_SECONDS = 3600
"""Lifetime of the mark of a ring, in seconds; only for cleanup."""

_CLAIM_MARK = """
local held = redis.call('GET', KEYS[1])
if held and redis.call('LPOS', KEYS[2], held) then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2])
return 1
"""
"""A mark counts only while its job waits on the lane. A job that was taken, or lost with its
worker or with Redis, never blocks the next ring."""


class RedisDoorbell:
    """Rings by putting a job on its lane. The sweep repeats lost rings."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._claim_mark = redis.register_script(_CLAIM_MARK)

    def ring(self, job: str, *ids: int) -> bool:
        """Queue a job, unless an equal one waits already."""
        lane, function = JOBS[job]
        queue = Queue(lane, connection=self._redis, serializer=JSONSerializer)
        job_id = str(uuid.uuid4())
        try:
            # Running jobs, pages and the sweep all ring: without the mark each of them would start
            # its own chain of jobs.
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
