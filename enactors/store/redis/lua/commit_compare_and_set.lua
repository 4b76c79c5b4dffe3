if seen ~= previous then
  return refuse('changed')
end
return apply()
