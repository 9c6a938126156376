-- Removes jobs that ended before a moment, with every index entry of theirs. Never scans the keyspace.
-- ARGV[1] the moment, ms
-- ARGV[2] how many at most
-- Returns how many; publishes nothing.

local ids = redis.call('ZRANGEBYSCORE', key('finished'), '-inf', ARGV[1], 'LIMIT', 0, ARGV[2])
for _, id in ipairs(ids) do
  local job = load(id)
  if job then erase(id, job) else redis.call('ZREM', key('finished'), id) end
end
return #ids
