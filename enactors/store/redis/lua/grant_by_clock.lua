-- KEYS: 1 lease, 2 until when it is held, 3 fencing counter, 4 history.
-- ARGV: resource, enactor, attempt, token, ttl_ms, the enactor's own time in ms.
-- Returns the fencing number, or 0 if somebody holds the lease by the taker's clock. The server's clock has no say.
local now_ms = tonumber(ARGV[6])
local expiry = redis.call('GET', KEYS[2])
local expired = expiry and tonumber(expiry) <= now_ms
if redis.call('EXISTS', KEYS[1]) == 1 and not expired then
  return 0
end
local until_ms = now_ms + tonumber(ARGV[5])
redis.call('SET', KEYS[1], ARGV[4])
redis.call('SET', KEYS[2], string.format('%.0f', until_ms))
local fence = redis.call('INCR', KEYS[3])
append(KEYS[4], 'grant', '', '', '', ARGV[2], ARGV[3], ARGV[1], ARGV[4], string.format('%.0f', fence), string.format('%.0f', until_ms * 1000), '', '')
return fence
