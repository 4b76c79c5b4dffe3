-- Stands before every script: the server's time, the one way to write the history, and the count of references.
-- Numbers stay strings from the caller to the event: Lua would print a large one as 1.7e+15.
local now = redis.call('TIME')

local function append(history, kind, endpoint, version, previous, enactor, attempt, lease, token, fence,
                      expires_us, reason, active)
  redis.call('XADD', history, '*', 'e', table.concat({now[1], now[2], kind, endpoint, version, previous, enactor,
                                                      attempt, lease, token, fence, expires_us, reason, active}, ','))
end

local function move_reference(references, previous, version)
  if previous == version then
    return
  end
  redis.call('HINCRBY', references, version, 1)
  if previous ~= '0' and redis.call('HINCRBY', references, previous, -1) == 0 then
    redis.call('HDEL', references, previous)
  end
end

local function expires_us(ttl_ms)
  return string.format('%.0f', now[1] * 1000000 + now[2] + ttl_ms * 1000)
end
