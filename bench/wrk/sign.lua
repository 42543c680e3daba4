-- Signs a petition, each time with a new address. Arguments: the petition's slug, a prefix of the addresses, mean
-- think time (ms).
dofile(debug.getinfo(1, "S").source:match("@(.*/)") .. "report.lua")

local threads = 0
function setup(thread)
  thread:set("me", threads)
  threads = threads + 1
end

function init(args)
  head = "POST /api/v1/petitions/" .. args[1] .. "/signatures HTTP/1.1\r\nHost: muster\r\n" ..
    "Content-Type: application/json\r\nContent-Length: "
  before = '{"person":{"given_name":"Amara","family_name":"Okafor","email_addresses":[{"address":"' .. args[2] .. me .. "-"
  after = '@example.org"}],"postal_addresses":[{"postal_code":"M5V 2T6","region":"ON","country":"CA"}]},' ..
    '"comments":"Status for all, now, and nobody left behind.","muster:display":"initials"}'
  length = #before + 8 + #after
  head = head .. length .. "\r\n\r\n" .. before
  think = tonumber(args[3])
  n = 0
  if think then
    math.randomseed(me + 1)
    function delay() return math.random(0, 2 * think) end -- random, so that the connections are not in step
  end
end

function request()
  n = n + 1
  return head .. string.format("%08d", n) .. after
end
