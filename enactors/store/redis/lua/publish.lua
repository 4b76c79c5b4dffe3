-- KEYS: 1 plans, 2 the plan, 3 history, 4 announcements; for a rollback 5 the plan whose content it takes.
-- ARGV: version, publisher, attempt; for a rollback the version of that plan.
-- Versions only grow: the newest counts even when it was deleted. The stream of announcements remembers it.
local version, publisher, attempt, content = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local last = redis.call('XREVRANGE', KEYS[4], '+', '-', 'COUNT', 1)[1]
local newest = last and last[2][2] or '0'

local function event(kind, reason)
  append(KEYS[3], kind, '', version, newest, publisher, attempt, '', '', '', '', reason, '')
end

if tonumber(version) <= tonumber(newest) then
  event('reject', 'not_newest')
  return 'not_newest:' .. newest
end
if content then
  if redis.call('EXISTS', KEYS[5]) == 0 then
    event('reject', 'plan_gone')
    return 'plan_gone:' .. newest
  end
  -- Of a plan that is a rollback itself, what counts is where its content came from.
  redis.call('HSET', KEYS[2], 'content', redis.call('HGET', KEYS[5], 'content') or content)
end
redis.call('HSET', KEYS[2], 'state', 'live', 'published_by', publisher)
redis.call('ZADD', KEYS[1], version, version)
redis.call('XADD', KEYS[4], 'MAXLEN', 16, version .. '-0', 'v', version)
event('publish', content and 'rollback_to_' .. content or '')
return tonumber(newest)
