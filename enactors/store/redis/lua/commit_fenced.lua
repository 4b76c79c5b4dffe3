-- KEYS[4]: the highest fence seen at a write of this endpoint.
if tonumber(fence) < tonumber(redis.call('GET', KEYS[4]) or '0') then
  return refuse('fence_too_low')
end
local result = apply()
if type(result) == 'number' then
  redis.call('SET', KEYS[4], fence)
end
return result
