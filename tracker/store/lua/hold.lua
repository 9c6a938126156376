-- Holds all submissions, or all lookups, for a time; a hold that lasts longer already stays as it is.
-- ARGV[1] 'hold' or 'quiet'
-- ARGV[2] reason, for people
-- ARGV[3] how long, ms
-- Returns 1 where the hold is this one now, else 0; publishes nothing.

if redis.call('PTTL', key(ARGV[1])) >= tonumber(ARGV[3]) then return 0 end
redis.call('SET', key(ARGV[1]), ARGV[2], 'PX', ARGV[3])
return 1
