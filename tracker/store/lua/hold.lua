-- Holds all submissions for a time; a hold that lasts longer already stays as it is.
-- ARGV[1] reason, for people
-- ARGV[2] how long, ms
-- Returns 1 where the hold is this one now, else 0; publishes nothing.

if redis.call('PTTL', key('hold')) >= tonumber(ARGV[2]) then return 0 end
redis.call('SET', key('hold'), ARGV[1], 'PX', ARGV[2])
return 1
