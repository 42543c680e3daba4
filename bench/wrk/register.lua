-- Registers for an event, each time with a new address; each of the two threads stops after its share, so that the
-- server gets exactly that many requests. Arguments: the event's slug, requests per thread.
local ffi = require("ffi")
ffi.cdef("typedef struct { long s; long us; } stamp; int gettimeofday(stamp *at, void *zone);")
local function clock()
  local at = ffi.new("stamp")
  ffi.C.gettimeofday(at, nil)
  return tonumber(at.s) + tonumber(at.us) / 1e6
end

dofile(debug.getinfo(1, "S").source:match("@(.*/)") .. "report.lua")

local threads, all = 0, {}
function setup(thread)
  thread:set("me", threads)
  threads = threads + 1
  table.insert(all, thread)
end

function init(args)
  head = "POST /api/v1/events/" .. args[1] .. "/attendances HTTP/1.1\r\nHost: muster\r\nContent-Type: application/json\r\nContent-Length: "
  before = '{"person":{"given_name":"Amara","family_name":"Okafor","email_addresses":[{"address":"r' .. me .. "-"
  after = '@example.org"}]}}'
  head = head .. (#before + 8 + #after) .. "\r\n\r\n" .. before
  share = tonumber(args[2])
  limit = share + (me == 0 and 1 or 0) -- wrk calls request() once more in the first thread, for a request that it does not send
  idle = "GET /api/v1/events/" .. args[1] .. " HTTP/1.1\r\nHost: muster\r\n\r\n"
  asked, answered = 0, 0
end

function request()
  began = began or clock()
  if asked == limit then return idle end
  asked = asked + 1
  return head .. string.format("%08d", asked) .. after
end

function response(status)
  if status == 202 then
    answered = answered + 1
    if answered == share then
      ended = clock()
      wrk.thread:stop()
    end
  end
end

-- wrk runs for the whole time given even if the threads have stopped, so the duration is measured here.
local report = done
function done(summary, latency)
  local first, last = math.huge, 0
  for _, thread in ipairs(all) do
    first = math.min(first, thread:get("began"))
    last = math.max(last, thread:get("ended") or math.huge)
  end
  summary.duration = (last - first) * 1e6
  report(summary, latency)
end
