-- Writes a new pending job: record, mask, indexes, queue, history and feed, or nothing.
-- ARGV[1] job id
-- ARGV[2] mask, PNG bytes
-- ARGV[3] life of the mask, ms
-- ARGV[4] digest for the caller's Idempotency-Key, or ''
-- ARGV[5] digest of the caller's body
-- ARGV[6] life of the Idempotency-Key, ms
-- ARGV[7...] the record, field and value in turn
-- Returns {'created', id}, {'replayed', id of the first} or {'conflict', id of the first}; publishes the new job.
-- A repetition with the same id (the answer was lost on the way) is the same as the first call.

local id, digest = ARGV[1], ARGV[4]

if redis.call('EXISTS', key('job', id)) == 1 then return { 'created', id } end
if digest ~= '' then
  local earlier = redis.call('GET', key('idempotency', digest))
  if earlier then
    local first, body = earlier:sub(1, 36), earlier:sub(38)
    return { body == ARGV[5] and 'replayed' or 'conflict', first }
  end
  redis.call('SET', key('idempotency', digest), id .. ' ' .. ARGV[5], 'PX', ARGV[6])
end

redis.call('HSET', key('job', id), unpack(ARGV, 7))
redis.call('SET', key('mask', id), ARGV[2], 'PX', ARGV[3])
local job = load(id)
enlist(id, job)
redis.call('ZADD', key('queue'), created_at(id), id)
remember(id, 1, created_at(id), job, { source = 'api', type = 'created', outcome = 'applied' })
publish(id, job)
return { 'created', id }
