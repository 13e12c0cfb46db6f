"""The limiter's counters in Redis: one script call for all windows of an account."""

from typing import cast

from flask import current_app
from redis import Redis

from campaigns.clock import utcnow
from campaigns.context import services
from campaigns.jobs.queues import connect
from campaigns.sending.limiter import Grant, sent_in_last_day

# KEYS: bucket, day.  ARGV: want, per_second, per_day.  Redis's own clock counts.
# Seconds: a small bucket (a tenth of a second's worth, at least one) that refills so that no
# one-second window can hold more than the limit. Days: one counter per hour, the last 24 hours
# and the one that is partly over are summed, so the limit is never passed.
_ACQUIRE = """
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
local want, per_second, per_day = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local hour = math.floor(now / 3600)
if per_day > 0 then
  if redis.call('EXISTS', KEYS[2]) == 0 then return {-1, '0', 0} end
  local used = 0
  local counts = redis.call('HGETALL', KEYS[2])
  for i = 1, #counts, 2 do
    local at = tonumber(counts[i])
    if at then
      if at < hour - 24 then redis.call('HDEL', KEYS[2], counts[i])
      else used = used + tonumber(counts[i + 1]) end
    end
  end
  want = math.min(want, per_day - used)
  if want <= 0 then
    local oldest = hour
    for i = 1, #counts, 2 do
      local at = tonumber(counts[i])
      if at and at >= hour - 24 and tonumber(counts[i + 1]) > 0 and at < oldest then oldest = at end
    end
    return {0, tostring((oldest + 25) * 3600 - now), 1}
  end
end
if per_second > 0 then
  local size = math.max(1, math.floor(per_second / 10))
  local rate = per_second
  if size > 1 then rate = per_second - size end
  local bucket = redis.call('HMGET', KEYS[1], 'level', 'at')
  local level, at = tonumber(bucket[1]) or size, tonumber(bucket[2]) or now
  level = math.min(size, level + math.max(0, now - at) * rate)
  local granted = math.min(want, math.floor(level))
  if granted < 1 then
    redis.call('HSET', KEYS[1], 'level', tostring(level), 'at', tostring(now))
    redis.call('EXPIRE', KEYS[1], 60)
    return {0, tostring((1 - level) / rate), 0}
  end
  redis.call('HSET', KEYS[1], 'level', tostring(level - granted), 'at', tostring(now))
  redis.call('EXPIRE', KEYS[1], 60)
  want = granted
end
if per_day > 0 then redis.call('HINCRBY', KEYS[2], hour, want) end
return {want, '0', 0}
"""

_DAY_SECONDS = 86_400


class RedisLimiter:
    """Limits that hold across all workers and machines."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._acquire = redis.register_script(_ACQUIRE)

    def acquire(self, provider_id: int, want: int, per_second: int, per_day: int) -> Grant:
        if not per_second and not per_day:
            return Grant(want)
        keys = [f"campaigns:limit:{provider_id}:bucket", _day_key(provider_id)]
        arguments = [want, per_second, per_day]
        count, wait, is_day = cast(
            "tuple[int, bytes, int]", self._acquire(keys=keys, args=arguments)
        )
        if count == -1:
            self._rebuild_day(provider_id)
            count, wait, is_day = cast(
                "tuple[int, bytes, int]", self._acquire(keys=keys, args=arguments)
            )
        return Grant(max(0, count), float(wait), bool(is_day))

    def give_back(self, provider_id: int, count: int) -> None:
        """Unused tokens of the day. Those of the second are too short-lived to matter."""
        key = _day_key(provider_id)
        if count > 0 and self._redis.exists(key):
            hour = int(utcnow().timestamp() // 3600)
            self._redis.hincrby(key, str(hour), -count)

    def _rebuild_day(self, provider_id: int) -> None:
        """Redis knows nothing of this account: count what the ledger says went out."""
        now = utcnow()
        key = _day_key(provider_id)
        pipe = self._redis.pipeline()
        pipe.hset(key, "rebuilt", now.isoformat())  # so that the key exists with no mail sent
        for hour, count in sent_in_last_day(provider_id, now=now):
            pipe.hset(key, str(int(hour.timestamp() // 3600)), count)
        pipe.expire(key, 8 * _DAY_SECONDS)
        pipe.execute()


def limiter() -> RedisLimiter:
    """The limiter of the running app, made on first use."""
    found = current_app.extensions.get("campaigns.limiter")
    if found is None:
        found = RedisLimiter(connect(services().settings.redis_connection_url))
        current_app.extensions["campaigns.limiter"] = found
    return cast("RedisLimiter", found)


def _day_key(provider_id: int) -> str:
    return f"campaigns:limit:{provider_id}:day"
