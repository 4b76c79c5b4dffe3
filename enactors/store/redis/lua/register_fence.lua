-- KEYS: 1 endpoint, 2 history, 3 highest fence seen.
-- ARGV: endpoint, enactor, version, attempt, lease, token, fence. Returns as a commit does.
local previous = redis.call('HGET', KEYS[1], 'version') or '0'
local fence = ARGV[7]
if tonumber(fence) < tonumber(redis.call('GET', KEYS[3]) or '0') then
  append(KEYS[2], 'reject', ARGV[1], ARGV[3], previous, ARGV[2], ARGV[4], ARGV[5], ARGV[6], fence, '', 'read_fence_too_low', '')
  return 'fence_too_low:' .. previous
end
redis.call('SET', KEYS[3], fence)
append(KEYS[2], 'register', ARGV[1], ARGV[3], previous, ARGV[2], ARGV[4], ARGV[5], ARGV[6], fence, '', '', '')
return tonumber(previous)
