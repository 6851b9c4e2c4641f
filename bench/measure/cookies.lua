-- Requests with a cookie each, taken in turn from a file: `wrk -s cookies.lua URL -- FILE NAME`. What is sent is made beforehand, so that
-- the load costs the same for every cookie.
local requests, at = {}, 0

function init(arguments)
  for line in io.lines(arguments[1]) do
    requests[#requests + 1] = wrk.format("GET", nil, { ["Host"] = wrk.host, ["Cookie"] = arguments[2] .. "=" .. line })
  end
end

function request()
  at = at % #requests + 1
  return requests[at]
end
