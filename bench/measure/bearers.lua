-- Requests with a bearer token each, taken in turn from a file: `wrk -s bearers.lua URL -- FILE`. What is sent is made beforehand, so that
-- the load costs the same for every token.
local requests, at = {}, 0

function init(arguments)
  for token in io.lines(arguments[1]) do
    requests[#requests + 1] = wrk.format("GET", nil, { ["Host"] = wrk.host, ["Authorization"] = "Bearer " .. token })
  end
end

function request()
  at = at % #requests + 1
  return requests[at]
end
