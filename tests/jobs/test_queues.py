"""The doorbell: heard once, never in the way when Redis is gone."""

from redis import Redis
from rq import Queue
from rq.serializers import JSONSerializer

from campaigns.engine.redis_connection import connect
from campaigns.jobs.queues import JOBS, LANES, RedisDoorbell


def waiting(redis: Redis, lane: str) -> list[tuple[str | None, list[int]]]:
    jobs = Queue(lane, connection=redis, serializer=JSONSerializer).jobs
    return [(job.func_name, list(job.args)) for job in jobs]


def test_a_ring_puts_the_job_on_its_lane(redis_url: str) -> None:
    redis = connect(redis_url)
    assert RedisDoorbell(redis).ring("send", 7)
    assert waiting(redis, "send") == [("campaigns.jobs.send.send", [7])]


def test_a_job_that_waits_is_not_rung_for_twice(redis_url: str) -> None:
    redis = connect(redis_url)
    bell = RedisDoorbell(redis)
    for _ in range(3):
        assert bell.ring("send", 7)
    assert bell.ring("send", 8)
    assert len(waiting(redis, "send")) == 2


def take(redis: Redis, lane: str) -> None:
    """As a worker does that is killed before it begins."""
    assert Queue.dequeue_any(
        [Queue(lane, connection=redis)], None, redis, serializer=JSONSerializer
    )


def test_a_job_that_was_taken_may_be_rung_for_again(redis_url: str) -> None:
    redis = connect(redis_url)
    bell = RedisDoorbell(redis)
    bell.ring("send", 7)
    take(redis, "send")
    for _ in range(2):
        assert bell.ring("send", 7)
    assert len(waiting(redis, "send")) == 1


def test_a_job_lost_by_redis_holds_back_no_ring(redis_url: str) -> None:
    """An append-only file without its last second may have the mark and not the job."""
    redis = connect(redis_url)
    bell = RedisDoorbell(redis)
    bell.ring("send", 7)
    redis.delete(Queue("send", connection=redis).key)
    assert bell.ring("send", 7)
    assert len(waiting(redis, "send")) == 1


def test_without_redis_the_ring_is_lost_and_nothing_else() -> None:
    assert not RedisDoorbell(connect("redis://127.0.0.1:1/0")).ring("send", 7)


def test_every_job_has_a_lane() -> None:
    assert {lane for lane, _ in JOBS.values()} == set(LANES)
