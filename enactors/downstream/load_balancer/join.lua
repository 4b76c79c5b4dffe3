-- KEYS: 1 the counter `launched`, 2 to 4 the sets of targets of zones a to c, 5 the prefix of the keys of configured
-- instances, 6 history. ARGV: enactor, attempt, 3 the first number, 4 the last, 5 'base' or 'launched'.
-- Puts targets of these numbers into service: base targets are reachable at once; of instances no more than were
-- launched, reachable or not. Returns how many joined.
-- Keys of instances depend on the counter, so they can't be declared; they share the hash tag of their prefix.
local first, last = tonumber(ARGV[3]), tonumber(ARGV[4])
if ARGV[5] == 'launched' then
  last = math.min(last, tonumber(redis.call('GET', KEYS[1]) or '0'))
end
for number = first, last do
  local name = string.format('%.0f', number)
  if ARGV[5] == 'base' then
    redis.call('SET', KEYS[5] .. name, 1)
  end
  redis.call('SADD', KEYS[2 + number % 3], name)
  append(KEYS[6], 'join', ({'a', 'b', 'c'})[1 + number % 3], name, '', ARGV[1], ARGV[2], '', '', '', '', '',
         redis.call('EXISTS', KEYS[5] .. name))
end
return math.max(0, last - first + 1)
