-- The limiter's only script. It reads and updates all counters of an account atomically.
--
-- KEYS[1]  prefix of all keys of the account
-- ARGV[1]  command: acquire, give_back, lease, feedback, fill, show, forget
-- ARGV[2]  time in seconds; empty: the clock of this server, which all workers share
-- ARGV[3]  arguments of the command, as JSON
--
-- A pace (GCRA) hands out sending times one after another, across all workers: a grant says when
-- its first message may leave and how far apart the messages are. So messages can be granted ahead
-- of time and still leave evenly, whatever the number of workers. Unused time is lost.
-- A window is divided into SLOTS. The oldest slot counts in full until all of it has expired, so no
-- window, wherever it begins, ever exceeds its limit.

local prefix = KEYS[1]
local now = tonumber(ARGV[2])
if not now then
  local time = redis.call('TIME')
  now = time[1] + time[2] / 1000000
end
local question = cjson.decode(ARGV[3])

local KEEP = 8 * 86400      -- an unused counter expires after eight days
local ASKING = 2            -- campaigns that asked within the last 2 seconds share
local LEASE = 30
local ALIVE = 2             -- a worker that asks for nothing for 2 seconds is gone
local AHEAD = 0.8           -- how far ahead sending times are handed out, in seconds
local AT_ONCE = 0.5         -- the longest time that one grant covers, in seconds
local SECONDS = { minute = 60, hour = 3600, day = 86400, seen = 10 }
local SLOTS = { minute = 60, hour = 60, day = 60, seen = 10 }
local EACH_AT_ONCE = 100
local MANY = 1000000000

local function number(value) return string.format('%.6f', value) end
local function whole(value) return string.format('%d', value) end

-- Windows ------------------------------------------------------------------------------------

local function slot_of(name, moment) return math.floor(moment / (SECONDS[name] / SLOTS[name])) end

-- Drops expired slots; returns what the window holds, and its oldest slot.
local function look(key, name)
  local slot = slot_of(name, now)
  local state = redis.call('HMGET', key, 'from', 'total')
  local from, total = tonumber(state[1]), tonumber(state[2])
  if not from then return 0, slot end
  local first = slot - SLOTS[name]
  if from >= first then return total, from end
  if from + SLOTS[name] < first then
    redis.call('HMSET', key, 'from', whole(slot), 'total', 0)
    for at = from, from + SLOTS[name] do redis.call('HDEL', key, whole(at)) end
    return 0, slot
  end
  for at = from, first - 1 do
    total = total - (tonumber(redis.call('HGET', key, whole(at))) or 0)
    redis.call('HDEL', key, whole(at))
  end
  redis.call('HMSET', key, 'from', whole(first), 'total', whole(total))
  return total, first
end

local function count(key, name, many, moment)
  local _, from = look(key, name)
  local slot = math.max(slot_of(name, moment or now), from)
  redis.call('HSETNX', key, 'from', whole(from))
  redis.call('HINCRBY', key, whole(slot), many)
  redis.call('HINCRBY', key, 'total', many)
  redis.call('EXPIRE', key, KEEP)
end

-- Newest slots first: what is given back was taken recently.
local function uncount(key, name, many)
  if redis.call('EXISTS', key) == 0 then return end
  local total, from = look(key, name)
  local slot = slot_of(name, now)
  while many > 0 and slot >= from do
    local held = tonumber(redis.call('HGET', key, whole(slot))) or 0
    local back = math.min(held, many)
    if back > 0 then
      redis.call('HINCRBY', key, whole(slot), -back)
      redis.call('HINCRBY', key, 'total', -back)
      many = many - back
    end
    slot = slot - 1
  end
end

-- Seconds until the oldest slot of a full window expires.
local function seconds_until_free(key, name)
  local _, from = look(key, name)
  local length = SECONDS[name] / SLOTS[name]
  for at = from, slot_of(name, now) do
    if (tonumber(redis.call('HGET', key, whole(at))) or 0) > 0 then
      return (at + SLOTS[name] + 1) * length - now
    end
  end
  return SECONDS[name]
end

-- Limits: `free`, `kind`, `take(n)`, and `wait(n)`: seconds until n more, or at least one, is free

local function window(key, name, most, kind)
  local limit = { kind = kind or name, free = math.max(0, most - look(key, name)) }
  function limit.take(many)
    limit.free = limit.free - many
    count(key, name, many)
  end
  function limit.wait()
    if limit.free > 0 then return 0 end
    return seconds_until_free(key, name)
  end
  return limit
end

-- `first`: when the first message may leave; `every`: seconds between two messages.
local function bucket(key, rate, kind)
  local most, till = math.max(1, rate * AT_ONCE), now + AHEAD
  local next = math.max(now, tonumber(redis.call('HGET', key, 'next')) or now)
  local limit = { kind = kind, first = next, every = 1 / rate }
  local function look()
    -- Times are stored with six decimals, so differences of a microsecond are ignored.
    local free = math.floor(math.min(most, (till - next) * rate) + 0.0001)
    limit.free = next < till - 0.000001 and math.max(1, free) or 0
  end
  look()
  function limit.take(many)
    next = next + many / rate
    look()
    redis.call('HMSET', key, 'next', number(next), 'rate', string.format('%.9f', rate))
    redis.call('EXPIRE', key, math.max(60, math.ceil(2 / rate)))
  end
  function limit.wait(many)
    local need = math.min(many, most)
    return math.max(0, next + (need > 1 and need / rate or 0.000002) - till)
  end
  return limit
end

-- The pace of a grant under all of these limits; nil if none of them sets one.
local function pace(limits)
  local first, every = nil, 0
  for _, limit in ipairs(limits) do
    if limit.every then
      first, every = math.max(first or now, limit.first), math.max(every, limit.every)
    end
  end
  return first and { delay = number(first - now), every = number(every) } or nil
end

local function put_back(key, many)
  local rate = tonumber(redis.call('HGET', key, 'rate'))
  if rate then redis.call('HINCRBYFLOAT', key, 'next', number(-many / rate)) end
end

local function closed(kind, moment)
  return {
    kind = kind, free = 0, till = moment,
    take = function() end,
    wait = function() return math.max(0, moment - now) end,
  }
end

local function narrowest(limits)
  local found = nil
  for _, limit in ipairs(limits) do
    if not found or limit.free < found.free then found = limit end
  end
  return found
end

local function longest_wait(limits, many)
  local seconds, kind = 0, nil
  for _, limit in ipairs(limits) do
    if limit.free < many then
      local this = limit.wait(many)
      if this > seconds then seconds, kind = this, limit.kind end
    end
  end
  return seconds, kind
end

local function take(limits, many)
  for _, limit in ipairs(limits) do limit.take(many) end
end

-- Leases: shares of a limit on connections, or on messages on the wire ---------------------------

-- Workers renew this about every second, so the leases of a killed one are free in ALIVE seconds.
local function note_alive(holder)
  redis.call('HSET', prefix .. 'alive', holder, number(now + ALIVE))
  redis.call('EXPIRE', prefix .. 'alive', KEEP)
end

local function is_alive(holder)
  return (tonumber(redis.call('HGET', prefix .. 'alive', holder)) or 0) > now
end

-- `open`: how many the holder has open. Others get only what it has closed, so all open ones
-- together never exceed `most`. `is_idle`: it needs none; it keeps its share if nobody else asks.
local function lease(key, holder, most, open, is_idle)
  local others, askers = 0, 1
  local held = redis.call('HGETALL', key)
  for i = 1, #held, 2 do
    local many, till = string.match(held[i + 1], '^(%d+)|(.+)$')
    if tonumber(till) <= now or (held[i] ~= holder and not is_alive(held[i])) then
      redis.call('HDEL', key, held[i])
    elseif held[i] ~= holder then
      others, askers = others + tonumber(many), askers + 1
    end
  end
  local mine = math.max(0, math.min(most - others, math.ceil(most / askers)))
  if is_idle and askers > 1 then mine = 0 end
  local held = math.max(mine, open or 0)
  if is_idle and held == 0 then
    redis.call('HDEL', key, holder)
    return 0
  end
  redis.call('HSET', key, holder, whole(held) .. '|' .. number(now + LEASE))
  redis.call('EXPIRE', key, LEASE * 2)
  return mine
end

-- Keys -----------------------------------------------------------------------------------------

local function group_key(group, what) return prefix .. 'group:' .. group .. ':' .. what end
local function campaign_key(id) return prefix .. 'campaign:' .. id .. ':pace' end
local WINDOWS = { 'minute', 'hour', 'day' }

-- Commands -------------------------------------------------------------------------------------

local function missing()
  local keys = {}
  for name, _ in pairs(question.windows) do
    if name ~= 'second' and redis.call('EXISTS', prefix .. name) == 0 then -- a second is a pace
      table.insert(keys, { group = '', window = name })
    end
  end
  for group, plan in pairs(question.groups) do
    if plan.day and redis.call('EXISTS', group_key(group, 'day')) == 0 then
      table.insert(keys, { group = group, window = 'day' })
    end
  end
  return keys
end

-- Small domains share the group "other" and are slowed one by one (throttling/slowed_domains.py).
local function learned_rate(group)
  if group == 'other' then return nil end
  return tonumber(redis.call('HGET', group_key(group, 'learned'), 'rate'))
end

local function slower(one, its_kind, other, other_kind)
  if other and (not one or other < one) then return other, other_kind end
  return one, its_kind
end

local function account_limits()
  local limits = {}
  if question.closed_until and question.closed_until > now then
    table.insert(limits, closed('closed', question.closed_until))
  end
  if question.probe then
    local lent = redis.call('GET', prefix .. 'probe')
    local till, prober = string.match(lent or '', '^([%d.]+)|(.*)$')
    till = tonumber(till)
    if till and till > now and (prober == '' or is_alive(prober)) then
      table.insert(limits, closed('probe', till))
    else
      table.insert(limits, {
        kind = 'probe', free = 1, wait = function() return LEASE end,
        take = function(many)
          if many > 0 then
            local lent_until = number(now + LEASE) .. '|' .. (question.holder or '')
            redis.call('SET', prefix .. 'probe', lent_until, 'EX', LEASE * 2)
          end
        end,
      })
    end
  end
  if question.windows.second then
    table.insert(limits, bucket(prefix .. 'pace', question.windows.second, 'second'))
  end
  local slow, kind = slower(question.slow, 'slow', learned_rate(''), 'account_learned')
  if slow then table.insert(limits, bucket(group_key('', 'pace'), slow, kind)) end
  for _, name in ipairs(WINDOWS) do
    local most = question.windows[name]
    if most then
      local kind = (name == 'day' and question.is_warm_up) and 'warm_up' or name
      table.insert(limits, window(prefix .. name, name, most, kind))
    end
  end
  return limits
end

local function group_limits(group, plan, at_once)
  local limits = {}
  if plan.closed_until and plan.closed_until > now then
    table.insert(limits, closed('group_closed', plan.closed_until))
    return limits
  end
  if plan.at_once then
    at_once[group] = lease(group_key(group, 'at_once'), question.holder, plan.at_once,
      question.on_wire and question.on_wire[group])
    -- Claimed messages that cannot leave yet are useless: about one second's worth is enough.
    table.insert(limits, {
      kind = 'at_once', free = at_once[group] * EACH_AT_ONCE,
      take = function() end, wait = function() return 1 end,
    })
  end
  local rate, kind = slower(plan.rate, 'group', learned_rate(group), 'learned')
  if rate then table.insert(limits, bucket(group_key(group, 'pace'), rate, kind)) end
  if plan.day then
    table.insert(limits, window(group_key(group, 'day'), 'day', plan.day, 'group_warm_up'))
  end
  return limits
end

-- How many campaigns ask now: if an account has too little for all, each gets its share.
local function askers()
  if question.campaign == 0 then return 1 end
  local key = prefix .. 'askers'
  redis.call('ZREMRANGEBYSCORE', key, '-inf', number(now - ASKING))
  redis.call('ZADD', key, number(now), question.campaign)
  redis.call('EXPIRE', key, 60)
  return redis.call('ZCARD', key)
end

-- 1 if a transactional email has had to wait lately: campaigns leave one message for it.
local function waiting()
  if question.campaign == 0 then return 0 end
  local till = tonumber(redis.call('GET', prefix .. 'waiting'))
  return till and till > now and 1 or 0
end

-- Shares `many` evenly among the groups; what a group does not need goes to the others.
local function share(many, caps)
  local order = {}
  for group, _ in pairs(caps) do table.insert(order, group) end
  table.sort(order)
  local turn = #order > 0 and redis.call('INCR', prefix .. 'turn') % #order or 0
  local granted = {}
  for _, group in ipairs(order) do granted[group] = 0 end
  local open = #order
  while many > 0 and open > 0 do
    open = 0
    for _, group in ipairs(order) do
      if granted[group] < caps[group] then open = open + 1 end
    end
    if open > 0 then
      local part = math.max(1, math.floor(many / open))
      for i = 1, #order do
        local group = order[(i + turn - 1) % #order + 1]
        local more = math.min(part, caps[group] - granted[group], many)
        granted[group], many = granted[group] + more, many - more
      end
    end
  end
  return granted
end

-- A counter without a limit is not updated, so it would be wrong once the limit is set again.
local function forget_idle()
  for _, name in ipairs(WINDOWS) do
    if not question.windows[name] then redis.call('DEL', prefix .. name) end
  end
  for group, _ in pairs(question.wants) do
    local plan = question.groups[group]
    if not (plan and plan.day) then redis.call('DEL', group_key(group, 'day')) end
  end
end

local function acquire()
  if (question.holder or '') ~= '' then note_alive(question.holder) end
  forget_idle()
  local lost = missing()
  if #lost > 0 then return { missing = lost } end

  local account = account_limits()
  local wanted = 0
  for _, want in pairs(question.wants) do wanted = wanted + want end
  local most, others = wanted, askers()
  local short = narrowest(account)
  if short and short.free - waiting() < wanted then
    most = math.min(wanted, math.ceil(math.max(0, short.free - waiting()) / others))
  end
  local account_pace, campaign_pace = pace(account), nil
  if question.pace then
    table.insert(account, bucket(campaign_key(question.campaign), question.pace, 'pace'))
    most = math.min(most, account[#account].free)
    campaign_pace = pace({ account[#account] })
  end

  local limits, caps, at_once, group_paces = {}, {}, {}, {}
  for group, want in pairs(question.wants) do
    limits[group] = group_limits(group, question.groups[group] or {}, at_once)
    group_paces[group] = pace(limits[group])
    local own = narrowest(limits[group])
    caps[group] = math.min(want, own and own.free or MANY)
  end
  local granted = share(most, caps)
  local total = 0
  for group, many in pairs(granted) do
    if many > 0 then take(limits[group], many) end
    total = total + many
  end
  if total > 0 then take(account, total) end
  if question.campaign == 0 and total < wanted then
    redis.call('SET', prefix .. 'waiting', number(now + ASKING), 'EX', 60)
  end

  local answer = {
    counts = {}, holds = {}, at_once = at_once, wait = 0,
    account_pace = account_pace, campaign_pace = campaign_pace, group_paces = group_paces,
  }
  local soonest = nil
  for group, want in pairs(question.wants) do
    if granted[group] > 0 then answer.counts[group] = granted[group] end
    local rest = want - granted[group]
    if rest > 0 then
      local by_group, group_kind = longest_wait(limits[group], rest)
      local by_account, account_kind = longest_wait(account, rest)
      local seconds, kind = by_group, group_kind
      if by_account > seconds or not kind then seconds, kind = by_account, account_kind end
      -- No limit is reached; others ask too, so this campaign's share was smaller.
      if not kind then seconds, kind = 0.02, 'turn' end
      answer.holds[group] = { kind = kind, at = number(now + seconds) }
      if not soonest or seconds < soonest then soonest = seconds end
    end
  end
  answer.wait = number(soonest or 0)
  if total == 0 and wanted > 0 then
    local seconds, kind = longest_wait(account, 1)
    if kind then answer.account = { kind = kind, seconds = number(seconds) } end
  end
  return answer
end

local function give_back()
  local total = 0
  for group, many in pairs(question.counts) do
    total = total + many
    uncount(group_key(group, 'day'), 'day', many)
    put_back(group_key(group, 'pace'), many)
  end
  redis.call('DEL', prefix .. 'probe')
  for _, name in ipairs(WINDOWS) do uncount(prefix .. name, name, total) end
  local paces = { prefix .. 'pace', group_key('', 'pace'), campaign_key(question.campaign) }
  for _, key in ipairs(paces) do put_back(key, total) end
  return {}
end

-- Restores lost counters from the database. When a second worker tries, nothing changes.
local function fill()
  for _, lost in ipairs(question.missing) do
    local key = lost.group == '' and prefix .. lost.window or group_key(lost.group, lost.window)
    if redis.call('EXISTS', key) == 0 then
      local first = slot_of(lost.window, now) - SLOTS[lost.window]
      redis.call('HMSET', key, 'from', whole(first), 'total', 0)
      redis.call('EXPIRE', key, KEEP)
      for _, past in ipairs(question.sent) do
        local slot = slot_of(lost.window, math.min(past.at, now))
        if lost.group == past.group and slot >= first then
          redis.call('HINCRBY', key, whole(slot), past.count)
          redis.call('HINCRBY', key, 'total', past.count)
        end
      end
    end
  end
  return {}
end

-- Halves the rate of a group that throttles. A batch without throttling adds a quarter, at most
-- every PATIENCE seconds, and more slowly near the rate that was throttled last. At twice the rate
-- before it was first halved, the group is free again.
local HALVE_EVERY, PATIENCE, PATIENCE_NEAR_TOP = 30, 10, 120
local SLOWEST, LEAST_PART = 1 / 60, 1 / 16

local function learn(group, sent, throttled)
  local key, seen = group_key(group, 'learned'), group_key(group, 'seen')
  if sent > 0 then count(seen, 'seen', sent) end
  local state = redis.call('HMGET', key, 'rate', 'before', 'top', 'at')
  local rate, before = tonumber(state[1]), tonumber(state[2])
  local top, at = tonumber(state[3]), tonumber(state[4]) or 0
  if throttled > 0 then
    -- Messages in transit at the first refusal are refused too, and a server may refuse until its
    -- minute is over: halve no sooner than HALVE_EVERY after the last change.
    if rate and now - at < HALVE_EVERY then return end
    local from = rate or math.max(look(seen, 'seen') / SECONDS.seen, 2 * SLOWEST)
    before = before or from
    rate = math.max(from / 2, before * LEAST_PART, SLOWEST)
    redis.call('HMSET', key, 'rate', number(rate), 'before', number(before),
      'top', number(from), 'at', number(now))
    redis.call('EXPIRE', key, KEEP)
  elseif rate and sent > 0 then
    local is_near = rate * 1.25 > top * 0.9 and rate <= top
    if now - at < (is_near and PATIENCE_NEAR_TOP or PATIENCE) then return end
    rate = rate * 1.25
    if rate >= 2 * before then
      redis.call('DEL', key)
    else
      redis.call('HMSET', key, 'rate', number(rate), 'at', number(now))
    end
  end
end

local function feedback()
  learn(question.group, question.sent, question.throttled)
  if question.group ~= '' then learn('', question.sent, 0) end
  return {}
end

-- The learned rates and the usage of windows, for the pages.
local function show()
  local shown = { learned = {}, used = {}, ends = {} }
  for _, group in ipairs(question.groups) do
    local rate = learned_rate(group)
    if rate then
      shown.learned[group] = number(rate)
      local before = tonumber(redis.call('HGET', group_key(group, 'learned'), 'before')) or rate
      local steps = math.max(1, math.ceil(math.log(2 * before / rate) / math.log(1.25)))
      shown.ends[group] = number(now + steps * PATIENCE + 2 * PATIENCE_NEAR_TOP)
    end
  end
  for _, name in ipairs(WINDOWS) do
    if redis.call('EXISTS', prefix .. name) == 1 then
      shown.used[name] = look(prefix .. name, name)
    end
  end
  return shown
end

local actions = {
  acquire = acquire, give_back = give_back, fill = fill, feedback = feedback,
  show = show,
  forget = function()
    redis.call('DEL', group_key(question.group, 'learned'))
    return {}
  end,
  lease = function()
    note_alive(question.holder)
    if question.most == 0 then return { count = MANY } end
    local key = prefix .. 'connections'
    return {
      count = lease(key, question.holder, question.most, question.open, question.is_idle)
    }
  end,
}
return cjson.encode(actions[ARGV[1]]())
