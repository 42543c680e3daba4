-- Sends GET requests for one path. Argument: the path.
dofile(debug.getinfo(1, "S").source:match("@(.*/)") .. "report.lua")

function init(args)
  get = "GET " .. args[1] .. " HTTP/1.1\r\nHost: muster\r\n\r\n"
end

function request() return get end
