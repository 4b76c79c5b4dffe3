-- KEYS: 1 lease, 2 fencing counter, 3 history. ARGV: resource, enactor, attempt, token, ttl_ms.
-- Returns the fencing number, or 0 if somebody holds the lease.
if not redis.call('SET', KEYS[1], ARGV[4], 'NX', 'PX', ARGV[5]) then
  return 0
end
local fence = redis.call('INCR', KEYS[2])
append(KEYS[3], 'grant', '', '', '', ARGV[2], ARGV[3], ARGV[1], ARGV[4], string.format('%.0f', fence), expires_us(ARGV[5]), '', '')
return fence
