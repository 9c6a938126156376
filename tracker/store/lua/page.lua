-- A stretch of jobs, newest first, that lie in every one of some groups of indexes (in any index of a group).
-- ARGV[1] upper bound of the id: '+' or '(ID', below which the stretch begins
-- ARGV[2] lower bound of the id: '-' or '[ID'
-- ARGV[3] how many jobs at most
-- ARGV[4] how many ids to look at, at most: bounds the time that Redis is held
-- ARGV[5] what to tell of each: 'record', 'id', or nothing but their 'count'
-- ARGV[6...] the groups, at least one, each a JSON list of index keys
-- Returns {last id looked at or '', 1 if no ids lie behind those looked at, what was found}: a list of {id, record}, a
-- list of ids, or a number; a count that needs no walk is whole, whatever ARGV[3] says. Publishes nothing.
-- An entry whose record is gone (somebody deleted it by hand) is removed on the way, and never told as a record.

local upper, lower, wanted, budget, telling = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4]), ARGV[5]
local AT_ONCE = 100

-- By time, then byte by byte: Lua compares strings as the server's locale has it.
local function newer(a, a_ms, b, b_ms)
  if a_ms ~= b_ms then return a_ms > b_ms end
  for i = 15, #a do
    if a:byte(i) ~= b:byte(i) then return a:byte(i) > b:byte(i) end
  end
  return false
end

-- A reader of one index; `id` is the newest that was not passed yet, nil at its end.
local function advance(reader)
  reader.at = reader.at + 1
  if reader.at > #reader.ids then
    local from = reader.id and '(' .. reader.id or upper
    reader.ids = redis.call('ZREVRANGEBYLEX', KEYS[1] .. reader.index, from, lower, 'LIMIT', 0, reader.most)
    reader.at = 1
  end
  reader.id = reader.ids[reader.at]
  reader.ms = reader.id and created_at(reader.id)
  return reader
end

local function readers_of(group, most)
  local readers = {}
  for i, index in ipairs(group) do readers[i] = advance({ index = index, most = most, ids = {}, at = 0 }) end
  return readers
end

local function newest(readers)
  local first
  for _, reader in ipairs(readers) do
    if reader.id and (not first or newer(reader.id, reader.ms, first.id, first.ms)) then first = reader end
  end
  return first
end

-- The group with the fewest ids between the bounds is walked; in the others ids are looked up.
local groups, smallest, fewest = {}, 1, math.huge
for i = 6, #ARGV do
  local group, size = cjson.decode(ARGV[i]), 0
  for _, index in ipairs(group) do size = size + redis.call('ZLEXCOUNT', KEYS[1] .. index, lower, upper) end
  groups[#groups + 1] = group
  if size < fewest then smallest, fewest = #groups, size end
end
local walked = table.remove(groups, smallest)
if telling == 'count' and #groups == 0 then return { '', 1, fewest } end

-- What is newer than all of one group is passed over.
for _, group in ipairs(groups) do
  local first = newest(readers_of(group, 1))
  if not first then return { '', 1, telling == 'count' and 0 or {} } end
  upper = '[' .. first.id
end

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

local function told(id, index)
  if telling ~= 'record' then return id end
  local record = redis.call('GET', key('job', id))
  if record then return { id, record } end
  redis.call('ZREM', KEYS[1] .. index, id)
end

local readers, found, last = readers_of(walked, math.min(AT_ONCE, budget)), {}, ''
local first = newest(readers)
while first and budget > 0 and #found < wanted do
  last, budget = first.id, budget - 1
  found[#found + 1] = matches(last) and told(last, first.index) or nil
  advance(first)
  first = newest(readers)
end
return { last, first and 0 or 1, telling == 'count' and #found or found }
