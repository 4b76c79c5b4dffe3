-- KEYS: 1 plans, 2 the plan, 3 history, 4 announcements. ARGV: version, publisher, attempt.
local newest = redis.call('ZREVRANGE', KEYS[1], 0, 0)[1] or '0'
if tonumber(ARGV[1]) <= tonumber(newest) then
  append(KEYS[3], 'reject', '', ARGV[1], newest, ARGV[2], ARGV[3], '', '', '', '', 'not_newest', '')
  return 'not_newest:' .. newest
end
redis.call('HSET', KEYS[2], 'state', 'live', 'published_by', ARGV[2])
redis.call('ZADD', KEYS[1], ARGV[1], ARGV[1])
redis.call('XADD', KEYS[4], 'MAXLEN', 16, ARGV[1] .. '-0', 'v', ARGV[1])
append(KEYS[3], 'publish', '', ARGV[1], newest, ARGV[2], ARGV[3], '', '', '', '', '', '')
return tonumber(newest)
