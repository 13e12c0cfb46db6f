"""The doorbell queues a job once, and does no harm when Redis is unavailable."""

from redis import Redis
from rq import Queue
from rq.serializers import JSONSerializer

from campaigns.engine.redis_connection import connect
from campaigns.jobs.queues import JOBS, LANES, RedisDoorbell


def waiting(redis: Redis, lane: str) -> list[tuple[str | None, list[int]]]:
    jobs = Queue(lane, connection=redis, serializer=JSONSerializer).jobs
    return [(job.func_name, list(job.args)) for job in jobs]


def test_a_job_is_queued_on_its_lane(redis_url: str) -> None:
    redis = connect(redis_url)
    assert RedisDoorbell(redis).ring("send", 7)
    assert waiting(redis, "send") == [("campaigns.jobs.send.send", [7])]


def test_a_waiting_job_is_not_queued_twice(redis_url: str) -> None:
    redis = connect(redis_url)
    bell = RedisDoorbell(redis)
    for _ in range(3):
        assert bell.ring("send", 7)
    assert bell.ring("send", 8)
    assert len(waiting(redis, "send")) == 2


def take(redis: Redis, lane: str) -> None:
    """Take a job like a worker that is killed before it starts."""
    assert Queue.dequeue_any(
        [Queue(lane, connection=redis)], None, redis, serializer=JSONSerializer
    )


def test_a_job_that_was_taken_may_be_queued_again(redis_url: str) -> None:
    redis = connect(redis_url)
    bell = RedisDoorbell(redis)
    bell.ring("send", 7)
    take(redis, "send")
    for _ in range(2):
        assert bell.ring("send", 7)
    assert len(waiting(redis, "send")) == 1


def test_a_job_lost_by_redis_may_be_queued_again(redis_url: str) -> None:
    """An append-only file without its last second may hold the marker but not the job."""
    redis = connect(redis_url)
    bell = RedisDoorbell(redis)
    bell.ring("send", 7)
    redis.delete(Queue("send", connection=redis).key)
    assert bell.ring("send", 7)
    assert len(waiting(redis, "send")) == 1


def test_without_redis_nothing_is_queued_and_no_error_is_raised() -> None:
    assert not RedisDoorbell(connect("redis://127.0.0.1:1/0")).ring("send", 7)


def test_every_job_has_a_lane() -> None:
    assert {lane for lane, _ in JOBS.values()} == set(LANES)
