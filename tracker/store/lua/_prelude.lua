-- Shared by every script; see tracker/store/keys.py for what each key is.
-- KEYS[1] prefix of the partition, `inpaint:{0}:`

local HISTORY_FIRST, HISTORY_LAST = 16, 48
local FEED_LENGTH = 100000
local FINAL = { COMPLETED = true, FAILED = true, CANCELLED = true }

local function key(name, part)
  if part then return KEYS[1] .. name .. ':' .. part end
  return KEYS[1] .. name
end

-- A record as a table of strings, or nil.
local function load(id)
  local flat = redis.call('HGETALL', key('job', id))
  if #flat == 0 then return nil end
  local job = {}
  for i = 1, #flat, 2 do job[flat[i]] = flat[i + 1] end
  return job
end

-- Milliseconds since 1970 out of a UUIDv7.
local function created_at(id)
  return tonumber(id:sub(1, 8) .. id:sub(10, 13), 16)
end

-- The index keys that a record belongs to, whatever its status.
local function indexes(job)
  local found = { key('jobs'), key('owner', job.owner) }
  if job.parentJobId then found[#found + 1] = key('parent', job.parentJobId) end
  if job.labels then
    for name, value in pairs(cjson.decode(job.labels)) do
      found[#found + 1] = key('label', name .. '=' .. value)
    end
  end
  return found
end

-- Figures are kept for each owner, and for everybody.
local function whose(owner) return ipairs({ '*', owner }) end

-- How many jobs there are of each status, and how many slots (`inflight`) they hold.
local function count(owner, what, by)
  for _, one in whose(owner) do
    if redis.call('HINCRBY', key('counts', one), what, by) <= 0 then redis.call('HDEL', key('counts', one), what) end
  end
end

-- Adds to a figure of a span of time. It goes by itself, `life` seconds later.
local function tally(span, owner, what, by, life)
  for _, one in whose(owner) do
    local figures = span .. ':' .. one
    if redis.call('HINCRBY', figures, what, by) == by then redis.call('EXPIRE', figures, life) end
  end
end

local function take_slot(id, owner, now)
  if redis.call('ZADD', key('inflight'), 'NX', now, id) == 1 then count(owner, 'inflight', 1) end
end

local function free_slot(id, owner)
  if redis.call('ZREM', key('inflight'), id) == 1 then count(owner, 'inflight', -1) end
end

local function enlist(id, job)
  for _, index in ipairs(indexes(job)) do redis.call('ZADD', index, 0, id) end
  redis.call('ZADD', key('status', job.status), 0, id)
  count(job.owner, job.status, 1)
  if job.upstreamJobId then redis.call('HSET', key('upstream'), job.upstreamJobId, id) end
end

-- Owners take turns: whoever has waited longest since the last slot is next, however many jobs the others hold.
local function to_the_end_of_turns(owner)
  local last = redis.call('ZREVRANGE', key('turns'), 0, 0, 'WITHSCORES')
  redis.call('ZADD', key('turns'), (tonumber(last[2]) or 0) + 1, owner)
end

-- Lets a job wait for a slot, among its owner's, from a moment on.
local function enqueue(id, owner, at)
  redis.call('ZADD', key('queue', owner), at, id)
  if not redis.call('ZSCORE', key('turns'), owner) then to_the_end_of_turns(owner) end
end

local function dequeue(id, owner)
  redis.call('ZREM', key('queue', owner), id)
  if redis.call('EXISTS', key('queue', owner)) == 0 then redis.call('ZREM', key('turns'), owner) end
end

local function keep_mask(id, mask, life)
  redis.call('SET', key('mask', id), mask, 'PX', life)
  redis.call('HSET', key('job', id), 'maskBytes', #mask)
  redis.call('INCRBY', key('maskbytes'), #mask)
end

-- The caller drops `maskBytes` from the record, by which they are taken off the sum once only.
local function forget_mask(id, job)
  redis.call('DEL', key('mask', id))
  if job.maskBytes then redis.call('DECRBY', key('maskbytes'), job.maskBytes) end
end

-- Removes a job and every trace of it.
local function erase(id, job)
  for _, index in ipairs(indexes(job)) do redis.call('ZREM', index, id) end
  redis.call('ZREM', key('status', job.status), id)
  count(job.owner, job.status, -1)
  free_slot(id, job.owner)
  if job.upstreamJobId and redis.call('HGET', key('upstream'), job.upstreamJobId) == id then
    redis.call('HDEL', key('upstream'), job.upstreamJobId)
  end
  for _, name in ipairs({ 'claimed', 'finished' }) do redis.call('ZREM', key(name), id) end
  redis.call('ZREM', key('outbox'), 'lookup:' .. id)
  dequeue(id, job.owner)
  forget_mask(id, job)
  redis.call('DEL', key('job', id), key('history', id))
end

-- Appends to the history and keeps its first and last entries. `entry`: source, type, outcome, detail (JSON or nil).
local function remember(id, seq, at, job, entry)
  local line = string.format('{"seq":%d,"at":%.0f,"source":"%s","type":"%s","status":"%s","progress":%s,"outcome":"%s"%s}',
    seq, at, entry.source, entry.type, job.status, job.progress, entry.outcome,
    entry.detail and (',"detail":' .. entry.detail) or '')
  local history = key('history', id)
  if redis.call('RPUSH', history, line) > HISTORY_FIRST + HISTORY_LAST then
    redis.call('LSET', history, HISTORY_FIRST, '')
    redis.call('LREM', history, 1, '')
  end
end

-- Tells everyone who watches that this version of the job can be read.
local function publish(id, job)
  redis.call('XADD', key('feed'), 'MAXLEN', '~', FEED_LENGTH, '*',
    'id', id, 'version', job.version, 'status', job.status, 'owner', job.owner)
end
