-- Applies changes, made by `transitions.plan`, each to the job that it concerns: each of them wholly or not at all.
-- The reference for what happens is `decision.decide`. `row_of`, the allowed moves, stands before this text: it is
-- written from the one table when the scripts are loaded, and so is STRANGERS_OWNER (tracker/store/scripts.py).
-- What is called is the function that this text returns. As a function of Redis the text runs once, when it is loaded, and what is
-- local here stays from call to call (tracker/store/library.py).
-- ARGV[1] a list of changes, packed (see `tracker/store/wire.py`)
-- Returns a list, packed, with an answer to each: {outcome, id, version, status, status before, trail}, {'unknown'} where no job is
-- concerned, {'gone'} where the quarantine has it no more, or {'error', text} for one that failed: it fails alone.
-- Publishes a job when something that can be seen of it has changed.

local MAX_SEEN = 64 * 8
local LONGEST_SILENCE = 600000
local INFERRED_SILENCE, INFERRED_FOR = 3600000, 86400000
local REPAIRS = { found_completed = true, found_failed = true }
local CONCLUSION = { 'result', 'resultExpiresAt', 'error', 'settledBy', 'completedAt', 'inferred' }
local NOTHING = {}

-- The change at hand, the job that it concerns, how that was found, and what it was before.
local change, now
local id, job, how, before, was_inferred, cost_before

-- What all changes of a call together add to the figures, and when upstream is to be asked about whom, false for never: written
-- once, at the end.
local figures, lookups

-- What so many pieces of news ask for alike comes packed (`plan`), and is unpacked when it comes first: see tracker/store/news.py.
local MOST_PLANS = 512
local plans, how_many_plans = {}, 0

local function plan_of(packed)
  if not plans[packed] then
    if how_many_plans >= MOST_PLANS then plans, how_many_plans = {}, 0 end
    plans[packed], how_many_plans = { __index = cmsgpack.unpack(packed) }, how_many_plans + 1
  end
  return plans[packed]
end

local function within(parent, name)
  local found = parent[name]
  if not found then
    found = {}
    parent[name] = found
  end
  return found
end

local function tally(span, owner, what, by)
  local counts = within(within(figures[span], number_of(span, now)), owner)
  counts[what] = (counts[what] or 0) + by
end

local function count_credits(owner, cost)
  if cost ~= 0 then tally('day', owner, 'credits', cost) end
end

-- Our worker's answer is about its own job. A stranger that holds the id was adopted before we knew better: its
-- delivery found no attempt on record, since Redis had lost it. What it knew, a lookup tells again.
local function claim_from(holder)
  local other = load(holder)
  if other and other.owner ~= STRANGERS_OWNER then return change.jobId, 'taken' end
  if other then
    count_credits(other.owner, -(other.creditCost or 0))   -- a lookup tells of them again
    erase(holder, other)
    lookups[holder] = false
  end
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
-- holds the id. A delivery's address binds only a job that was tried and has no upstream id; else the id decides, and who is
-- nobody's is adopted where the change says as what.
local function resolve()
  local upstream = change.upstreamJobId
  if not upstream then return change.jobId, 'held' end
  local addressed = change.jobId and load(change.jobId)
  if addressed and addressed.upstreamJobId == upstream then
    job = addressed
    return change.jobId, 'held'
  end
  local holder = redis.call('HGET', key('upstream'), upstream)
  if change.source == 'worker' then return resolve_answer(upstream, holder) end
  job = holder and load(holder) or nil
  if job then return holder, 'held' end
  if addressed and addressed.attempts and not addressed.upstreamJobId then return change.jobId, 'bound' end
  return change.adoptAs, 'adopted'
end

local function adopt()
  local stranger = { owner = change.strangersOwner, status = 'QUEUED', progress = 0, version = 0, seq = 0 }
  stranger.labels = change.strangersLabels
  save(id, stranger)
  enlist(id, stranger)
  return stranger
end

local function stand()
  return job.disputed and 'DISPUTED' or job.inferred and 'INFERRED' or job.status
end

local function seen_before()
  local seen, print = job.seen, change.fingerprint
  local at = seen and print and seen:find(print, 1, true)
  while at and at % 8 ~= 1 do at = seen:find(print, at + 1, true) end
  return at
end

local function see(print)
  local seen = (job.seen or '') .. print
  job.seen = #seen <= MAX_SEEN and seen or seen:sub(-MAX_SEEN)
end

local function moves(to)
  if job.inferred or to ~= job.status then return true end
  return not job.disputed and change.progress ~= nil and change.progress > job.progress
end

local function fills()
  for field in pairs(change.fill or NOTHING) do
    if not job[field] then return true end
  end
  for field, value in pairs(change.lower or NOTHING) do
    if job[field] and job[field] > value then return true end
  end
  return false
end

-- decision._unmoved
local function unmoved(outcome, to)
  if how == 'bound' and FINAL[job.status] and not job.inferred and not job.disputed then return 'conflict' end
  if to and job.disputed then return 'noted' end
  if to then
    return change.progress and change.progress < job.progress and 'stale' or 'duplicate'
  end
  return outcome == 'duplicate' and fills() and 'noted' or outcome
end

local function bind()
  job.upstreamJobId = change.upstreamJobId
  redis.call('HSET', key('upstream'), change.upstreamJobId, id)
  if job.attemptAt then job.submittedAt = math.max(created_at(id), job.attemptAt) end
end

local function leave_queue()
  dequeue(id, job.owner)
  redis.call('ZREM', key('claimed'), id)
  forget_mask(id, job)
end

-- Within a job, created <= submitted <= started <= completed, whatever clocks said.
local function begun() return job.startedAt or job.submittedAt or created_at(id) end

-- A webhook was due: it came, or a lookup was faster, or it is lost. There is none for CANCELLED.
local function count_end()
  if (job.webhooks or '') ~= '' and (change.source == 'webhook' or REPAIRS[change.type]) then
    tally('minute', job.owner, 'settled:' .. change.source, 1)
  end
end

-- In buckets of which each is a twentieth longer than the one before; from 1 ms on.
local function count_duration(completed)
  local bucket = math.floor(math.log(math.max(1, completed - created_at(id))) / math.log(1.05))
  tally('hour', job.owner, bucket, 1)
end

local function conclude(to)
  local completed = math.max(begun(), math.min(change.completedAt or now, now))
  job.completedAt = completed
  if to == 'COMPLETED' and not job.startedAt then job.startedAt = completed end
  if change.resultLifetime then job.resultExpiresAt = completed + change.resultLifetime end
  if change.source ~= 'api' then job.settledBy = change.source end
  if to ~= before then tally('minute', job.owner, 'ended:' .. to, 1) end
  if was_inferred or not FINAL[before] then
    count_end()
    if to == 'COMPLETED' and job.attempts then count_duration(completed) end   -- of a stranger, nobody knows when it began
  end
  if not job.inferred then job.attemptAt, job.keyMark = nil, nil end
  free_slot(id, job.owner)
  redis.call('ZADD', key('finished'), now, id)
end

local function carry_on(to)
  if to == 'PROCESSING' and not job.startedAt then job.startedAt = math.max(begun(), now) end
  if before == 'PENDING' or FINAL[before] then
    if job.attempts then take_slot(id, job.owner, now) end
    redis.call('ZREM', key('finished'), id)
  end
end

-- To set what is not there to nil makes room for it, and the table may be built anew.
local function without(field)
  if job[field] ~= nil then job[field] = nil end
end

local function move_to(to)
  if before == 'PENDING' then leave_queue() end
  if to ~= before then
    redis.call('ZREM', key('status', before), id)
    redis.call('ZADD', key('status', to), 0, id)
    count(job.owner, before, -1)
    count(job.owner, to, 1)
    job.status = to
  end
  if FINAL[before] then
    for _, field in ipairs(CONCLUSION) do without(field) end
  end
  for _, field in ipairs(change.drop or NOTHING) do without(field) end
  for field, value in pairs(change.put or NOTHING) do job[field] = value end
  local progress = to == 'COMPLETED' and 100 or to == 'PROCESSING' and change.progress or 0
  job.progress = math.max(job.progress, progress)
  if FINAL[to] then conclude(to) else carry_on(to) end
end

local function fill()
  local filled = false
  for field, value in pairs(change.fill or NOTHING) do
    if not job[field] then
      job[field] = value
      if field == 'parentJobId' then redis.call('ZADD', key('parent', value), 0, id) end
      filled = true
    end
  end
  for field, value in pairs(change.lower or NOTHING) do
    if job[field] and job[field] > value then
      job[field] = value
      filled = true
    end
  end
  return filled
end

local function settle_dispute()
  job.disputed, job.arbitrated = nil, 1
end

local function ask_upstream(at) lookups[id] = at end

-- What is in quarantine no more was deleted, or replayed already: then its job has seen it, and this is a call that is
-- made again since the answer of the first was lost, or one of two operators who replay it.
-- Returns a word where there is nothing to do.
local function find()
  id, how = resolve()
  local entry = change.quarantined
  local held = not entry or redis.call('XDEL', key('quarantine'), entry) == 1
  if id and how == 'adopted' and held then
    job = adopt()
  elseif id and not job then
    job = load(id)
  end
  if not held and not (job and seen_before()) then return 'gone' end
  return not job and 'unknown' or nil
end

local rows = {}
local function row()
  rows[change.type] = rows[change.type] or row_of(change.type)
  return rows[change.type]
end

-- What the table says, and what becomes of it here: the outcome, whether anything of it can be seen, whether upstream is
-- to be asked at once.
local function judge(seen)
  local outcome, to, upholds = unpack(row()[stand()])
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
    job.disputed = 1
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
    lookups[id] = false
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
  if change.source == 'webhook' then tally('minute', job.owner, 'webhook:' .. outcome, 1) end
  count_credits(job.owner, (job.creditCost or 0) - cost_before)
end

-- Bookkeeping: 0 is nothing.
local function mark()
  for field, value in pairs(change.mark or NOTHING) do
    if value == 0 then without(field) else job[field] = value end
  end
end

local function apply()
  job = nil
  local word = find()
  if word then return { word } end
  before, was_inferred, cost_before = job.status, job.inferred, job.creditCost or 0

  local seen = seen_before()
  local outcome, visible, asks = judge(seen)
  mark()
  follow_up(outcome, asks)
  if job.status == 'PENDING' and change.retryAt then wait_for_the_next_attempt() end

  if how == 'adopted' then outcome = 'adopted' end
  count_news(outcome)
  if change.fingerprint and not seen then see(change.fingerprint) end
  job.seq = job.seq + 1
  if visible then job.version, job.updatedAt = job.version + 1, math.max(now, job.updatedAt or 0) end
  remember(id, job, now, change.source, change.type, outcome, change.progress, change.detail)
  save(id, job)
  if visible then publish(id, job) end
  return { outcome, id, job.version, job.status, before, job.trail or '' }
end

local function write_figures()
  for span, numbers in pairs(figures) do
    for number, owners in pairs(numbers) do
      for owner, counts in pairs(owners) do
        for what, by in pairs(counts) do raise(span, number, owner, what, by) end
      end
    end
  end
end

local function write_lookups()
  local due, over = {}, {}
  for job_id, at in pairs(lookups) do
    if at then
      due[#due + 1], due[#due + 2] = string.format('%d', at), 'lookup:' .. job_id
    else
      over[#over + 1] = 'lookup:' .. job_id
    end
  end
  if #due > 0 then redis.call('ZADD', key('outbox'), unpack(due)) end
  if #over > 0 then redis.call('ZREM', key('outbox'), unpack(over)) end
end

return function()
  local unknown = unknown_layout()
  if unknown then return unknown end
  figures, lookups = { minute = {}, hour = {}, day = {} }, {}
  local answers = {}
  for i, one in ipairs(cmsgpack.unpack(ARGV[1])) do
    change, now = one.plan and setmetatable(one, plan_of(one.plan)) or one, one.at
    local well, answer = pcall(apply)
    answers[i] = well and answer or { 'error', tostring(type(answer) == 'table' and answer.err or answer) }
  end
  write_figures()
  write_lookups()
  return cmsgpack.pack(answers)
end
