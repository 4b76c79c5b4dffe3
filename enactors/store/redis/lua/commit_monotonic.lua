if tonumber(version) <= tonumber(previous) then
  return refuse('not_newer')
end
return apply()
