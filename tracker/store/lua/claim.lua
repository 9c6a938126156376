-- Takes the next pending job that may be tried now, with a slot for it and a lease on it.
-- ARGV[1] now, ms
-- ARGV[2] lease, ms: until then nobody else is given this job
-- ARGV[3] MAX_IN_FLIGHT
-- ARGV[4] address that webhooks go to, with a trailing slash, or ''
-- ARGV[5] mark of the upstream key that it is submitted with
-- ARGV[6] ms: what was created before that is never submitted any more, and left to expire
-- Returns {'claimed', id}, {'paused'}, {'held', ms left}, {'full'} or {'idle'}; publishes nothing.
--
-- Jobs that hold a slot already (an outcome that is unknown, a lease whose worker died) lie apart from those that wait for
-- one, and come first: behind a full house of them nothing else could move. A claim that is never settled comes back by
-- itself. Free slots go to the owners in turn, and to each one's jobs in order. The webhook's address is kept from the first
-- attempt on: later ones must send the same bytes under the same key.

local now, lease, limit = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])

if redis.call('EXISTS', key('pause')) == 1 then return { 'paused' } end
local held = redis.call('PTTL', key('hold'))
if held > 0 then return { 'held', held } end

-- The first job that is due. What is pending no more is cleared away (it cannot be there, unless Redis lost writes), and
-- what is too late is put off: it would take a slot for nothing.
local function first(queue, clear)
  while true do
    local id = redis.call('ZRANGEBYSCORE', queue, '-inf', now, 'LIMIT', 0, 1)[1]
    if not id then return nil end
    if (load(id) or {}).status ~= 'PENDING' then
      clear(id)
    elseif created_at(id) < tonumber(ARGV[6]) then
      redis.call('ZADD', queue, now + 60000, id)
    else
      return id
    end
  end
end

local function first_in_turn()
  for _, owner in ipairs(redis.call('ZRANGE', key('turns'), 0, -1)) do
    local id = first(key('queue', owner), function(gone) dequeue(gone, owner) end)
    if id then
      to_the_end_of_turns(owner)
      dequeue(id, owner)
      return id
    end
  end
end

-- A job that still has its slot was tried, and what came of it was never written, or is not known: its worker was killed, or
-- Redis was away just then. Upstream may have it.
-- Whether upstream remembers our key for its caller's key alone is not documented. So an attempt in doubt that was made with
-- another upstream key is marked: it is searched for before it is repeated with this one.
local function mark(job, in_doubt)
  if in_doubt then job.doubtful = 1 end
  if in_doubt and job.keyMark and job.keyMark ~= ARGV[5] then job.rekeyed = 1 end
  job.keyMark = ARGV[5]
end

local function claim(id, in_doubt)
  local job = load(id)
  mark(job, in_doubt)
  redis.call('ZADD', key('claimed'), now + lease, id)
  take_slot(id, job.owner, now)
  job.attempts, job.attemptAt = (job.attempts or 0) + 1, now
  job.webhooks = job.webhooks or ARGV[4]
  save(id, job)
  return { 'claimed', id }
end

local id = first(key('claimed'), function(gone) redis.call('ZREM', key('claimed'), gone) end)
if id then return claim(id, true) end
if redis.call('ZCARD', key('inflight')) >= limit then return { 'full' } end
id = first_in_turn()
return id and claim(id, false) or { 'idle' }
