-- KEYS[4]: the lease. Wrong on purpose: looks whether it is held, and not by whom.
if redis.call('EXISTS', KEYS[4]) == 0 then
  return refuse('not_owner')
end
return apply()
