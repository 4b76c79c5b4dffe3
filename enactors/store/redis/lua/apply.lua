-- Stands before every commit_*.lua.
-- KEYS: 1 endpoint, 2 history, 3 references per plan, 4 the key of the rule (lease, or highest fence seen), and
-- where there is a checkpoint to keep with the write, 5 its key.
-- ARGV: as named here, and 12 the checkpoint. Returns the version before as a number, or "reason:version before" when refused.
local name, enactor, plans, rollback, referential = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local version, attempt, lease, token, fence, seen = ARGV[6], ARGV[7], ARGV[8], ARGV[9], ARGV[10], ARGV[11]
local previous = redis.call('HGET', KEYS[1], 'version') or '0'

local function refuse(reason)
  append(KEYS[2], 'reject', name, version, previous, enactor, attempt, lease, token, fence, '', reason, '')
  return reason .. ':' .. previous
end

-- The plan's key depends on values read here, so it can't be declared; it shares the hash tag of the others.
local function apply()
  if referential == '1' and redis.call('HGET', plans .. version, 'state') ~= 'live' then
    return refuse('plan_gone')
  end
  if rollback == '1' then
    if previous ~= '0' and redis.call('EXISTS', plans .. previous) == 0 then
      return refuse('no_rollback_plan')
    end
    redis.call('HSET', KEYS[1], 'version', version, 'rollback', previous)
  else
    redis.call('HSET', KEYS[1], 'version', version)
  end
  move_reference(KEYS[3], previous, version)
  if ARGV[12] then
    redis.call('SET', KEYS[5], ARGV[12])
  end
  append(KEYS[2], 'commit', name, version, previous, enactor, attempt, lease, token, fence, '', '', '')
  return tonumber(previous)
end
