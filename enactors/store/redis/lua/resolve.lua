-- KEYS: 1 endpoint. ARGV: the plans' common key. Returns the version that answers, or "plan_gone:version".
-- The plan's key depends on the value read here, so it can't be declared; it shares the endpoint's hash tag.
local version = redis.call('HGET', KEYS[1], 'version') or '0'
if version ~= '0' and redis.call('EXISTS', ARGV[1] .. version) == 0 then
  return 'plan_gone:' .. version
end
return tonumber(version)
