-- The debug library: getinfo, locals, upvalues, metatables, registry, user values, and hooks.

local function sorted(t) local keys = {} for k in pairs(t) do keys[#keys + 1] = tostring(k) end table.sort(keys) return table.concat(keys, " ") end

-- getinfo: every field of every kind of function.
local function plain(a, b, ...) local c = a return c, b end
local function show(f, what)
	local i = debug.getinfo(f, what)
	local out = {}
	for k, v in pairs(i) do out[#out + 1] = k .. "=" .. (type(v) == "function" and "fn" or type(v) == "table" and "{" .. sorted(v) .. "}" or tostring(v):gsub("\n", "/")) end
	table.sort(out)
	print(table.concat(out, " "))
end
show(plain) show(print) show(load("local x = 1\nreturn x", "=chunk")) show(load("return 1", "@file")) show(load("return 1\n+2")) show(plain, "S") show(plain, "l") show(plain, "u") show(plain, "n") show(plain, "t") show(plain, "r") show(plain, "L") show(load("\n\nlocal x\n\nx = 1\nreturn x"), "L") show(plain, "f") show(print, "Slnutr") show(print, "L") show(coroutine.wrap(print), "S")
print(pcall(debug.getinfo, plain, "X")) print(pcall(debug.getinfo, plain, ">S")) print(pcall(debug.getinfo)) print(pcall(debug.getinfo, "x")) print(debug.getinfo(100)) print(pcall(debug.getinfo, -1)) print(pcall(debug.getinfo, {})) print(debug.getinfo(1, "l").currentline, debug.getinfo(1, "S").what, debug.getinfo(2, "S").what, debug.getinfo(0, "n").name)

-- Names of functions as their callers call them.
local function who() local i = debug.getinfo(2, "n") return tostring(i.name) .. ":" .. i.namewhat end
local function here() return (who()) end global_fn = function() return (who()) end local t = { field = function() return (who()) end, [1] = function() return (who()) end, sub = { f = function() return (who()) end } } function t:method() return (who()) end local up = function() return (who()) end
print(here(), global_fn(), t.field(), t[1](), t.sub.f(), t:method(), (function() return up() end)(), (function() return (up()) end)(), (here)()) local mt = setmetatable({}, { __index = function() return (who()) end, __add = function() return (who()) end, __call = function() return (who()) end, __lt = function() return who() == "lt:metamethod" end, __concat = function() return (who()) end, __unm = function() return (who()) end, __len = function() return (who()) end, __eq = function() return who() == "eq:metamethod" end, __newindex = function() print(who()) end, __close = function() print(who()) end })
print(mt.x, mt + 1, mt(), mt < mt, mt .. "x", -mt, #mt, mt == setmetatable({}, getmetatable(mt))) mt.y = 1 do local c <close> = mt end for k in function() return not done and who() or nil end do print(k) done = true end print(pcall(here)) print(select(2, pcall(pcall, here))) table.sort({ 1, 2 }, function() print(who()) end) print(("x"):gsub("x", function() return (who()) end)) print(load(function() io.write(who(), " ") end) ~= nil) setmetatable({}, { __gc = function() print(who()) end }) collectgarbage() print(coroutine.wrap(function() return (who()) end)()) print(tostring(setmetatable({}, { __tostring = function() return (who()) end }))) local function tailed() return here() end print(tailed()) print((function() return debug.getinfo(1, "t").istailcall end)(), (function() local function inner() return debug.getinfo(1, "t").istailcall end return inner() end)())
global_fn, done = nil

-- Locals: parameters, temporaries, varargs, of other levels and coroutines; setting them.
local function locals(level, co) local out, i = {}, 1 while true do local n, v if co then n, v = debug.getlocal(co, level, i) else n, v = debug.getlocal(level + 1, i) end if not n then break end out[#out + 1] = n .. "=" .. (type(v) == "table" and "table" or type(v) == "function" and "fn" or tostring(v)) i = i + 1 end return table.concat(out, " ") end
local function f(a, b, ...) local c = 10 do local hidden = 1 end for i = 1, 1 do local d = i print(locals(1)) end for k, v in pairs({ 5 }) do print(locals(1)) end local e <const>, g <close> = 7, nil print(locals(1)) print(debug.getlocal(1, -1)) print(debug.getlocal(1, -3)) return a, b, c end print(f(1, 2, "v1", "v2"))
print(debug.getlocal(plain, 1), debug.getlocal(plain, 2), debug.getlocal(plain, 3), debug.getlocal(print, 1)) print(pcall(debug.getlocal, 100, 1)) print(pcall(debug.getlocal, plain, 1)) print((function(x, y) print(debug.setlocal(1, 1, "set"), debug.setlocal(1, 2, nil), debug.setlocal(1, 50, 1)) return x, y end)(1, 2)) print(pcall(debug.setlocal, 100, 1, 1)) local function outer() local o = 1 local function inner() return debug.setlocal(2, 1, "changed from inside") end inner() return o end print(outer()) print((function(...) debug.setlocal(1, -2, "second") return ... end)(1, 2, 3))
local co = coroutine.create(function(p) local q = p * 2 coroutine.yield(q) return q end) coroutine.resume(co, 4) print(locals(1, co)) print(debug.setlocal(co, 1, 2, "replaced"), coroutine.resume(co)) print(debug.getinfo(co, 0), debug.getinfo(coroutine.create(print), 0)) print(pcall(debug.getlocal, co, 5, 1)) local function shadow() local x = 1 local x = 2 local x = 3 return (locals(1)) end print(shadow()) local function used(a) local b = a + 1 return b end print(debug.getinfo(used, "r").ftransfer)

-- Upvalues.
local u1, u2 = 1, 2 local function ups() return u1, u2, print end print(debug.getupvalue(ups, 1)) print(debug.getupvalue(ups, 2)) print(debug.getupvalue(ups, 3), debug.getupvalue(ups, 4), debug.getupvalue(ups, 0)) print(debug.setupvalue(ups, 1, "new"), u1, debug.setupvalue(ups, 9, 1)) print(debug.getupvalue(string.gmatch("x", "x"), 1), debug.getupvalue(print, 1), debug.setupvalue(print, 1, 2)) print(debug.upvalueid(ups, 1) == debug.upvalueid(function() return u1 end, 1), debug.upvalueid(ups, 1) == debug.upvalueid(ups, 2)) print(pcall(debug.upvalueid, ups, 10)) print(pcall(debug.upvaluejoin, ups, 10, ups, 1)) print(pcall(debug.upvaluejoin, print, 1, ups, 1)) local a1, b1 = 1, 2 local function fa() return a1 end local function fb() return b1 end debug.upvaluejoin(fa, 1, fb, 1) print(fa(), fb()) b1 = 5 print(fa(), a1) print((debug.getupvalue(load("return x"), 1))) 

-- Metatables, user values, registry, and what is no userdata.
print(debug.getmetatable({}), debug.getmetatable("").__index == string, debug.setmetatable({}, nil) ~= nil, pcall(debug.setmetatable, {}, 1)) print(debug.getmetatable(io.stdout).__name, debug.getuservalue(io.stdout, 1), debug.getuservalue({}, 1), debug.setuservalue ~= nil, pcall(debug.setuservalue, {}, 1), debug.setuservalue(io.stdout, 1, 5)) print(type(debug.getregistry()), debug.getregistry()[2] == _G, type(debug.getregistry()[1]), type(debug.getregistry()._LOADED)) local old = debug.getmetatable(1) debug.setmetatable(1, { __index = math }) print((2.5):floor(), (7):type()) debug.setmetatable(1, old)

-- Hooks: lines.
local trace = {} local function line_hook(event, line) trace[#trace + 1] = line end
local function traced(f, ...) trace = {} debug.sethook(line_hook, "l") f(...) debug.sethook() local base = debug.getinfo(f, "S").linedefined for i, l in ipairs(trace) do trace[i] = l - base end trace[#trace] = nil print(table.concat(trace, " ")) end
traced(function()
	local a = 1
	if a then
		a = 2
	else
		a = 3
	end
	for i = 1, 3 do
		a = a + i
	end
	while a > 5 do a = a - 1 end
	for k, v in pairs({ 1, 2 }) do
		a = a +
			v
	end
	repeat
		a = a + 1
	until a > 8
	local f = function()
		return 1
	end
	f()
	local t = {
		1,
		f(),
		x = 2,
	}
	goto e
	a = 1
	::e::
	return t
end)
traced(function() local x = 1 x = 2 for i = 1, 2 do x = i end end) traced(function(n)
	if n == 0 then return end
	local a <close> = setmetatable({}, { __close = function()
		local z = 1
	end })
	for i = n, 1, -1 do if i == 2 then
		break end end
	return
		n
end, 3)
traced(coroutine.wrap(function() end) and function()
	local co = coroutine.wrap(function()
		coroutine.yield()
	end)
	co()
	co()
end)

-- Hooks: calls, returns, tail calls, counts; the hook's own calls are not seen.
local events = {} local function call_hook(e) local i = debug.getinfo(2, "nSlt") events[#events + 1] = e .. ":" .. tostring(i.name) .. ":" .. i.what .. (i.istailcall and ":tail" or "") end
local function g(x) return x end local function h(x) return g(x) end local function k(x) local r = h(x) return r end debug.sethook(call_hook, "cr") k(1) math.abs(-1) pcall(error, "x") string.gsub("a", "a", g) debug.sethook() print(table.concat(events, "\n"))
local count = 0 debug.sethook(function(e) count = count + 1 end, "", 100) for i = 1, 10000 do local x = i end debug.sethook() print(count > 100 and count < 1000) print(debug.gethook()) debug.sethook(print, "crl", 50) local hk, mask, n = debug.gethook() debug.sethook() print(hk == print, mask, n) print(debug.gethook()) debug.sethook(function() end, "") print(debug.gethook()) debug.sethook(nil, "l") print(debug.gethook()) print(pcall(debug.sethook, 5, "l"))
local co = coroutine.create(function() local a = 1 local b = 2 coroutine.yield() local c = 3 end) local seen = {} debug.sethook(co, function(e, l) seen[#seen + 1] = e end, "lcr") coroutine.resume(co) coroutine.resume(co) print(table.concat(seen, " "), debug.gethook() == nil, select(2, debug.gethook(co)))
local ok, e = pcall(function() debug.sethook(function() debug.sethook() error("from the hook", 0) end, "l")
	local x = 1 debug.sethook() end) debug.sethook() print(ok, e) local steps = 0 local ok, e = pcall(function() debug.sethook(function() steps = steps + 1 if steps > 5 then error("timeout", 0) end end, "", 1000) while true do end end) debug.sethook() print(ok, e, steps)
local transfers = {} debug.sethook(function(e) local i = debug.getinfo(2, "r") local vals = {} for j = i.ftransfer, i.ftransfer + i.ntransfer - 1 do vals[#vals + 1] = tostring((select(2, debug.getlocal(2, j)))) end transfers[#transfers + 1] = e .. "(" .. table.concat(vals, ",") .. ")" end, "cr") math.max(3, 1, 2) g("arg") select(2, "a", "b", "c") debug.sethook() for i, s in ipairs(transfers) do if not s:find("function") then print(s) end end
local inside debug.sethook(function(e, l) debug.sethook() inside = debug.getinfo(2, "l").currentline == l end, "l")
local y = 1 print(inside) local depth = 0 debug.sethook(function() depth = depth + 1 local function nested() return depth end nested() end, "c") g(1) g(2) debug.sethook() print(depth) debug.sethook(function(e, l) debug.setlocal(2, 1, 77) end, "l") local function victim(x)
	return x end print(victim(1)) debug.sethook() debug.sethook(function() end, "crl", 1) local s = 0 for i = 1, 100 do s = s + select("#", table.unpack({}, 1, i)) end local ok = pcall(error) local st = tostring(setmetatable({}, { __tostring = function() return "hooked" end })) local function va(...) return select("#", ...), ... end local n1, n2 = va(1, 2, 3) debug.sethook() print(s, ok, st, n1, n2)
