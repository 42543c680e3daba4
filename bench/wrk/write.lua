-- Writes vouched letters, each with a new address. Arguments: the letter action's slug, a prefix of the addresses, an
-- API token.
dofile(debug.getinfo(1, "S").source:match("@(.*/)") .. "report.lua")

local threads = 0
function setup(thread)
  thread:set("me", threads)
  threads = threads + 1
end

function init(args)
  before = '{"person":{"given_name":"Amara","family_name":"Okafor","email_addresses":[{"address":"' .. args[2] .. me .. "-"
  after = '@example.org"}],"postal_addresses":[{"postal_code":"M5V 2T6","locality":"Toronto","region":"ON","country":"CA"}]}}'
  head = "POST /api/v1/advocacy_campaigns/" .. args[1] .. "/outreaches HTTP/1.1\r\nHost: muster\r\nOSDI-API-Token: " .. args[3] ..
    "\r\nContent-Type: application/json\r\nContent-Length: " .. (#before + 8 + #after) .. "\r\n\r\n" .. before
  n = 0
end

function request()
  n = n + 1
  return head .. string.format("%08d", n) .. after
end
