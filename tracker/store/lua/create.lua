-- Writes a new job: record, indexes, history and feed; a pending one with its mask and its place in the queue. Or nothing.
-- ARGV[1] job id
-- ARGV[2] mask, PNG bytes
-- ARGV[3] digest for the caller's Idempotency-Key, or ''
-- ARGV[4] digest of the caller's body
-- ARGV[5] life of the mask, ms
-- ARGV[6] life of the Idempotency-Key, ms
-- ARGV[7] how many jobs may be pending
-- ARGV[8] how many bytes of masks may be held
-- ARGV[9] the record, packed
-- Returns {'created', id}, {'replayed', id of the first}, {'conflict', id of the first} or {'full'}; publishes the new job.
-- A repetition with the same id (the answer was lost on the way) is the same as the first call.

local id, mask, digest = ARGV[1], ARGV[2], ARGV[3]

if redis.call('EXISTS', key('job', id)) == 1 then return { 'created', id } end
local earlier = digest ~= '' and redis.call('GET', key('idempotency', digest))
if earlier then
  return { earlier:sub(38) == ARGV[4] and 'replayed' or 'conflict', earlier:sub(1, 36) }
end

local job = cmsgpack.unpack(ARGV[9])
local pending = job.status == 'PENDING'
local function full()
  return redis.call('ZCARD', key('status', 'PENDING')) >= tonumber(ARGV[7])
    or tonumber(redis.call('GET', key('maskbytes')) or 0) + #mask > tonumber(ARGV[8])
end
if pending and full() then return { 'full' } end

local now = job.updatedAt
if digest ~= '' then redis.call('SET', key('idempotency', digest), id .. ' ' .. ARGV[4], 'PX', ARGV[6]) end
enlist(id, job)
if pending then
  keep_mask(id, job, mask, ARGV[5])
  enqueue(id, job.owner, now)
end
remember(id, job, now, 'api', 'created', 'applied')
save(id, job)
if FINAL[job.status] then
  redis.call('ZADD', key('finished'), now, id)
  raise('minute', number_of('minute', now), job.owner, 'ended:' .. job.status, 1)
end
publish(id, job)
return { 'created', id }
