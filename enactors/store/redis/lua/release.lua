-- KEYS: 1 lease, 2 history. ARGV: resource, enactor, attempt, token, fence.
if redis.call('GET', KEYS[1]) ~= ARGV[4] then
  append(KEYS[2], 'reject', '', '', '', ARGV[2], ARGV[3], ARGV[1], ARGV[4], ARGV[5], '', 'lease_lost', '')
  return 'lease_lost:0'
end
redis.call('DEL', KEYS[1])
append(KEYS[2], 'release', '', '', '', ARGV[2], ARGV[3], ARGV[1], ARGV[4], ARGV[5], '', '', '')
return 0
