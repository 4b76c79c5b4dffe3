-- KEYS: 1 lease, 2 history. ARGV: resource, enactor, attempt, token, fence.
-- Wrong on purpose: deletes the lease whoever holds it by now.
local holder = redis.call('GET', KEYS[1])

local function event(kind, reason)
  append(KEYS[2], kind, '', '', '', ARGV[2], ARGV[3], ARGV[1], ARGV[4], ARGV[5], '', reason, '')
end

if not holder then
  event('reject', 'lease_lost')
  return 'lease_lost:0'
end
redis.call('DEL', KEYS[1])
event('release', holder == ARGV[4] and '' or 'foreign')
return 0
