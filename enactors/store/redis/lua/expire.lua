-- KEYS: 1 lease, 2 until when it is held by its owner's clock, 3 what keeps it from others once it ran out,
-- 4 fencing counter, 5 history. ARGV: resource, who.
-- Lets a lease run out before its time: to its owner and to everyone else it is as if its time were over.
-- Returns 1, or 0 if nobody holds it.
local token = redis.call('GET', KEYS[1])
if not token then
  return 0
end
redis.call('DEL', KEYS[1], KEYS[2], KEYS[3])
append(KEYS[5], 'expire', '', '', '', ARGV[2], '', ARGV[1], token, redis.call('GET', KEYS[4]) or '', '', '', '')
return 1
