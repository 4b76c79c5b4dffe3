-- KEYS: 1 lease, 2 until when it is held by its owner's clock, 3 fencing counter, 4 history. ARGV: resource, who.
-- Lets a lease run out before its time: to its owner and to everyone else it is as if its time were over.
-- Returns 1, or 0 if nobody holds it.
local token = redis.call('GET', KEYS[1])
if not token then
  return 0
end
redis.call('DEL', KEYS[1], KEYS[2])
append(KEYS[4], 'expire', '', '', '', ARGV[2], '', ARGV[1], token, redis.call('GET', KEYS[3]) or '', '', '', '')
return 1
