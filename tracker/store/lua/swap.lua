-- Puts a job's record of today's layout in the place of one of layout 1, where nobody has touched that since it was read.
-- ARGV[1] job id
-- ARGV[2] the old record, as DUMP gave it
-- ARGV[3] today's, packed
-- Returns 1, or 0 where another is there by now; publishes nothing, since nothing is to be seen of it.

if redis.call('DUMP', key('job', ARGV[1])) ~= ARGV[2] then return 0 end
redis.call('SET', key('job', ARGV[1]), ARGV[3])
redis.call('DEL', key('history', ARGV[1]))
return 1
