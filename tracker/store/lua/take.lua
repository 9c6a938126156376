-- Takes follow-up work that is due, within the budget that all workers share. It comes back after the lease unless what it
-- leads to removes or reschedules it.
-- ARGV[1] now, ms
-- ARGV[2] lease, ms
-- ARGV[3] how many at most
-- ARGV[4] how many at most in ten seconds, by all workers
-- Returns the members taken, oldest first; publishes nothing.

if redis.call('EXISTS', key('quiet')) == 1 then return {} end
local left = tonumber(ARGV[4]) - tonumber(redis.call('GET', key('polls')) or 0)
local due = redis.call('ZRANGEBYSCORE', key('outbox'), '-inf', ARGV[1], 'LIMIT', 0, math.max(0, math.min(tonumber(ARGV[3]), left)))
for _, member in ipairs(due) do
  redis.call('ZADD', key('outbox'), tonumber(ARGV[1]) + tonumber(ARGV[2]), member)
end
if #due > 0 and redis.call('INCRBY', key('polls'), #due) == #due then redis.call('PEXPIRE', key('polls'), 10000) end
return due
