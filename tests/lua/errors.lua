-- Errors: values, levels, positions, handlers, tracebacks, errors in errors. (The names of variables: messages.lua.)

local function line() return debug.getinfo(2, "l").currentline end

-- error: values of any kind, levels, positions.
print(pcall(error)) print(pcall(error, nil)) print(pcall(error, "m")) print(pcall(error, "m", 0)) print(pcall(error, "m", 1)) print(pcall(error, "m", 2)) print(pcall(error, 5)) print(pcall(error, true)) print(type(select(2, pcall(error, {})))) print(pcall(error, "m", 99)) print(pcall(error, "m", -1)) print(pcall(error, 1.5, 1))
local function thrower(level) error("thrown", level) end
local function caller(level)
	thrower(level)
end
for level = 0, 4 do
	print(level, pcall(caller, level))
end
print(pcall(function() local t = setmetatable({}, { __index = function(_, k) error("no " .. k, 2) end }) return t.field end))
print(select("#", pcall(error)), select("#", pcall(error, nil)), select("#", pcall(function() end)), select("#", pcall(function() return nil, nil end)))
local obj = { code = 42 } local ok, e = pcall(error, obj) print(ok, e == obj, e.code) local ok, e = pcall(error, setmetatable({}, { __tostring = function() return "shown" end })) print(ok, tostring(e))

-- pcall, xpcall.
print(pcall(pcall)) print(pcall(pcall, error, "x")) print(pcall(1)) print(pcall(nil)) print(pcall(pcall))
print(xpcall(function(...) return select("#", ...), ... end, print, 1, nil, 3)) print(xpcall(error, function(m) return "<" .. tostring(m) .. ">", "second" end, "msg")) print(pcall(xpcall)) print(pcall(xpcall, print)) print(pcall(xpcall, print, nil)) print(pcall(xpcall, error, 5, "x")) print(pcall(xpcall, error, {}, "x"))
print(xpcall(function() error("a", 0) end, function(m) error("b", 0) end)) print(xpcall(function() error("a", 0) end, function(m) return m, debug.traceback("t", 1):match("handler") end)) print(xpcall(function() local x = nil + 1 end, function(m) return m:upper() end)) print(xpcall(function() xpcall(error, function(m) return m .. " inner" end, "e", 0) error("outer", 0) end, function(m) return m .. " handled" end))
local depth = 0 print(xpcall(function() error("x", 0) end, function(m) depth = depth + 1 if depth < 5 then error("again" .. depth, 0) end return m .. " at " .. depth end))
print(xpcall(function() return pcall(error, "inside", 0) end, function(m) print("never") end)) print(xpcall(coroutine.wrap(function() error("from a coroutine", 0) end), function(m) return "H " .. m end))
print(pcall(function() error(pcall(error, "nested")) end)) print(pcall(select, -1)) print(pcall(string.rep)) print(pcall(("x").rep, "x", {})) print(pcall(("x").bad)) print(pcall(setmetatable, 1, 2)) print(pcall(ipairs)) print(pcall(math.floor, {})) print(pcall(io.open)) print(pcall(string.char, -1)) print(pcall(table.concat, { {} })) print(pcall(tostring)) print(pcall(rawget, 1)) print(pcall(os.time, { year = 1 })) print(pcall(math.random, 2, 1)) print(pcall(utf8.char, -1))
print(pcall(function() ("x"):rep(1, 2, 3) ("y"):bad() end)) print(pcall(function() string.rep("x", "y") end)) print(pcall(function() ("x"):rep("y") end)) print(pcall(function() local s = string s.rep() end)) print(pcall(function() io.stdout:write({}) end)) print(pcall(function() io.stdout.write("x") end)) print(pcall(function() io.lines("/nonexistent/file") end)) print(io.open("/nonexistent/file")) print(pcall(function() local t = {} t.x.y = 1 end)) print(pcall(function() math.max() end))

-- assert
print(pcall(assert)) print(pcall(assert, false)) print(pcall(assert, nil, "m")) print(pcall(assert, false, 5)) print(pcall(assert, nil, nil)) print(select("#", pcall(assert, nil, nil))) print(assert(1, 2, 3)) print(type(select(2, pcall(assert, false, {})))) print(pcall(assert, 0)) print(pcall(assert, ""))

-- Run-time errors, and the line of each in an expression over many lines.
local function at(f, ...) local ok, e = pcall(f, ...) print((tostring(e):gsub("^.-:(%d+):", function(l) return "+" .. l - debug.getinfo(f, "S").linedefined .. ":" end))) end
at(function()
	local a
	return 1 +
		2 +
		a
end)
at(function()
	local t = {}
	t.x = 1
	t
	.y
	.z = 5
end)
at(function()
	local f
	return tostring(
		f(
			1
		)
	)
end)
at(function(x)
	for i = 1, 10 do
		if i == 3 then
			x()
		end
	end
end)
at(function()
	return {
		1,
		nil .. "x",
	}
end)
at(function()
	local s = "a" .. "b"
		.. {}
		.. "c"
end)
at(function() for i = 1, "x" do end end) at(function() for i = 1, 10, 0 do end end) at(function() for i = {}, 10 do end end) at(function() return 1 < "2" end) at(function() return {} < {} end) at(function() return 2^53 | 1.5 end) at(function() return 1 // 0 end) at(function() return 1 % 0 end) at(function() return math.tointeger(2^53) << 1.5 end) at(function() return #5 end) at(function() return -{} end) at(function() local a = "x" + 1 end) at(function() return ("x")() end) at(function() local x <close> = 1 end) at(function() return ~1.5 end) at(function() undefinedfunction() end) at(function() local t = {} t[nil] = 1 end) at(function() local t = {} t[0/0] = 1 end) at(function() a.b.c = 1 end) at(function() local a = {} a.b.c() end) at(function() local a = {} a:method() end) at(function() string.nofunc("x") end) at(function() goto_ = nil; (nil)[1] = 2 end)

-- Tracebacks.
local function level3() print(debug.traceback("here")) print(debug.traceback("from 2", 2)) end
local function level2() level3() end
function level1() level2() return 1 end
level1()
local t = {} function t.method() print((debug.traceback())) end function t:m2() t.method() return nil end t:m2() local function tail() return t.method() end tail() print(pcall(function() return (debug.traceback(nil, 1)) end)) print(debug.traceback(5), debug.traceback(true), debug.traceback({}) ~= nil, debug.traceback("no levels", 50))
local function deep(n) if n == 0 then return (debug.traceback("deep")) end return (deep(n - 1)) end print(deep(40)) print((xpcall(deep, debug.traceback, {}))) print(select(2, xpcall(function() local function inner() error("traced") end inner() end, debug.traceback)))
for w in ("x"):gmatch(".") do print(("a"):gsub("a", function() return (debug.traceback("in gsub"):gsub("\n.*in main.*", "")) end)) end table.sort({ 2, 1 }, function(a, b) print((debug.traceback("in sort"):gsub("\n.*in main.*", ""))) return a < b end) print(load("return debug.traceback('in load')", "=loaded")()) print(load("return debug.traceback('in load')", "some text\nof lines")()) print(load("return debug.traceback('in load')", "@file.lua")())
print(select(2, pcall(setmetatable({}, { __index = function() return debug.traceback("in index") end }).x or function() end)) or (setmetatable({}, { __index = function() return debug.traceback("in index") end }).x)) print(setmetatable({}, { __add = function() return debug.traceback("in add") end }) + 1)
print((coroutine.wrap(function() local function f() return (debug.traceback("co")) end return (f()) end)()))

-- Stack overflow, in all ways, can be caught, and the program goes on.
local function r() return 1 + r() end for i = 1, 3 do local ok, e = pcall(r) print(ok, (e:gsub("\n.*", ""))) end local function hr() return (xpcall(hr, hr)) end print(type(hr())) local ok, e = xpcall(r, function(m) return (m:gsub("\n.*", "")) .. " handled" end) print(ok, e) local s = setmetatable({}, { __tostring = function(s) return tostring(s) end }) print((select(2, pcall(tostring, s)):match("C stack overflow") or select(2, pcall(tostring, s)):match("stack overflow")))

-- The last: an error that nobody catches ends the program, after closing what is to be closed.
local x <close> = setmetatable({}, { __close = function(_, e) print("closed at the end", e) end })
local function finish() error("uncaught") end
finish()
