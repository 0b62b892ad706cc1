-- Sends the requests that webhooks.py wrote, one after another, as they are.
local requests, next_one = {}, 0

function init(args)
   local file = assert(io.open(args[1], "rb"))
   while true do
      local length = file:read(8)
      if not length then break end
      requests[#requests + 1] = file:read(tonumber(length))
   end
   file:close()
end

function request()
   next_one = next_one % #requests + 1
   return requests[next_one]
end
