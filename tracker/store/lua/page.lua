-- One page of jobs, newest first, that lie in every one of some groups of indexes (in any index of a group).
-- ARGV[1] upper bound of the id: '+' or '(ID', below which the page begins
-- ARGV[2] lower bound of the id: '-' or '[ID'
-- ARGV[3] how many jobs at most
-- ARGV[4] how many ids to look at, at most: bounds the time that Redis is held
-- ARGV[5] index to walk
-- ARGV[6...] the other groups, each a JSON list of index keys
-- Returns {last id looked at or '', 1 if no ids lie behind those looked at, id, record as a flat list, id, record, ...};
-- publishes nothing.
-- An entry whose record is gone (somebody deleted it by hand) is removed on the way.

local walk, wanted, budget = ARGV[5], tonumber(ARGV[3]), tonumber(ARGV[4])
local groups = {}
for i = 6, #ARGV do groups[#groups + 1] = cjson.decode(ARGV[i]) end

local function within(group, id)
  for _, index in ipairs(group) do
    if redis.call('ZSCORE', KEYS[1] .. index, id) then return true end
  end
  return false
end

local function matches(id)
  for _, group in ipairs(groups) do
    if not within(group, id) then return false end
  end
  return true
end

local ids = redis.call('ZREVRANGEBYLEX', KEYS[1] .. walk, ARGV[1], ARGV[2], 'LIMIT', 0, budget)
local found, last = {}, ''
for _, id in ipairs(ids) do
  if wanted == 0 then break end
  last = id
  if matches(id) then
    local record = redis.call('HGETALL', key('job', id))
    if #record > 0 then
      found[#found + 1], found[#found + 2] = id, record
      wanted = wanted - 1
    else
      redis.call('ZREM', KEYS[1] .. walk, id)
    end
  end
end
return { last, #ids < budget and 1 or 0, unpack(found) }
