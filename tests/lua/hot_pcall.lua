-- pcall and xpcall in hot code: what they call is part of the traces around them.
local N = 1200
-- Each function gets a loop of its own, so that it has traces of its own.
local function each(name, f)
	local all = {}
	load("local all, f, N = ... for i = 1, N do all[i] = table.pack(f(i)) end", "=loop")(all, f, N)
	local seen, order = {}, {}
	for i = 1, N do
		local r = all[i]
		for k = 1, r.n do r[k] = tostring(r[k]):gsub("0x%x+", "ADDRESS") end
		local text = table.concat(r, " ")
		if not seen[text] then seen[text] = 0 order[#order + 1] = text end
		seen[text] = seen[text] + 1
	end
	for k = 1, math.min(#order, 12) do print(name, order[k], seen[order[k]]) end
	print(name, #order)
end

-- Results, arguments, missing and extra ones.
local function sum(a, b, ...) return a + (b or 0) + select("#", ...), b end
each("sum", function(i) return pcall(sum, i % 3, 2) end)
each("sum1", function(i) return pcall(sum, i % 3) end)
each("sum4", function(i) local ok, a = pcall(sum, 1, i % 4, nil, nil) return ok, a end)
each("none", function(i) return pcall(function() end) end)
each("cut", function(i) return (pcall(sum, i, i)) end)
each("vararg", function(i) return select("#", pcall(function(...) return ... end, 1, nil, i % 2, nil)) end)
each("passed", function(i) local t = {pcall(sum, 1, 2)} return #t, select("#", pcall(sum, 1, 2, 3)) end)
each("x", function(i) return xpcall(sum, print, i % 3, 2) end)
each("nested", function(i) return pcall(pcall, pcall, sum, 1, i % 3) end)
each("nested2", function(i)
	return pcall(function(a) return pcall(function(b) return xpcall(function(c) return a + b + c end, print, 3) end, 2) end, i % 4)
end)
local function tail(f, ...) return pcall(f, ...) end
each("tail", function(i) return tail(sum, i % 3, 1) end)
each("tail2", function(i) return pcall(function(a) return tail(sum, a, 1) end, i % 3) end)
each("callee", function(i) return pcall(function(a) return sum(a, 1) end, i % 3) end)

-- C functions.
each("known", function(i) return pcall(math.floor, i / 4 % 2), pcall(select, "#", 1, i), pcall(select, -1, 1, i % 2) end)
each("knownfails", function(i) return pcall(math.floor, i % 4 == 0 and {} or 1.5), pcall(string.byte, i % 4 == 0 and print or "x"), pcall(assert, i % 4 ~= 0, "no"), pcall(assert) end)
each("knownwrites", function(i) local t = setmetatable({1}, i % 4 == 0 and {__index = 1} or nil) local ok, e = pcall(table.insert, t, i % 2) return ok, e, #t, pcall(rawset, t, i % 5 ~= 0 and 2 or nil, 3) end)
each("error", function(i) return pcall(error, i % 3), pcall(error, "text" .. i % 3), pcall(error, "text", 2), pcall(error) end)

-- Errors: of the interpreter, of C functions, of error() at each level, values of all types.
each("arith", function(i) return pcall(function(a) return a + 1 end, i % 5 == 0 and {} or i % 5) end)
each("index", function(i) local t = i % 5 == 0 and nil or {x = 1} return pcall(function() return t.x end) end)
each("call", function(i) local f = i % 5 ~= 0 and sum or nil return pcall(function() return f(1, 2) end) end)
each("notfunction", function(i) return pcall(i % 5 ~= 0 and sum or 12, 1, 2) end)
each("object", function(i) return pcall(i % 5 ~= 0 and sum or setmetatable({}, {__call = function(_, a, b) return a - b end}), 1, 2) end)
each("c", function(i) return pcall(function(n) return (("x"):rep(n)) end, i % 5 == 0 and {} or i % 5) end)
each("cdirect", function(i) return pcall(string.rep, "x", i % 5 == 0 and {} or i % 5) end)
for level = 0, 4 do
	each("error" .. level, function(i)
		local function inner(k) if k == 0 then error("inner", level) end return k end
		local function outer(k) local r = inner(k) return r + 1 end
		return pcall(outer, i % 4)
	end)
	each("always" .. level, function(i) return pcall(function() error("always" .. i % 3, level) end) end)
	each("tailerror" .. level, function(i) return pcall(function() return error("tail" .. i % 3, level) end) end)
end
for _, level in ipairs {1 - (1 << 32), -1, 1 << 32, (1 << 32) + 1, math.mininteger, "1"} do
	each("farlevel", function(i) return pcall(function() if i % 3 == 0 then error("far", level) end return "fine" end) end)
end
for _, value in ipairs {1, 1.5, "text", true, false, setmetatable({}, {__tostring = function() return "made" end}), print} do
	each("value", function(i) return pcall(function() if i % 3 == 0 then error(value) end return "fine" end) end)
	each("value2", function(i) return pcall(function() if i % 3 == 0 then error(value, 2) end return "fine" end) end)
end
each("nil", function(i) return pcall(function() if i % 3 == 0 then error() end return "fine" end) end)
each("nil2", function(i) return pcall(function() if i % 3 == 0 then error(nil) end return "fine" end) end)
each("long", function(i) return pcall(function() if i % 3 == 0 then error(("long"):rep(20)) end return "fine" end) end)
each("badlevel", function(i) return pcall(function() if i % 3 == 0 then error("x", "y") end return "fine" end) end)
each("floatlevel", function(i) return pcall(function() if i % 3 == 0 then error("x", 1.0) end return "fine" end) end)
each("assert", function(i) return pcall(function() return assert(i % 3 ~= 0, "said") end) end)
each("assert1", function(i) return pcall(function() return assert(i % 3 ~= 0) end) end)
each("assertnil", function(i) return pcall(function() return assert(i % 3 ~= 0 or nil, nil) end) end)
each("assertobject", function(i) return pcall(function() return assert(i % 3 ~= 0, {}) end) end)
each("assertnone", function(i) return pcall(function() return assert() end) end)
each("rethrown", function(i)
	local ok, e = pcall(function()
		local ok, e = pcall(function(k) if k == 0 then error({code = k}) end return k end, i % 3)
		if not ok then e.code = e.code + 1 error(e, 0) end
		return e
	end)
	return ok, type(e) == "table" and e.code or e
end)
each("caught", function(i)
	local caught = 0
	for k = 1, 5 do if not pcall(function() if k % 2 == 0 then error("even") end end) then caught = caught + 1 end end
	return caught
end)
each("deep", function(i)
	local function down(n) if n == 0 then error("bottom") end return (down(n - 1)) end
	return pcall(down, i % 6)
end)
each("deeptail", function(i)
	local function down(n) if n == 0 then error("bottom", 2) end return down(n - 1) end
	return pcall(down, i % 6)
end)
-- From frames at several distances: of one call, over callers with more and fewer registers.
local function thrower(i, ...) if i % 3 == 0 then error("thrown" .. i % 5, 0) end return i % 4 end
local callers = {
	function(i) return (thrower(i)) end,
	function(i) local a, b, c, d = 1, 2, 3, 4 local r = thrower(i) return r + a + b + c + d end,
	function(...) local r = thrower(...) return r end,
	function(i) local r = (function(...) local s = thrower(...) return s end)(i, 1, 2, 3) return r end,
	function(i) for k in thrower, i do return k end end,
	function(i) return setmetatable({}, {__add = function(a, b) local r = thrower(b) return r end}) + i end,
}
local function distances(first, last)
	local log = {}
	for i = 1, 600 do
		local x, y = i % 7, "y"
		local ok, v = pcall(callers[first + i // 50 % (last - first + 1)], i, i)
		log[#log + 1] = x .. y .. tostring(ok) .. tostring(v)
	end
	return table.concat(log, " ")
end
for first = 1, #callers do for last = first, #callers do
	local text, sum = distances(first, last), 0
	for k = 1, #text do sum = (sum * 31 + text:byte(k)) % 1000003 end
	print("distances", first, last, #text, sum)
end end

each("metamethod", function(i)
	local m = setmetatable({}, {__add = function(a, b) if b % 4 == 0 then error("added") end return b end,
		__index = function(t, k) return pcall(error, k) end, __lt = function(a, b) return pcall(function() return i % 2 == 0 end) end})
	return m.x, m < m, pcall(function() return m + i % 8 end)
end)

-- Message handlers: what they are given, where they run, what they may do.
local function handler(e) return "handled " .. tostring(e) end
each("handler", function(i) return xpcall(function(a) return a + 1 end, handler, i % 5 == 0 and {} or 1) end)
each("handlererror", function(i) return xpcall(function() if i % 4 == 0 then error("x") end return 1 end, handler) end)
each("traceback", function(i)
	local function thrower(k) if k == 0 then error("deep") end return k end
	return xpcall(function(k) local r = thrower(k) return r end, debug.traceback, i % 4)
end)
each("handlerfails", function(i) return xpcall(function(k) if k == 0 then error("x") end end, function(e) error("again", 0) end, i % 4) end)
each("inhandler", function(i) return xpcall(function(k) if k == 0 then error("x") end end, function(e) return pcall(handler, e) end, i % 4) end)
each("outer", function(i) return xpcall(function(k)
	local ok, e = pcall(function() if k == 0 then error("in") end return k end)
	if k == 1 then error("out") end
	return ok, e end, handler, i % 4) end)
each("inner", function(i) return pcall(function(k)
	local ok, e = xpcall(function() if k == 0 then error("in") end return k end, handler)
	if k == 1 then error("out") end
	return ok, e end, i % 4) end)
each("cgets", function(i) return pcall(function() return xpcall(string.rep, handler, i % 4 == 0 and {} or "x", 2) end) end)
each("handlernone", function(i) return pcall(xpcall, sum) end)
each("handlerno", function(i) return pcall(xpcall, sum, i % 2 == 0 and 1 or handler, 1, 2) end)
-- The handler of an outer one is not called for what an inner one caught, and is after it.
local calls = 0
for i = 1, N do
	xpcall(function()
		pcall(function() if i % 3 == 0 then error("inner") end end)
		if i % 5 == 0 then error("outer") end
	end, function(e) calls = calls + 1 return e end)
end
print("handler calls", calls)

-- Levels and names, seen from inside.
local function where(level)
	local i = debug.getinfo(level + 1, "nSl")
	return i and (i.name or "?") .. ":" .. i.what .. ":" .. i.currentline or "none"
end
each("where", function(i) return pcall(function() return where(1), where(2), where(3), where(4) end) end)
each("xwhere", function(i) return xpcall(function() return where(1), where(2), where(3), (debug.traceback("here")) end, print) end)
each("locals", function(i) return pcall(function() local n, v = debug.getlocal(1, 1) return n, v end) end)

-- Variables that are shared or to be closed.
each("upvalues", function(i)
	local n, get = 0
	local ok, e = pcall(function()
		local mine = i % 4
		get = function() mine = mine + 1 n = n + 1 return mine end
		if mine == 0 then error("shared") end
		return mine
	end)
	return ok, e, get(), get(), n
end)
each("close", function(i)
	local log = {}
	local ok, e = pcall(function()
		local a <close> = setmetatable({}, {__close = function(_, e) log[#log + 1] = "a" .. tostring(e) end})
		local b <close> = setmetatable({}, {__close = function(_, e) log[#log + 1] = "b" .. tostring(e) if i % 5 == 0 then error("closing", 0) end end})
		if i % 4 == 0 then error("closed", 0) end
		return i % 4
	end)
	return ok, e, table.concat(log, ",")
end)
each("around", function(i)
	local log = ""
	do
		local a <close> = setmetatable({}, {__close = function(_, e) log = log .. "a" .. tostring(e) end})
		log = log .. tostring(pcall(function() if i % 4 == 0 then error("x") end end))
	end
	return log
end)
each("state", function(i)
	local t = {n = 0}
	pcall(function() t.n = t.n + 1 t.list = {i % 3} if i % 3 == 0 then error("x") end t.n = t.n + 10 t[1] = {} end)
	return t.n, t.list[1], #t
end)

-- Overflows and a lack of memory are caught where they belong.
local function endless(n) return 1 + endless(n + 1) end
for i = 1, 4 do local ok, e = pcall(endless, 1) print(ok, (tostring(e):gsub("^[^:]*:", ""):gsub("\n.*", ""))) end
for i = 1, 60 do
	local ok, e = pcall(function() if i % 20 == 0 then return endless(1) end return i end)
	if not ok then print(ok, e:match("stack overflow")) end
end
local function nest(n) if n == 0 then return "end" end return select(2, pcall(nest, n - 1)) end
for i = 1, 60 do nest(i % 30) end
print(nest(100), nest(20000) ~= nil)
local function into(n) if n == 0 then error("deepest", 0) end local ok, e = pcall(into, n - 1) return e end
for i = 1, 60 do pcall(into, i % 20) end
print(pcall(into, 30))

-- Coroutines: yields over pcall, errors after them, pcall of what resumes.
each("yield", function(i)
	local co = coroutine.wrap(function()
		local ok, a = pcall(function(x) local y = coroutine.yield(x) if y == 0 then error("resumed", 0) end return y end, i % 3)
		local ok2, b = xpcall(function(x) local y = coroutine.yield(x) if y == 0 then error("again", 0) end return y end, handler, 1)
		return tostring(ok) .. tostring(a) .. tostring(ok2) .. tostring(b)
	end)
	return co(), co(i % 3), co(i % 4)
end)
do
	local co = coroutine.wrap(function()
		for i = 1, N do
			local ok, e = pcall(function(k)
				if k % 10 == 0 then coroutine.yield("y" .. k) end
				if k % 20 == 0 then error("e" .. k, 0) end
				return k
			end, i)
			if not ok then coroutine.yield(e) end
		end
		return "over"
	end)
	local all = {}
	repeat all[#all + 1] = co() until all[#all] == "over"
	print(table.concat(all, " "))
end
each("wrap", function(i)
	return pcall(function() return coroutine.wrap(function() if i % 4 == 0 then error("in coroutine", 0) end return i % 4 end)() end)
end)
-- pcall below C functions: no frame can catch there.
each("sort", function(i)
	local l = {3, 1, 2}
	table.sort(l, function(a, b) local ok, r = pcall(function() if a == b then error("same") end return a < b end) return ok and r end)
	return l[1], l[2], l[3]
end)
each("sortfails", function(i) return pcall(table.sort, {3, 1, 2}, function(a, b) if i % 4 == 0 then error("sorting", 0) end return a < b end) end)
each("gsub", function(i)
	return pcall(function() return (("abc"):gsub(".", function(c) local ok, e = pcall(function() if c == "b" then error("b", 0) end return c end) return ok and c or "<" .. e .. ">" end)) end)
end)
local function shared(k) if k % 3 == 0 then error("third", 0) end return k end
local function loop(n) local s = 0 for k = 1, n do local ok, e = pcall(shared, k) s = s + (ok and e or 1) end return s end
print(loop(500))
print(select(2, pcall(loop, 500)), (("x"):gsub("x", function() return loop(500) end)))
print(coroutine.wrap(function() return loop(500) end)())
local sorted = {1, 2, 3, 4} table.sort(sorted, function(a, b) return loop(100) > 0 and a > b end) print(table.concat(sorted, " "))
for i = 1, 40 do xpcall(error, function() return loop(100) end) end
print(loop(100))

-- Hooks that come and go while one is open.
local events = 0
for i = 1, 60 do
	pcall(function()
		if i % 20 == 0 then debug.sethook(function() events = events + 1 end, "r") end
		return i
	end)
	debug.sethook()
end
print("events", events)
-- The running garbage collector's finalizers raise and catch.
local finalized = 0
for i = 1, 2000 do
	pcall(function() setmetatable({}, {__gc = function() if not pcall(error, "x") then finalized = finalized + 1 end end}) if i % 7 == 0 then error("x") end end)
end
collectgarbage() collectgarbage()
print(finalized)
