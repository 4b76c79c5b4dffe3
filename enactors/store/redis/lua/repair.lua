-- KEYS: 1 endpoint, 2 history, 3 references per plan, 4 the plan. ARGV: endpoint, operator, version, attempt, rollback.
local version = ARGV[3]
local previous = redis.call('HGET', KEYS[1], 'version') or '0'

local function event(kind, reason)
  append(KEYS[2], kind, ARGV[1], version, previous, ARGV[2], ARGV[4], '', '', '', '', reason, '')
end

if redis.call('EXISTS', KEYS[4]) == 0 then
  event('reject', 'plan_gone')
  return 'plan_gone:' .. previous
end
redis.call('HSET', KEYS[1], 'version', version)
if ARGV[5] == '1' then
  redis.call('HSET', KEYS[1], 'rollback', version)
end
move_reference(KEYS[3], previous, version)
event('repair', '')
return tonumber(previous)
