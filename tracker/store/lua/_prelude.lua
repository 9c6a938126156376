-- Shared by every script; see tracker/store/keys.py for what each key is.
-- KEYS[1] prefix of the partition, `inpaint:{0}:`

local HISTORY_FIRST, HISTORY_LAST = 16, 48
local FEED_LENGTH = '100000'
local FINAL = { COMPLETED = true, FAILED = true, CANCELLED = true }

local function key(name, part)
  if part then return KEYS[1] .. name .. ':' .. part end
  return KEYS[1] .. name
end

-- Nobody touches a layout that he does not know, whoever has changed it a moment ago (tracker/store/layouts.py).
-- Returns the error to answer with, or nil.
local function unknown_layout()
  local layout = tonumber(redis.call('HGET', key('layout'), 'version') or LAYOUT)
  if layout ~= LAYOUT then
    return redis.error_reply('LAYOUT Redis has layout ' .. layout .. ', and this version of the program knows ' .. LAYOUT .. '.')
  end
end

-- A number as text, where it is one of those that come again and again: Redis prints each with all the digits that it may have.
local texts = {}
local function text(number)
  if not texts[number] and number > -100 and number < 100 then texts[number] = tostring(number) end
  return texts[number] or number
end

-- Records of jobs that go on, as they were last written, by their packed form: what is packed alike is the same, so that a record
-- that nobody else has written since is not unpacked again. A function of Redis keeps them from call to call, a script does not.
-- Whoever takes one may change it, and may fail: it comes back when it is written. Some 3 KB each.
local MOST_KNOWN = 512
local known, how_many = {}, 0

local function unpacked(packed)
  local job = known[packed]
  if not job then return cmsgpack.unpack(packed) end
  known[packed], how_many = nil, how_many - 1
  return job
end

local function know(packed, job)
  if how_many >= MOST_KNOWN then known, how_many = {}, 0 end
  if not known[packed] then how_many = how_many + 1 end
  known[packed] = job
end

-- A record as a table, or nil.
local function load(id)
  local packed = redis.call('GET', key('job', id))
  return packed and unpacked(packed) or nil
end

local function save(id, job)
  local packed = cmsgpack.pack(job)
  redis.call('SET', key('job', id), packed)
  if not FINAL[job.status] then know(packed, job) end
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
    if redis.call('HINCRBY', key('counts', one), what, text(by)) <= 0 then redis.call('HDEL', key('counts', one), what) end
  end
end

-- Spans that are counted in (ms), and how long a count is kept (s): see tracker/store/stats.py.
local SPANS = { minute = { 60000, 4000 }, hour = { 3600000, 90000 }, day = { 86400000, 2764800 } }

local function number_of(span, now) return math.floor(now / SPANS[span][1]) end

-- What happened in a minute, an hour or a day, by its number.
local function raise(span, number, owner, what, by)
  for _, one in whose(owner) do
    local counts = key(span, number .. ':' .. one)
    if redis.call('HINCRBY', counts, what, text(by)) == by then redis.call('EXPIRE', counts, SPANS[span][2]) end
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

-- The caller saves the record, whose `maskBytes` tell what is to be taken off the sum, once only.
local function keep_mask(id, job, mask, life)
  redis.call('SET', key('mask', id), mask, 'PX', life)
  redis.call('INCRBY', key('maskbytes'), #mask)
  job.maskBytes = #mask
end

local function forget_mask(id, job)
  redis.call('DEL', key('mask', id))
  if job.maskBytes then redis.call('DECRBY', key('maskbytes'), job.maskBytes) end
  job.maskBytes = nil
end

-- Removes a job and every trace of it. One that has ended holds no slot, waits in no queue, and has no mask any more.
local function erase(id, job)
  for _, index in ipairs(indexes(job)) do redis.call('ZREM', index, id) end
  redis.call('ZREM', key('status', job.status), id)
  count(job.owner, job.status, -1)
  if job.upstreamJobId and redis.call('HGET', key('upstream'), job.upstreamJobId) == id then
    redis.call('HDEL', key('upstream'), job.upstreamJobId)
  end
  redis.call('ZREM', key('outbox'), 'lookup:' .. id)
  if FINAL[job.status] then
    redis.call('ZREM', key('finished'), id)
  else
    free_slot(id, job.owner)
    redis.call('ZREM', key('claimed'), id)
    dequeue(id, job.owner)
    forget_mask(id, job)
  end
  redis.call('DEL', key('job', id))
end

-- Where the line with this number ends in a history.
local function end_of_line(history, number)
  local at = 0
  for _ = 1, number do at = cmsgpack.unpack_one(history, at) end
  return at
end

-- Appends to the history, which keeps its first and last lines: see tracker/store/history.py for what a line holds.
-- `told` is a progress, `detail` JSON; nil where there is none.
local function remember(id, job, at, source, type, outcome, told, detail)
  if told then
    told = told == job.progress or told
  elseif detail then
    told = false
  end
  local line = { job.seq, at - created_at(id), WORDS[source], WORDS[type], WORDS[job.status], job.progress, WORDS[outcome],
    told, detail }
  local history = job.history or ''
  if job.seq > HISTORY_FIRST + HISTORY_LAST then
    history = history:sub(1, end_of_line(history, HISTORY_FIRST)) .. history:sub(end_of_line(history, HISTORY_FIRST + 1) + 1)
  end
  job.history = history .. cmsgpack.pack(line)
end

-- Tells everyone who watches that this version of the job can be read.
local function publish(id, job)
  redis.call('XADD', key('feed'), 'MAXLEN', '~', FEED_LENGTH, '*',
    'id', id, 'version', text(job.version), 'status', job.status, 'owner', job.owner)
end
