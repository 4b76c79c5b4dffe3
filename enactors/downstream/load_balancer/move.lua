-- KEYS: 1 the set of the zone's targets in service, then the key of each target's configuration, at last the history.
-- ARGV: enactor, attempt, 3 the event (`remove`, `restore`, or `reject` for what the velocity control does not allow),
-- 4 the zone, 5 the reason, 6 whether the zone fails over, then the number of each target (none: a fail-over that the
-- velocity control does not allow).
-- What is true of a target, whether its configuration is there, is looked up here, in the step that moves it.
local history = KEYS[#KEYS]
if ARGV[6] == '1' then
  append(history, 'failover', ARGV[4], '', '', ARGV[1], ARGV[2], '', '', '', '', '', '')
end
if ARGV[3] == 'reject' and #ARGV == 6 then
  append(history, 'reject', ARGV[4], '', '', ARGV[1], ARGV[2], '', '', '', '', ARGV[5], '')
end
for at = 7, #ARGV do
  if ARGV[3] == 'remove' then
    redis.call('SREM', KEYS[1], ARGV[at])
  elseif ARGV[3] == 'restore' then
    redis.call('SADD', KEYS[1], ARGV[at])
  end
  append(history, ARGV[3], ARGV[4], ARGV[at], '', ARGV[1], ARGV[2], '', '', '', '', ARGV[5],
         redis.call('EXISTS', KEYS[at - 5]))
end
return #ARGV - 6
