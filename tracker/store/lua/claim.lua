-- Takes the first pending job that may be tried now, with a slot for it and a lease on it.
-- ARGV[1] now, ms
-- ARGV[2] lease, ms: until then nobody else is given this job
-- ARGV[3] MAX_IN_FLIGHT
-- ARGV[4] address that webhooks go to, with a trailing slash, or ''
-- Returns {'claimed', id}, {'held', ms left}, {'full'} or {'idle'}; publishes nothing.
--
-- Jobs that hold a slot already (an outcome that is unknown, a lease whose worker died) lie apart from those that wait for
-- one, and come first: behind a full house of them nothing else could move. A claim that is never settled comes back by
-- itself. The webhook's address is kept from the first attempt on: later ones must send the same bytes under the same key.

local now, lease, limit = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])

local held = redis.call('PTTL', key('hold'))
if held > 0 then return { 'held', held } end

-- The first job of a queue that is due. What is pending no more is cleared away (it cannot be there, unless Redis lost writes).
local function first(queue)
  while true do
    local id = redis.call('ZRANGEBYSCORE', key(queue), '-inf', now, 'LIMIT', 0, 1)[1]
    if not id or redis.call('HGET', key('job', id), 'status') == 'PENDING' then return id end
    redis.call('ZREM', key(queue), id)
  end
end

local function claim(id)
  redis.call('ZREM', key('queue'), id)
  redis.call('ZADD', key('claimed'), now + lease, id)
  redis.call('ZADD', key('inflight'), 'NX', now, id)
  redis.call('HINCRBY', key('job', id), 'attempts', 1)
  redis.call('HSET', key('job', id), 'attemptAt', ARGV[1])
  redis.call('HSETNX', key('job', id), 'webhookUrl', ARGV[4] ~= '' and ARGV[4] .. id or '')
  return { 'claimed', id }
end

local id = first('claimed')
if id then return claim(id) end
if redis.call('ZCARD', key('inflight')) >= limit then return { 'full' } end
id = first('queue')
return id and claim(id) or { 'idle' }
