-- Takes the first pending job that may be tried now, a slot for it and a lease on it.
-- ARGV[1] now, ms
-- ARGV[2] lease, ms: until then nobody else is given this job
-- ARGV[3] MAX_IN_FLIGHT
-- ARGV[4] address that webhooks go to, with a trailing slash, or ''
-- Returns {'claimed', id}, {'held', ms left}, {'full'} or {'idle'}; publishes nothing.
--
-- The queue's score is the time from which a job may be tried, so a claim that is never settled comes back by itself.
-- The webhook's address is kept from the first attempt on: later attempts must send the same bytes under the same key.

local now, lease, limit = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local LOOK = 64

local held = redis.call('PTTL', key('hold'))
if held > 0 then return { 'held', held } end

local function claim(id)
  redis.call('ZADD', key('queue'), now + lease, id)
  redis.call('ZADD', key('inflight'), 'NX', now, id)
  redis.call('HINCRBY', key('job', id), 'attempts', 1)
  redis.call('HSET', key('job', id), 'attemptAt', ARGV[1])
  redis.call('HSETNX', key('job', id), 'webhookUrl', ARGV[4] ~= '' and ARGV[4] .. id or '')
  return { 'claimed', id }
end

local room = redis.call('ZCARD', key('inflight')) < limit
for _, id in ipairs(redis.call('ZRANGEBYSCORE', key('queue'), '-inf', now, 'LIMIT', 0, LOOK)) do
  if redis.call('HGET', key('job', id), 'status') ~= 'PENDING' then
    redis.call('ZREM', key('queue'), id)
  elseif room or redis.call('ZSCORE', key('inflight'), id) then
    return claim(id)
  end
end
return { room and 'idle' or 'full' }
