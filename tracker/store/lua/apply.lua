-- Applies changes, made by `transitions.plan`, each to the job that it concerns: each of them wholly or not at all.
-- The reference for what happens is `decision.decide`. `RULES`, the allowed moves, stand before this text: they are
-- written from the one table when the scripts are loaded (tracker/store/scripts.py).
-- ARGV[1] a change as JSON (see `tracker/store/wire.py`)
-- ARGV[2] fingerprint of the delivery, 8 bytes, or ''
-- ARGV[3] its entry in quarantine, which it leaves with this, or ''
-- ARGV[4...] further changes, three at a time
-- Returns for each {outcome, id, version, status, status before}, {'unknown'} where no job is concerned, {'gone'} where the
-- quarantine has it no more, or {'error', text} for one that failed: it fails alone.
-- Publishes a job when something that can be seen of it has changed.

local MAX_SEEN = 64 * 8
local LONGEST_SILENCE = 600000
local INFERRED_SILENCE, INFERRED_FOR = 3600000, 86400000
local HOUR_AND_A_BIT, DAY_AND_A_BIT, MONTH_AND_A_BIT = 4000, 90000, 2764800   -- seconds: see tracker/store/stats.py
local REPAIRS = { found_completed = true, found_failed = true }
local CONCLUSION = { 'result', 'resultExpiresAt', 'error', 'settledBy', 'completedAt', 'inferred' }
local NOTHING = {}

-- The change at hand, the job that it concerns, how that was found, what it was before, and what is to be written of it.
local change, fingerprint, entry, now
local id, job, how, before, was_inferred, cost_before
local writes, drops

-- Our worker's answer is about its own job. A stranger that holds the id was adopted before we knew better: its
-- delivery found no attempt on record, since Redis had lost it. What it knew, a lookup tells again.
local function claim_from(holder)
  local other = load(holder)
  if other and other.owner ~= change.strangersOwner then return change.jobId, 'taken' end
  if other then erase(holder, other) end
  change.asks = true
  return change.jobId, 'bound'
end

-- Which job our worker's answer is about: its own, if that is still there and is bound to no other id of upstream's.
local function resolve_answer(upstream, holder)
  local job = load(change.jobId)
  if not job then return nil end
  if job.upstreamJobId and job.upstreamJobId ~= upstream then return change.jobId, 'taken' end
  if holder == change.jobId then return holder, 'held' end
  if holder then return claim_from(holder) end
  return change.jobId, job.upstreamJobId and 'held' or 'bound'
end

-- Which job is meant, and how it was found: 'held'; 'bound' or 'adopted' just now; 'taken' where another job of ours
-- holds the id. A delivery's address binds only a job that was tried and has no upstream id; else the id decides.
local function resolve()
  local upstream = change.upstreamJobId
  if not upstream then return change.jobId, 'held' end
  local holder = redis.call('HGET', key('upstream'), upstream)
  if change.source == 'worker' then return resolve_answer(upstream, holder) end
  job = holder and load(holder)
  if job then return holder, 'held' end
  if change.jobId then
    local bound, attempts = unpack(redis.call('HMGET', key('job', change.jobId), 'upstreamJobId', 'attempts'))
    if attempts and not bound then return change.jobId, 'bound' end
  end
  if change.adoptAs then return change.adoptAs, 'adopted' end
  return change.jobId, 'held'
end

local function adopt()
  local stranger = { owner = change.strangersOwner, status = 'QUEUED', progress = '0', version = '0', seq = '0' }
  stranger.labels = change.strangersLabels
  for field, value in pairs(stranger) do redis.call('HSET', key('job', id), field, value) end
  enlist(id, stranger)
  return stranger
end

local function stand()
  return job.disputed and 'DISPUTED' or job.inferred and 'INFERRED' or job.status
end

local function seen_before()
  local seen = job.seen or ''
  if fingerprint == '' then return false end
  for i = 1, #seen, 8 do
    if seen:sub(i, i + 7) == fingerprint then return true end
  end
  return false
end

local function moves(to)
  if job.inferred or to ~= job.status then return true end
  return not job.disputed and change.progress ~= nil and change.progress > tonumber(job.progress)
end

local function fills()
  for field in pairs(change.fill or NOTHING) do
    if not job[field] then return true end
  end
  for field, value in pairs(change.lower or NOTHING) do
    if job[field] and tonumber(job[field]) > value then return true end
  end
  return false
end

-- decision._unmoved
local function unmoved(outcome, to)
  if how == 'bound' and FINAL[job.status] and not job.inferred and not job.disputed then return 'conflict' end
  if to and job.disputed then return 'noted' end
  if to then
    return change.progress and change.progress < tonumber(job.progress) and 'stale' or 'duplicate'
  end
  return outcome == 'duplicate' and fills() and 'noted' or outcome
end

local function put(field, value)
  value = tostring(value)
  writes[field], job[field] = value, value
end

local function drop(field)
  if job[field] then drops[#drops + 1], job[field], writes[field] = field, nil, nil end
end

local function whole(number) return string.format('%.0f', number) end

local function bind()
  put('upstreamJobId', change.upstreamJobId)
  redis.call('HSET', key('upstream'), change.upstreamJobId, id)
  if job.attemptAt then put('submittedAt', whole(math.max(created_at(id), tonumber(job.attemptAt)))) end
end

local function leave_queue()
  dequeue(id, job.owner)
  redis.call('ZREM', key('claimed'), id)
  forget_mask(id, job)
  drop('maskBytes')
end

-- Within a job, created <= submitted <= started <= completed, whatever clocks said.
local function begun() return tonumber(job.startedAt or job.submittedAt or created_at(id)) end

local function in_this_minute(what)
  tally(key('minute', whole(math.floor(now / 60000))), job.owner, what, 1, HOUR_AND_A_BIT)
end

-- A webhook was due: it came, or a lookup was faster, or it is lost. There is none for CANCELLED.
local function count_end()
  if (job.webhookUrl or '') ~= '' and (change.source == 'webhook' or REPAIRS[change.type]) then
    in_this_minute('settled:' .. change.source)
  end
end

-- In buckets of which each is a twentieth longer than the one before; from 1 ms on.
local function count_duration(completed)
  local bucket = math.floor(math.log(math.max(1, completed - created_at(id))) / math.log(1.05))
  tally(key('hour', whole(math.floor(now / 3600000))), job.owner, bucket, 1, DAY_AND_A_BIT)
end

local function conclude(to)
  local completed = math.max(begun(), math.min(change.completedAt or now, now))
  put('completedAt', whole(completed))
  if to == 'COMPLETED' and not job.startedAt then put('startedAt', whole(completed)) end
  if change.resultLifetime then put('resultExpiresAt', whole(completed + change.resultLifetime)) end
  if change.source ~= 'api' then put('settledBy', change.source) end
  if was_inferred or not FINAL[before] then
    count_end()
    if to == 'COMPLETED' then count_duration(completed) end
  end
  free_slot(id, job.owner)
  redis.call('ZADD', key('finished'), now, id)
end

local function carry_on(to)
  if to == 'PROCESSING' and not job.startedAt then put('startedAt', whole(math.max(begun(), now))) end
  if before == 'PENDING' or FINAL[before] then
    if job.attempts then take_slot(id, job.owner, now) end
    redis.call('ZREM', key('finished'), id)
  end
end

local function move_to(to)
  if before == 'PENDING' then leave_queue() end
  if to ~= before then
    redis.call('ZREM', key('status', before), id)
    redis.call('ZADD', key('status', to), 0, id)
    count(job.owner, before, -1)
    count(job.owner, to, 1)
    put('status', to)
  end
  for _, field in ipairs(CONCLUSION) do drop(field) end
  for _, field in ipairs(change.drop or NOTHING) do drop(field) end
  for field, value in pairs(change.put or NOTHING) do put(field, value) end
  local progress = to == 'COMPLETED' and 100 or to == 'PROCESSING' and change.progress or 0
  put('progress', whole(math.max(tonumber(job.progress), progress)))
  if FINAL[to] then conclude(to) else carry_on(to) end
end

local function fill()
  local filled = false
  for field, value in pairs(change.fill or NOTHING) do
    if not job[field] then
      put(field, value)
      if field == 'parentJobId' then redis.call('ZADD', key('parent', value), 0, id) end
      filled = true
    end
  end
  for field, value in pairs(change.lower or NOTHING) do
    if job[field] and tonumber(job[field]) > value then
      put(field, whole(value))
      filled = true
    end
  end
  return filled
end

local function settle_dispute()
  drop('disputed')
  put('arbitrated', 1)
end

local function ask_upstream(at)
  redis.call('ZADD', key('outbox'), at, 'lookup:' .. id)
end

-- What is in quarantine no more was deleted, or replayed already: then its job has seen it, and this is a call that is
-- made again since the answer of the first was lost, or one of two operators who replay it.
-- Returns a word where there is nothing to do.
local function find()
  job = nil
  id, how = resolve()
  local held = entry == '' or redis.call('XDEL', key('quarantine'), entry) == 1
  if how == 'adopted' and held then
    job = adopt()
  elseif id and not job then
    job = load(id)
  end
  if not held and not (job and seen_before()) then return 'gone' end
  return not job and 'unknown' or nil
end

-- What the table says, and what becomes of it here: the outcome, whether anything of it can be seen, whether upstream is
-- to be asked at once.
local function judge(seen)
  local outcome, to, upholds = unpack(RULES[change.type][stand()])
  local visible = how == 'bound' or how == 'adopted'
  if visible then bind() end

  if seen then return 'duplicate', visible, false end
  if change.needsNoSlot and redis.call('ZSCORE', key('inflight'), id) then return 'stale', visible, false end
  if how == 'taken' then return 'conflict', visible, false end
  if to and moves(to) then
    if job.disputed then settle_dispute() end
    move_to(to)
    fill()
    return outcome, true, change.asks and not FINAL[to]
  end

  outcome = unmoved(outcome, to)
  if outcome == 'noted' or outcome == 'duplicate' then visible = fill() or visible end
  if job.disputed and (to or upholds) then settle_dispute() end
  if outcome == 'conflict' and not job.arbitrated then
    put('disputed', 1)
    return outcome, visible, true
  end
  return outcome, visible, change.asks and outcome == 'noted'
end

-- The longer a job has been under way, the longer it may be silent: 30 s at ten minutes, ten minutes at most.
local function silence()
  return math.max(change.silence, math.min((now - begun()) / 20, LONGEST_SILENCE))
end

-- Upstream is asked at once, or after a silence counted from the last news, or never again.
local function follow_up(outcome, asks)
  if asks or how == 'adopted' then
    ask_upstream(now)   -- of a stranger, only upstream knows what it was made from
  elseif job.inferred and job.upstreamJobId and now - begun() < INFERRED_FOR then
    ask_upstream(now + INFERRED_SILENCE)   -- nobody told us so, and upstream may know better by then
  elseif FINAL[job.status] and not job.disputed then
    redis.call('ZREM', key('outbox'), 'lookup:' .. id)
  elseif job.upstreamJobId and (outcome == 'applied' or change.source ~= 'webhook' or how ~= 'held') then
    ask_upstream(now + silence())
  end
end

-- An attempt that came to nothing gives its slot back, unless an earlier one of this job may have come to something.
local function wait_for_the_next_attempt()
  if change.freesSlot and not job.doubtful then
    free_slot(id, job.owner)
    redis.call('ZREM', key('claimed'), id)
    enqueue(id, job.owner, change.retryAt)
  else
    redis.call('ZADD', key('claimed'), change.retryAt, id)
  end
end

local function count_news(outcome)
  if change.source == 'webhook' then in_this_minute('webhook:' .. outcome) end
  local cost = tonumber(job.creditCost or 0) - cost_before
  if cost ~= 0 then tally(key('day', whole(math.floor(now / 86400000))), job.owner, 'credits', cost, MONTH_AND_A_BIT) end
end

local function write()
  local flat = {}
  for field, value in pairs(writes) do flat[#flat + 1], flat[#flat + 2] = field, value end
  redis.call('HSET', key('job', id), unpack(flat))
  local gone = {}
  for _, field in ipairs(drops) do
    if not writes[field] then gone[#gone + 1] = field end
  end
  if #gone > 0 then redis.call('HDEL', key('job', id), unpack(gone)) end
end

local function apply()
  local word = find()
  if word then return { word } end
  before, was_inferred, cost_before = job.status, job.inferred, tonumber(job.creditCost or 0)
  writes, drops = {}, {}

  local seen = seen_before()
  local outcome, visible, asks = judge(seen)
  for field, value in pairs(change.mark or NOTHING) do put(field, value) end
  follow_up(outcome, asks)
  if job.status == 'PENDING' and change.retryAt then wait_for_the_next_attempt() end

  if how == 'adopted' then outcome = 'adopted' end
  count_news(outcome)
  if fingerprint ~= '' and not seen then put('seen', ((job.seen or '') .. fingerprint):sub(-MAX_SEEN)) end
  put('seq', tonumber(job.seq) + 1)
  if visible then
    put('version', tonumber(job.version) + 1)
    put('updatedAt', whole(math.max(now, tonumber(job.updatedAt or 0))))
  end
  write()
  remember(id, tonumber(job.seq), now, job,
    { source = change.source, type = change.type, outcome = outcome, detail = change.detail })
  if visible then publish(id, job) end
  return { outcome, id, job.version, job.status, before }
end

local answers = {}
for i = 1, #ARGV, 3 do
  fingerprint, entry = ARGV[i + 1], ARGV[i + 2]
  local well, answer = pcall(function()
    change = cjson.decode(ARGV[i])
    now = change.at
    return apply()
  end)
  answers[#answers + 1] = well and answer or { 'error', tostring(type(answer) == 'table' and answer.err or answer) }
end
return answers
