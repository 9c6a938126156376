-- Ends a pause, and every hold.
-- ARGV[1] the pause as it was read: one that was set since stays; or '' for whichever there is
-- Returns 1 where there was one, else 0; publishes nothing.

local pause = redis.call('GET', key('pause'))
if not pause or (ARGV[1] ~= '' and pause ~= ARGV[1]) then return 0 end
redis.call('DEL', key('pause'), key('hold'), key('probe'))
return 1
