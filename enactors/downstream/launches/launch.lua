-- KEYS: the lease of each candidate host, the counter `launched`, the list `network_queue`, the history.
-- ARGV: 1 enactor, 2 attempt, then the resource of each candidate's lease.
-- The first candidate with a live lease gets the instance. Returns its number, or no_lease.
local launched, queue, history = KEYS[#KEYS - 2], KEYS[#KEYS - 1], KEYS[#KEYS]
for at = 3, #ARGV do
  local token = redis.call('GET', KEYS[at - 2])
  if token then
    local instance = redis.call('INCR', launched)
    redis.call('RPUSH', queue, instance)
    append(history, 'launch', '', instance, '', ARGV[1], ARGV[2], ARGV[at], token, '', '', '', '')
    return instance
  end
end
append(history, 'reject', '', '', '', ARGV[1], ARGV[2], '', '', '', '', 'no_lease', '')
return 'no_lease:0'
