-- Presses the buttons of mailed links, each once. Arguments: a file with the paths of the links, one a line; presses per
-- thread.
dofile(debug.getinfo(1, "S").source:match("@(.*/)") .. "share.lua")

function init(args)
  expected = 200
  shared(tonumber(args[2]), "/api/v1/petitions/email")
  paths = {}
  local n = 0
  for path in io.lines(args[1]) do
    -- every second one is the other thread's
    if n % 2 == me then paths[#paths + 1] = path end
    n = n + 1
  end
end

function request()
  local n = share_next()
  -- the first request that the first thread is asked for is not sent
  local path = n and paths[me == 0 and n - 1 or n]
  if not path then return idle end
  return "POST " .. path .. " HTTP/1.1\r\nHost: muster\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 0\r\n\r\n"
end
