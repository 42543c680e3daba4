-- For a fixed number of requests: each of the two threads sends its share and stops, so that the server gets exactly that
-- many. To be loaded before anything else. A script calls shared(count, idle) in init() and share_next() in request().
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

-- Sets the number of requests of this thread, and the path that is read once they are all sent.
function shared(count, path)
  share = count
  limit = share + (me == 0 and 1 or 0) -- wrk calls request() once more in the first thread, for a request that it does not send
  idle = "GET " .. path .. " HTTP/1.1\r\nHost: muster\r\n\r\n"
  asked, answered = 0, 0
end

-- The number of the next request, from 1; none: send `idle`.
function share_next()
  began = began or clock()
  if asked == limit then return nil end
  asked = asked + 1
  return asked
end

function response(status)
  if status == expected then
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
