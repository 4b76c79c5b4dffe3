-- KEYS: 1 network_queue, 2 the prefix of the keys of configured instances, 3 history. ARGV: enactor, attempt.
-- Configures the instance that has waited longest. Returns its number, or 0 if none waits.
-- The key depends on the number read here, so it can't be declared; it shares the hash tag of its prefix.
local instance = redis.call('LPOP', KEYS[1])
if not instance then
  return 0
end
redis.call('SET', KEYS[2] .. instance, 1)
append(KEYS[3], 'configure', '', instance, '', ARGV[1], ARGV[2], '', '', '', '', '', '')
return tonumber(instance)
