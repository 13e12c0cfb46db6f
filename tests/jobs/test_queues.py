"""The doorbell: heard once, never in the way when Redis is gone."""

from redis import Redis
from rq import Queue
from rq.serializers import JSONSerializer

from campaigns.jobs.queues import JOBS, LANES, RedisDoorbell, connect


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


def test_a_job_that_has_begun_may_be_rung_for_again(redis_url: str) -> None:
    redis = connect(redis_url)
    bell = RedisDoorbell(redis)
    bell.ring("send", 7)
    bell.answered("send", 7)
    bell.ring("send", 7)
    assert len(waiting(redis, "send")) == 2


def test_without_redis_the_ring_is_lost_and_nothing_else() -> None:
    bell = RedisDoorbell(connect("redis://127.0.0.1:1/0"))
    assert not bell.ring("send", 7)
    bell.answered("send", 7)


def test_every_job_has_a_lane() -> None:
    assert {lane for lane, _ in JOBS.values()} == set(LANES)
