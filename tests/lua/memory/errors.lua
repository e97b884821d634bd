-- Errors are caught and go on, unless it was the memory that failed.
local sum = 0
local function protected(f, ...)
	local ok, e = pcall(f, ...)
	if not ok and type(e) == "string" and e:find("not enough memory") then error(e, 0) end
	return e
end
for i = 1, 10 do
	sum = sum + #protected(error, "message " .. i)
	sum = sum + protected(error, { n = i }).n
	sum = sum + #protected(function() local x = nil + 1 end)
	sum = sum + #protected(function() local t = {} t.a.b = 1 end)
	sum = sum + #protected(function() return ("x"):bad() end)
	sum = sum + #protected(string.rep)
	local ok, m = xpcall(function() error("deep " .. i) end, debug.traceback)
	if not m:find("deep") then error(m, 0) end
	sum = sum + 1
	protected(function() local x <close> = setmetatable({}, { __close = function(_, e) sum = sum + #tostring(e) end }) error("closing", 0) end)
	local ok, e = coroutine.resume(coroutine.create(function() error("in coroutine", 0) end))
	if not e:find("in coroutine") then error(e, 0) end
end
return sum
