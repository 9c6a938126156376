-- Takes follow-up work that is due. It comes back after the lease unless what it leads to removes or reschedules it.
-- ARGV[1] now, ms
-- ARGV[2] lease, ms
-- ARGV[3] how many at most
-- Returns the members taken, oldest first; publishes nothing.

local due = redis.call('ZRANGEBYSCORE', key('outbox'), '-inf', ARGV[1], 'LIMIT', 0, ARGV[3])
for _, member in ipairs(due) do
  redis.call('ZADD', key('outbox'), tonumber(ARGV[1]) + tonumber(ARGV[2]), member)
end
return due
