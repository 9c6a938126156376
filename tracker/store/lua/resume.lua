-- Ends a pause. An operator ends every hold with it, and whatever there is; a worker only the pause that it has looked at, and
-- the account is not asked about again before its time: else one that looks well, and is not, would be tried without end.
-- ARGV[1] when the pause began, as it is written, a blank and its cause; or '' for an operator
-- Returns 1 where there was one to end, else 0; publishes nothing.

local found = redis.call('GET', key('pause'))
local pause = found and cjson.decode(found)
if ARGV[1] == '' then redis.call('DEL', key('hold'), key('probe')) end
if not pause or (ARGV[1] ~= '' and pause.since .. ' ' .. pause.cause ~= ARGV[1]) then return 0 end
redis.call('DEL', key('pause'))
return 1
