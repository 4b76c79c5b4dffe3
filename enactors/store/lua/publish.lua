-- KEYS: 1 plans, 2 the plan, 3 history, 4 announcements. ARGV: version, publisher, attempt.
-- Versions only grow: the newest counts even when it was deleted. The stream of announcements remembers it.
local last = redis.call('XREVRANGE', KEYS[4], '+', '-', 'COUNT', 1)[1]
local newest = last and last[2][2] or '0'
if tonumber(ARGV[1]) <= tonumber(newest) then
  append(KEYS[3], 'reject', '', ARGV[1], newest, ARGV[2], ARGV[3], '', '', '', '', 'not_newest', '')
  return 'not_newest:' .. newest
end
redis.call('HSET', KEYS[2], 'state', 'live', 'published_by', ARGV[2])
redis.call('ZADD', KEYS[1], ARGV[1], ARGV[1])
redis.call('XADD', KEYS[4], 'MAXLEN', 16, ARGV[1] .. '-0', 'v', ARGV[1])
append(KEYS[3], 'publish', '', ARGV[1], newest, ARGV[2], ARGV[3], '', '', '', '', '', '')
return tonumber(newest)
