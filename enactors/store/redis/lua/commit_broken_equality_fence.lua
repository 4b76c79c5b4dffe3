-- KEYS[4]: the highest fence seen at a write of this endpoint. Wrong on purpose: any other fence passes, lower ones too.
local highest = tonumber(redis.call('GET', KEYS[4]) or '0')
if tonumber(fence) == highest then
  return refuse('fence_too_low')
end
local result = apply()
if type(result) == 'number' and tonumber(fence) > highest then
  redis.call('SET', KEYS[4], fence)
end
return result
