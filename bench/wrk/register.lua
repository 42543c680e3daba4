-- Registers for an event, each time with a new address. Arguments: the event's slug, requests per thread.
dofile(debug.getinfo(1, "S").source:match("@(.*/)") .. "share.lua")

function init(args)
  expected = 202
  shared(tonumber(args[2]), "/api/v1/events/" .. args[1])
  head = "POST /api/v1/events/" .. args[1] .. "/attendances HTTP/1.1\r\nHost: muster\r\nContent-Type: application/json\r\nContent-Length: "
  before = '{"person":{"given_name":"Amara","family_name":"Okafor","email_addresses":[{"address":"r' .. me .. "-"
  after = '@example.org"}]}}'
  head = head .. (#before + 8 + #after) .. "\r\n\r\n" .. before
end

function request()
  local n = share_next()
  return n and head .. string.format("%08d", n) .. after or idle
end
