-- KEYS: 1 plans, 2 the plan, 3 quarantined plans, 4 references per plan, 5 history.
-- ARGV: version, cleaner, attempt, rule.
local version, rule = ARGV[1], ARGV[4]
local active = redis.call('HGET', KEYS[4], version) or '0'
local state = redis.call('HGET', KEYS[2], 'state')

local function event(kind, reason)
  append(KEYS[5], kind, '', version, '', ARGV[2], ARGV[3], '', '', '', '', reason, active)
end

if not state or (rule == 'quarantine' and state == 'quarantined') then
  event('reject', 'plan_gone')
  return 'plan_gone:0'
end
if rule == 'skip_active' and active ~= '0' then
  event('reject', 'plan_active')
  return 'plan_active:0'
end
redis.call('ZREM', KEYS[1], version)
if rule == 'quarantine' then
  redis.call('HSET', KEYS[2], 'state', 'quarantined')
  redis.call('ZADD', KEYS[3], version, version)
  event('quarantine', '')
else
  redis.call('ZREM', KEYS[3], version)
  redis.call('DEL', KEYS[2])
  event('delete', '')
end
return 0
