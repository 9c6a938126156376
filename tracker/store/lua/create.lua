-- Writes a new job: record, indexes, history and feed; a pending one with its mask and its place in the queue. Or nothing.
-- ARGV[1] job id
-- ARGV[2] mask, PNG bytes
-- ARGV[3] digest for the caller's Idempotency-Key, or ''
-- ARGV[4] digest of the caller's body
-- ARGV[5] life of the mask, ms
-- ARGV[6] life of the Idempotency-Key, ms
-- ARGV[7...] the record, field and value in turn
-- Returns {'created', id}, {'replayed', id of the first} or {'conflict', id of the first}; publishes the new job.
-- A repetition with the same id (the answer was lost on the way) is the same as the first call.

local id, digest = ARGV[1], ARGV[3]

if redis.call('EXISTS', key('job', id)) == 1 then return { 'created', id } end
if digest ~= '' then
  local earlier = redis.call('GET', key('idempotency', digest))
  if earlier then
    local first, body = earlier:sub(1, 36), earlier:sub(38)
    return { body == ARGV[4] and 'replayed' or 'conflict', first }
  end
  redis.call('SET', key('idempotency', digest), id .. ' ' .. ARGV[4], 'PX', ARGV[6])
end

redis.call('HSET', key('job', id), unpack(ARGV, 7))
local job = load(id)
local now = tonumber(job.updatedAt)
enlist(id, job)
if job.status == 'PENDING' then
  redis.call('SET', key('mask', id), ARGV[2], 'PX', ARGV[5])
  redis.call('ZADD', key('queue'), now, id)
end
remember(id, 1, now, job, { source = 'api', type = 'created', outcome = 'applied' })
if FINAL[job.status] then redis.call('ZADD', key('finished'), now, id) end
publish(id, job)
return { 'created', id }
