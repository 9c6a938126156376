-- Gives a job of nobody's to an owner, with labels.
-- ARGV[1] job id
-- ARGV[2] who owned it so far: nothing is done where that is no longer so
-- ARGV[3] the new owner
-- ARGV[4] labels as JSON, or ''
-- ARGV[5] now, ms
-- Returns 1, or 0 where somebody was faster; publishes the job.

local id = ARGV[1]
local job = load(id)
if not job or job.owner ~= ARGV[2] then return 0 end

redis.call('ZREM', key('owner', job.owner), id)
count(job.owner, job.status, -1)
job.owner, job.version, job.seq, job.updatedAt = ARGV[3], job.version + 1, job.seq + 1, tonumber(ARGV[5])
if ARGV[4] ~= '' then job.labels = job.labels or ARGV[4] end
enlist(id, job)
remember(id, job, job.updatedAt, 'api', 'tracked', 'noted')
save(id, job)
publish(id, job)
return 1
