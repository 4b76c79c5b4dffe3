-- KEYS[4]: the lease. Write and check are one step, so the lease can't expire between them.
if redis.call('GET', KEYS[4]) ~= token then
  return refuse('not_owner')
end
return apply()
